//! Python, Ruby, Perl, Lua and other scripting languages.

use super::super::class::Class::*;
use super::super::row::{
    BACKTICK, DOUBLE, Inside, LONG_DOUBLE, LONG_SINGLE, Quote, ROW, Row, SINGLE, TRIPLE_DOUBLE, TRIPLE_SINGLE, rule,
};

pub(super) static ROWS: &[Row] =
    &[PYTHON, RUBY, CRYSTAL, PERL, RAKU, LUA, MOONSCRIPT, TCL, AWK, SED, APPLESCRIPT, AUTOHOTKEY, GDSCRIPT, VIM];

const PYTHON: Row = Row {
    names: &["python", "py", "python3", "py3", "python2", "pyi", "sage", "ipython", "cython", "pyx", "mojo"],
    line_comments: &["#"],
    quotes: &[TRIPLE_DOUBLE, TRIPLE_SINGLE, DOUBLE, SINGLE],
    prefixes: "r b f u t R B F U br rb fr rf Rb bR BR",
    words: &[
        (
            Keyword,
            "as assert async await break case class continue def del elif else except finally for global if lambda \
             match nonlocal pass raise return try while with yield",
        ),
        (Import, "from import"),
        (WordOperator, "and in is not or"),
        (Constant, "True False None"),
        (
            Builtin,
            "abs aiter all anext any ascii bin bool breakpoint bytearray bytes callable chr classmethod compile \
             complex delattr dict dir divmod enumerate eval exec filter float format frozenset getattr globals \
             hasattr hash hex id input int isinstance issubclass iter len list locals map max memoryview min next \
             object oct open ord pow print property range repr reversed round set setattr slice sorted staticmethod \
             str sum super tuple type vars zip __import__ self cls basestring unicode xrange raw_input unichr reduce \
             long",
        ),
        (
            Builtin,
            "ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BrokenPipeError \
             ConnectionError DeprecationWarning EOFError Ellipsis EnvironmentError Exception ExceptionGroup \
             FileExistsError FileNotFoundError ImportError IndexError IOError InterruptedError IsADirectoryError \
             KeyError KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError NotADirectoryError \
             NotImplemented NotImplementedError OSError OverflowError PermissionError RecursionError ReferenceError \
             RuntimeError RuntimeWarning StopAsyncIteration StopIteration SyntaxError SystemError SystemExit \
             TimeoutError TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError UserWarning \
             ValueError Warning ZeroDivisionError",
        ),
        (
            Function,
            "__init__ __new__ __call__ __del__ __str__ __repr__ __enter__ __exit__ __eq__ __ne__ __lt__ __le__ \
             __gt__ __ge__ __hash__ __len__ __iter__ __next__ __getitem__ __setitem__ __delitem__ __contains__ \
             __getattr__ __setattr__ __delattr__ __getattribute__ __get__ __set__ __add__ __sub__ __mul__ \
             __truediv__ __and__ __or__ __bool__ __aenter__ __aexit__ __await__ __class_getitem__ __init_subclass__ \
             __post_init__",
        ),
        (Variable, "__name__ __file__ __doc__ __class__ __dict__ __module__ __slots__ __all__"),
    ],
    nexts: &[(Function, "def"), (TypeName, "class"), (Namespace, "from import")],
    sigils: &[("@", Decorator)],
    ..ROW
};

const RUBY: Row = Row {
    names: &[
        "ruby",
        "rb",
        "rake",
        "gemfile",
        "podfile",
        "vagrantfile",
        "rakefile",
        "irb",
        "fastlane",
        "brewfile",
        "jbuilder",
        "duby",
    ],
    line_comments: &["#"],
    block_comments: &[("=begin", "\n=end")],
    quotes: &[
        Quote { inside: Inside::HashBraces, ..LONG_DOUBLE },
        LONG_SINGLE,
        Quote { inside: Inside::HashBraces, ..BACKTICK },
    ],
    words: &[
        (
            Keyword,
            "alias begin BEGIN break case class def defined? do else elsif end END ensure for if in module next redo \
             rescue retry return super then undef unless until when while yield",
        ),
        (
            Keyword,
            "attr attr_accessor attr_reader attr_writer extend include loop prepend private protected public \
             module_function new catch raise throw",
        ),
        (Constant, "true false nil"),
        (WordOperator, "and or not"),
        (
            Builtin,
            "self abort at_exit autoload binding block_given? caller define_method eval exec exit fail format freeze \
             gets instance_eval instance_variable_get instance_variable_set is_a? kind_of? lambda load \
             method_missing nil? open p print printf proc putc puts rand readline readlines require require_relative \
             respond_to? select send sleep spawn sprintf srand system tap test to_a to_s trap warn Array Float \
             Integer String __FILE__ __LINE__ __method__ __dir__",
        ),
    ],
    nexts: &[(Function, "def"), (TypeName, "class"), (Namespace, "module")],
    sigils: &[("@@", Variable), ("@", Variable), ("$", Variable), (":", Symbol)],
    name_rest: "?!",
    capitals: ConstantName,
    keys: Symbol,
    rules: rule::HEREDOC | rule::REGEX | rule::PERCENT_LITERALS,
    ..ROW
};

const CRYSTAL: Row = Row {
    names: &["crystal", "cr"],
    block_comments: &[],
    words: &[
        (
            Keyword,
            "abstract alias annotation as as? asm begin break case class def do else elsif end ensure enum extend \
             for fun if in include instance_sizeof is_a? lib loop macro module new next of offsetof out pointerof \
             private protected require rescue responds_to? return select sizeof struct super then type typeof \
             uninitialized union unless until verbatim when while with yield",
        ),
        (Constant, "true false nil"),
        (
            Builtin,
            "self abort at_exit getter setter property gets p pp print printf puts raise rand read_line sleep spawn \
             sprintf system",
        ),
    ],
    nexts: &[(Function, "def macro fun"), (TypeName, "class struct enum lib annotation alias"), (Namespace, "module")],
    ..RUBY
};

const PERL: Row = Row {
    names: &["perl", "pl", "pm"],
    line_comments: &["#"],
    block_comments: &[
        ("=pod", "\n=cut"),
        ("=head", "\n=cut"),
        ("=over", "\n=cut"),
        ("=item", "\n=cut"),
        ("=begin", "\n=cut"),
        ("=encoding", "\n=cut"),
        ("=for", "\n=cut"),
    ],
    quotes: &[LONG_DOUBLE, LONG_SINGLE, BACKTICK],
    words: &[
        (
            Keyword,
            "BEGIN CHECK END INIT case catch continue default do else elsif for foreach given if last local my next \
             no our package redo require reset return say state sub then try unless until use wantarray when while",
        ),
        (WordOperator, "and cmp eq ge gt isa le lt ne not or x xor"),
        (
            Builtin,
            "abs accept atan2 bind binmode bless caller chdir chmod chomp chop chown chr chroot close closedir \
             connect cos crypt defined delete die each eof eval exec exists exit exp fcntl fileno flock fork format \
             getc glob gmtime grep hex import index int ioctl join keys kill lc lcfirst length link listen localtime \
             log lstat map mkdir new oct open opendir ord pack pipe pop pos print printf prototype push quotemeta \
             rand read readdir readline readlink ref rename reverse rewinddir rindex rmdir scalar seek select shift \
             sin sleep sort splice split sprintf sqrt srand stat study substr symlink syscall sysopen sysread system \
             syswrite tell tie time times truncate uc ucfirst umask undef unlink unpack unshift untie utime values \
             vec wait waitpid warn write",
        ),
        (Constant, "STDIN STDOUT STDERR ARGV ENV __FILE__ __LINE__ __PACKAGE__ __DATA__"),
        (Comment, "__END__"),
    ],
    nexts: &[(Function, "sub"), (Namespace, "package use")],
    sigils: &[("$#", Variable), ("$", Variable), ("@", Variable), ("%", Variable), ("&", Function)],
    rules: rule::HEREDOC | rule::REGEX | rule::PERL_QUOTES,
    ..ROW
};

const RAKU: Row = Row {
    names: &["raku", "perl6", "p6"],
    words: &[
        (
            Keyword,
            "BEGIN CATCH END ENTER LEAVE but class constant default does else elsif enum export for gather given \
             grammar has if import is last let loop method module multi my need next of our package proto redo regex \
             repeat require return returns role rule self state sub submethod subset take temp token trusts try unit \
             unless until use when where while with without orwith",
        ),
        (WordOperator, "and andthen cmp eq eqv ge gt le leg lt ne not notandthen or orelse so X xor Z div mod"),
        (Constant, "True False Nil Inf NaN Any"),
        (
            Type,
            "Int Num Rat Str Bool Array Hash List Seq Set Bag Mix Map Pair Range Date DateTime Junction Code Block \
             Sub Method",
        ),
        (
            Builtin,
            "say print put note printf sprintf dd die warn map grep sort reverse keys values push pop shift unshift \
             join split comb elems defined EVAL slurp spurt lines words open close prompt first",
        ),
    ],
    nexts: &[
        (Function, "sub method submethod token rule regex"),
        (TypeName, "class role grammar enum subset"),
        (Namespace, "module package use"),
    ],
    name_rest: "-",
    ..PERL
};

const LUA: Row = Row {
    names: &["lua", "luau", "pico8"],
    line_comments: &["--", "#!"],
    words: &[
        (Keyword, "break do else elseif end for goto if in repeat return then until while continue"),
        (Declaration, "function local"),
        (Constant, "true false nil"),
        (WordOperator, "and or not"),
        (
            Builtin,
            "_G _VERSION assert bit32 collectgarbage coroutine debug dofile error getmetatable io ipairs load \
             loadfile loadstring math module next os package pairs pcall print rawequal rawget rawlen rawset require \
             select setmetatable string table tonumber tostring type unpack utf8 xpcall",
        ),
    ],
    nexts: &[(Function, "function")],
    rules: rule::LONG_BRACKETS,
    ..ROW
};

const MOONSCRIPT: Row = Row {
    names: &["moonscript", "moon"],
    words: &[
        (
            Keyword,
            "break class continue do else elseif export extends for from if import in local return switch then \
             unless using when while with super",
        ),
        (Constant, "true false nil"),
        (WordOperator, "and or not"),
        (
            Builtin,
            "assert error ipairs math next os pairs pcall print require select self setmetatable string table \
             tonumber tostring type",
        ),
    ],
    nexts: &[(TypeName, "class")],
    sigils: &[("@", Variable)],
    ..LUA
};

const TCL: Row = Row {
    names: &["tcl", "expect"],
    line_comments: &["#"],
    quotes: &[LONG_DOUBLE],
    words: &[
        (
            Keyword,
            "after apply array break catch continue default else elseif error eval expr finally for foreach global \
             if incr lappend list namespace on package proc rename return set source switch throw trap try unset \
             uplevel upvar variable while dict string",
        ),
        (
            Builtin,
            "append binary cd chan clock close concat encoding eof exec exit fconfigure fcopy file fileevent flush \
             format gets glob info interp join lassign lindex linsert llength load lrange lrepeat lreplace lreverse \
             lsearch lset lsort open pid puts pwd read regexp regsub scan seek socket split subst tell time trace \
             update vwait spawn expect send interact",
        ),
    ],
    nexts: &[(Function, "proc")],
    sigils: &[("$", Variable)],
    rules: rule::SPACED_COMMENTS,
    ..ROW
};

const AWK: Row = Row {
    names: &["awk", "gawk", "mawk", "nawk"],
    line_comments: &["#"],
    quotes: &[DOUBLE],
    words: &[
        (
            Keyword,
            "BEGIN BEGINFILE END ENDFILE break case continue default delete do else exit for func function getline \
             if in next nextfile print printf return switch while",
        ),
        (
            Function,
            "atan2 close cos exp fflush gensub gsub index int length log match rand sin split sprintf sqrt srand \
             strftime sub substr system systime tolower toupper asort asorti",
        ),
        (
            Builtin,
            "ARGC ARGIND ARGV CONVFMT ENVIRON ERRNO FIELDWIDTHS FILENAME FNR FPAT FS IGNORECASE NF NR OFMT OFS ORS \
             PROCINFO RLENGTH RS RSTART RT SUBSEP",
        ),
    ],
    nexts: &[(Function, "function func")],
    sigils: &[("$", Variable)],
    rules: rule::REGEX,
    ..ROW
};

const SED: Row = Row {
    names: &["sed", "gsed", "ssed"],
    line_comments: &["#"],
    quotes: &[],
    words: &[(Keyword, "p d D n N g G h H x q Q b t T l P w r a i c y z e F")],
    rules: rule::REGEX | rule::PERL_QUOTES,
    ..ROW
};

const APPLESCRIPT: Row = Row {
    names: &["applescript", "osascript"],
    line_comments: &["--", "#"],
    block_comments: &[("(*", "*)")],
    quotes: &[LONG_DOUBLE],
    words: &[
        (
            Keyword,
            "about above after against apart around as aside at back before beginning behind below beneath beside \
             between by considering continue copy does eighth else end equal error every exit fifth first for fourth \
             from front get given global if ignoring in instead into is it its last local me middle my ninth of on \
             onto out over prop property put repeat return returning script second set seventh since sixth some tell \
             tenth that the then third through thru timeout times to transaction try until where while whose with \
             without",
        ),
        (WordOperator, "and contains div equals isn't mod not or"),
        (Constant, "true false missing value current application pi quote return space tab"),
        (
            Builtin,
            "activate alias beep choose close count delay delete dialog display do shell duplicate keystroke launch \
             list log make move notification open path print quit read run save say set text write",
        ),
        (TypeName, "application document file folder item process window"),
    ],
    rules: rule::NESTED,
    ..ROW
};

const AUTOHOTKEY: Row = Row {
    names: &["autohotkey", "ahk", "autoit", "au3"],
    line_comments: &[";"],
    block_comments: &[("/*", "*/")],
    quotes: &[Quote { escape: b'`', ..DOUBLE }, Quote { escape: b'`', ..SINGLE }],
    words: &[
        (
            Keyword,
            "and as break case catch class continue critical default else exit exitapp extends finally for global \
             gosub goto if in is isset local loop new not or return static super switch this throw try until while",
        ),
        (Constant, "true false null"),
        (
            Builtin,
            "Click ControlClick Gui Hotkey IfWinActive InputBox MouseMove MsgBox Run RunWait Send SendInput SetTimer \
             Sleep WinActivate WinClose WinWait A_Now A_ScriptDir ConsoleWrite",
        ),
    ],
    sigils: &[("#", Preprocessor), ("$", Variable), ("@", Variable), ("%", Variable)],
    rules: rule::FOLD_CASE | rule::SPACED_COMMENTS,
    ..ROW
};

const GDSCRIPT: Row = Row {
    names: &["gdscript", "gd", "godot"],
    line_comments: &["#"],
    quotes: &[TRIPLE_DOUBLE, DOUBLE, SINGLE],
    words: &[
        (
            Keyword,
            "as assert await break breakpoint class class_name const continue elif else enum export extends for func \
             if in is match onready pass preload return setget signal static super tool var when while yield",
        ),
        (WordOperator, "and or not"),
        (Constant, "true false null PI TAU INF NAN"),
        (
            Type,
            "bool int float String Array Dictionary Vector2 Vector3 Color Node Node2D NodePath Object RID void \
             Variant StringName Transform2D Rect2",
        ),
        (Builtin, "self abs ceil clamp cos floor lerp load max min print range round sin sqrt str"),
    ],
    nexts: &[(Function, "func signal"), (TypeName, "class class_name extends enum")],
    sigils: &[("@", Decorator), ("$", Variable)],
    ..ROW
};

const VIM: Row = Row {
    names: &["vim", "viml", "vimscript", "vimrc", "nvim"],
    line_comments: &["\"", "#"],
    quotes: &[DOUBLE, Quote { escape: 0, doubled: true, ..SINGLE }],
    words: &[
        (
            Keyword,
            "abort au augroup autocmd break call catch cmap cnoremap colorscheme com command continue def echo \
             echoerr echom echomsg else elseif enddef endfor endfunction endif endtry endwhile exe execute export \
             filetype finally finish for fun function hi highlight if imap import in inoremap let let lua map match \
             nmap nnoremap nohlsearch noremap normal omap onoremap plug Plug runtime set setlocal silent smap source \
             syn syntax throw try unlet unmap var vim9script vmap vnoremap while xmap xnoremap",
        ),
        (
            Builtin,
            "append argc bufname bufnr col cursor empty escape exists expand filereadable fnamemodify get getline \
             has has_key index input join keys len line map match matchstr mode printf range search setline split \
             strftime string stridx strlen substitute synID system tolower type values winnr",
        ),
        (Constant, "on off true false"),
    ],
    nexts: &[(Function, "function fun def")],
    name_rest: ":#",
    rules: rule::FIRST_COMMENTS,
    ..ROW
};
