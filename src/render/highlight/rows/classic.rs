//! Pascal, Ada, Basic, COBOL, Smalltalk and other classics.

use super::super::class::Class::*;
use super::super::row::{CHARACTER, DOUBLED_DOUBLE, DOUBLED_SINGLE, LONG_DOUBLE, Quote, ROW, Row, rule};

pub(super) static ROWS: &[Row] =
    &[PASCAL, MODULA, ADA, VISUAL_BASIC, VBSCRIPT, BASIC, COBOL, SMALLTALK, EIFFEL, POSTSCRIPT, ABAP, LOGO, ALGOL];

/// A string that ends with its line.
const DOUBLED_LINE: Quote = Quote { lines: false, ..DOUBLED_DOUBLE };
const SINGLE_LINE: Quote = Quote { lines: false, ..DOUBLED_SINGLE };

const PASCAL: Row = Row {
    names: &["pascal", "delphi", "objectpascal", "pas", "freepascal", "lazarus"],
    line_comments: &["//"],
    block_comments: &[("{", "}"), ("(*", "*)")],
    quotes: &[SINGLE_LINE],
    words: &[
        (
            Keyword,
            "absolute abstract and array as asm assembler automated begin case cdecl class const constructor \
             contains default destructor dispinterface div do downto dynamic else end except export exports external \
             far file finalization finally for forward function goto if implementation in inherited initialization \
             inline interface is label library message mod near nil not object of on operator or out overload \
             override package packed pascal private procedure program property protected public published raise read \
             record register reintroduce repeat requires resourcestring safecall sealed set shl shr static stdcall \
             strict then threadvar to try type unit until uses var virtual while with write xor",
        ),
        (
            Type,
            "ansistring boolean byte cardinal char comp currency double extended int64 integer longint longword \
             pchar pointer real shortint shortstring single smallint string tdatetime variant widechar widestring \
             word",
        ),
        (Constant, "true false"),
        (
            Builtin,
            "abs assigned chr copy dec delete dispose exit format freeandnil halt high inc inttostr length low new \
             odd ord pos pred random read readln round setlength sizeof sqr sqrt strtoint succ trunc uppercase \
             writeln",
        ),
    ],
    nexts: &[(Function, "function procedure constructor destructor"), (Namespace, "unit program library")],
    sigils: &[("#", Number), ("$", Number)],
    rules: rule::FOLD_CASE,
    ..ROW
};

const MODULA: Row = Row {
    names: &["modula2", "modula-2", "oberon", "modula3"],
    block_comments: &[("(*", "*)")],
    quotes: &[DOUBLED_LINE, SINGLE_LINE],
    words: &[
        (
            Keyword,
            "AND ARRAY BEGIN BY CASE CONST DEFINITION DIV DO ELSE ELSIF END EXIT EXPORT FOR FROM IF IMPLEMENTATION \
             IMPORT IN IS LOOP MOD MODULE NOT OF OR POINTER PROCEDURE QUALIFIED RECORD REPEAT RETURN SET THEN TO \
             TYPE UNTIL VAR WHILE WITH",
        ),
        (Type, "BITSET BOOLEAN BYTE CARDINAL CHAR INTEGER LONGINT LONGREAL PROC REAL SHORTINT"),
        (Constant, "TRUE FALSE NIL"),
    ],
    nexts: &[(Function, "PROCEDURE"), (Namespace, "MODULE IMPORT FROM")],
    rules: rule::NESTED,
    ..ROW
};

const ADA: Row = Row {
    names: &["ada", "ada95", "ada2005", "spark"],
    line_comments: &["--"],
    quotes: &[DOUBLED_LINE, CHARACTER],
    words: &[
        (
            Keyword,
            "abort abs abstract accept access aliased all and array at begin body case constant declare delay delta \
             digits do else elsif end entry exception exit for function generic goto if in interface is limited loop \
             mod new not null of or others out overriding package pragma private procedure protected raise range \
             record rem renames requeue return reverse select separate some subtype synchronized tagged task \
             terminate then type until use when while with xor",
        ),
        (Type, "boolean character duration float integer long_float long_integer natural positive string wide_string"),
        (Constant, "true false"),
    ],
    nexts: &[
        (Function, "function procedure entry"),
        (Namespace, "package with use body"),
        (TypeName, "type subtype task"),
    ],
    rules: rule::FOLD_CASE,
    ..ROW
};

const VISUAL_BASIC: Row = Row {
    names: &["vb", "vbnet", "vb.net", "visual-basic", "visualbasic"],
    line_comments: &["'"],
    quotes: &[Quote { open: "$\"", ..DOUBLED_LINE }, DOUBLED_LINE],
    words: &[
        (Comment, "rem"),
        (
            Keyword,
            "addhandler addressof alias as async await byref byval call case catch cbool cbyte cdate cdbl cint clng \
             continue csng cstr ctype declare default delegate directcast do each else elseif end endif erase error \
             event exit explicit finally for friend from function get gettype global gosub goto handles if \
             implements imports in inherits interface iterator let lib loop me mustinherit mustoverride mybase \
             myclass namespace narrowing new next not notinheritable notoverridable of on operator option optional \
             overloads overridable overrides paramarray partial private property protected public raiseevent \
             readonly redim removehandler resume return select set shadows shared static step stop strict structure \
             sub synclock then throw to try trycast using wend when where while widening with withevents writeonly \
             yield",
        ),
        (Declaration, "class const dim enum module"),
        (WordOperator, "and andalso is isnot like mod or orelse typeof xor"),
        (Constant, "true false nothing"),
        (
            Type,
            "boolean byte char date decimal double integer long object sbyte short single string uinteger ulong \
             ushort variant",
        ),
    ],
    nexts: &[
        (Function, "function sub property"),
        (TypeName, "class enum interface structure"),
        (Namespace, "imports namespace module"),
    ],
    sigils: &[("#", Preprocessor)],
    rules: rule::FOLD_CASE,
    ..ROW
};

const VBSCRIPT: Row = Row {
    names: &["vbscript", "vba", "vbs", "asp", "excel-vba"],
    words: &[
        (Comment, "rem"),
        (
            Keyword,
            "as byref byval call case class const default dim do each else elseif end erase error executeglobal \
             execute exit explicit for function get goto if in let loop me new next nothing on optional option \
             preserve private property public randomize redim resume return select set static step stop sub then to \
             until wend while with attribute type",
        ),
        (WordOperator, "and eqv imp is mod not or xor like"),
        (Constant, "true false empty null nothing vbcrlf vbtab vbnewline"),
        (Type, "boolean byte currency date double integer long object single string variant range worksheet workbook"),
        (
            Builtin,
            "abs array asc cbool cdate cdbl chr cint clng createobject cstr date dateadd datediff dir filter format \
             getobject hex inputbox instr int isarray isdate isempty isnull isnumeric join lbound lcase left len mid \
             msgbox now replace right rnd round split sqr str trim ubound ucase val wscript application activesheet \
             activeworkbook cells debug",
        ),
    ],
    ..VISUAL_BASIC
};

const BASIC: Row = Row {
    names: &["basic", "qbasic", "freebasic", "purebasic", "bbcbasic", "quickbasic"],
    words: &[
        (Comment, "rem"),
        (
            Keyword,
            "beep call case chain circle close cls color common const data declare def dim do draw else elseif end \
             endif error exit field for function get gosub goto if input key let line locate loop lset next on open \
             option out paint palette play poke preset print pset put randomize read redim restore resume return \
             screen seek select shared sleep sound static step stop sub swap then to type until using wend while \
             width window write",
        ),
        (WordOperator, "and eqv imp mod not or xor"),
        (Type, "double integer long single string as any byte"),
        (
            Builtin,
            "abs asc atn chr$ cos exp fix inkey$ instr int lbound lcase$ left$ len log mid$ peek right$ rnd sgn sin \
             space$ sqr str$ string$ tab tan time$ timer ubound ucase$ val",
        ),
    ],
    name_rest: "$%",
    ..VISUAL_BASIC
};

const COBOL: Row = Row {
    names: &["cobol", "cob", "cbl", "gnucobol"],
    line_comments: &["*>", "*"],
    quotes: &[DOUBLED_LINE, SINGLE_LINE],
    words: &[
        (
            Keyword,
            "accept access add advancing after all alphabetic also alternate and any are ascending assign at before \
             by call cancel close compute configuration contains content continue copy corresponding data date day \
             delete delimited delimiter depending descending display divide division down else end end-add end-call \
             end-compute end-evaluate end-if end-multiply end-perform end-read end-return end-search end-start \
             end-string end-subtract end-unstring end-write environment equal error evaluate exit external false fd \
             file file-control file-status filler for from function giving global go goback greater identification \
             if in index indexed initial initialize input input-output inspect into invalid is just key label \
             leading left length less line linkage lock memory merge mode move multiply native negative next no not \
             numeric object-computer occurs of off on open optional or order organization other output overflow \
             paragraph perform pic picture position positive procedure program program-id random read record \
             redefines reference release remainder renames replace replacing return returning rewrite right rounded \
             run same search section select sentence separate sequence sequential set sign size sort source-computer \
             special-names standard start status stop string subtract symbolic synchronized tallying than then \
             through thru time times to true trailing unstring until up upon usage use using value values varying \
             when with working-storage write",
        ),
        (
            Constant,
            "high-value high-values low-value low-values null nulls space spaces zero zeroes zeros quote quotes",
        ),
        (Type, "binary comp comp-1 comp-2 comp-3 comp-5 computational display-1 packed-decimal pointer"),
    ],
    name_rest: "-",
    rules: rule::FOLD_CASE | rule::FIRST_COMMENTS,
    ..ROW
};

const SMALLTALK: Row = Row {
    names: &["smalltalk", "squeak", "pharo", "st", "newspeak"],
    block_comments: &[("\"", "\"")],
    quotes: &[Quote { open: "'", close: "'", doubled: true, escape: 0, lines: true, one: false, ..LONG_DOUBLE }],
    words: &[
        (Constant, "true false nil"),
        (Builtin, "self super thisContext Transcript"),
        (Keyword, "whileTrue ifTrue ifFalse"),
    ],
    sigils: &[("#", Symbol), ("$", String), (":", Variable)],
    keys: Function,
    capitals: TypeName,
    ..ROW
};

const EIFFEL: Row = Row {
    names: &["eiffel"],
    line_comments: &["--"],
    quotes: &[Quote { escape: b'%', ..DOUBLED_LINE }, CHARACTER],
    words: &[
        (
            Keyword,
            "across agent alias all and as assign attached attribute check class convert create debug deferred \
             detachable do else elseif end ensure expanded export external feature from frozen if implies inherit \
             inspect invariant is like local loop not note obsolete old once only or redefine rename require rescue \
             retry select separate some then undefine until variant when xor",
        ),
        (Constant, "True False Void Current Result Precursor"),
        (Type, "INTEGER REAL BOOLEAN STRING CHARACTER DOUBLE ANY ARRAY LIST"),
    ],
    nexts: &[(TypeName, "class inherit")],
    ..ROW
};

const POSTSCRIPT: Row = Row {
    names: &["postscript", "postscr", "ps", "eps"],
    line_comments: &["%"],
    quotes: &[Quote { open: "(", close: ")", ..LONG_DOUBLE }],
    words: &[
        (
            Keyword,
            "begin bind copy count cvn cvs cvx def dict dup end eq exch exec exit for forall ge gt if ifelse index \
             le length load loop lt mark ne pop put get repeat roll stop stopped",
        ),
        (Constant, "true false null"),
        (
            Builtin,
            "abs add and arc arcn array ceiling charpath clip closepath cos curveto div fill findfont floor grestore \
             gsave lineto makefont moveto mul neg newpath not or rand rcurveto restore rlineto rmoveto rotate round \
             save scale scalefont selectfont setcolor setdash setfont setgray setlinecap setlinejoin setlinewidth \
             setrgbcolor show showpage sin sqrt stringwidth stroke sub translate xor",
        ),
    ],
    sigils: &[("/", Variable)],
    name_rest: "-",
    ..ROW
};

const ABAP: Row = Row {
    names: &["abap"],
    line_comments: &["\"", "*"],
    quotes: &[SINGLE_LINE, Quote { open: "`", close: "`", ..SINGLE_LINE }],
    words: &[
        (
            Keyword,
            "add and append as assign at authority-check begin between by call case catch changing check class clear \
             close collect concatenate condense constants continue create data define definition delete describe do \
             else elseif end endcase endclass enddo endform endfunction endif endinterface endloop endmethod \
             endmodule endselect endtry endwhile event exception exit export exporting field-symbols fields find \
             first form from function get group having if implementation import importing in include inherit \
             inherits initial inner insert instance interface into is join leave let like line lines loop message \
             method methods modify module move new not object occurs of on or order parameters perform private \
             protected public raise raising ranges read receive redefinition ref refresh report return returning \
             search section select select-options selection-screen set shift single skip sort split standard static \
             submit table tables then times to transfer translate try type types unassign up update using value when \
             where while with write xor",
        ),
        (Type, "c d decfloat16 decfloat34 f i n p string t x xstring abap_bool"),
        (Constant, "abap_true abap_false space sy"),
    ],
    name_rest: "-",
    rules: rule::FOLD_CASE,
    ..ROW
};

const LOGO: Row = Row {
    names: &["logo", "netlogo"],
    line_comments: &[";"],
    quotes: &[],
    words: &[
        (
            Keyword,
            "to end if ifelse repeat while forever output stop make local for ask let set report breed globals \
             turtles-own patches-own",
        ),
        (
            Builtin,
            "forward fd back bk left lt right rt penup pu pendown pd home clearscreen cs hideturtle ht showturtle st \
             setxy setheading print show random sum difference product quotient first last butfirst bf word list",
        ),
    ],
    nexts: &[(Function, "to")],
    sigils: &[("\"", String), (":", Variable)],
    name_rest: "-?",
    rules: rule::FOLD_CASE,
    ..ROW
};

const ALGOL: Row = Row {
    names: &["algol", "algol68", "simula", "pl1", "pli"],
    block_comments: &[("/*", "*/")],
    quotes: &[DOUBLED_LINE, SINGLE_LINE],
    words: &[
        (
            Keyword,
            "array begin by call case class comment declare dcl do downto else end esac fi for from go goto if in is \
             label mode od of op out proc procedure put return returns skip step then thru to until when while",
        ),
        (
            Type,
            "binary bit bits bool boolean bytes char character compl decimal fixed float format int integer long \
             real ref short string text varying void",
        ),
        (Constant, "true false none nil"),
    ],
    nexts: &[(Function, "procedure proc")],
    rules: rule::FOLD_CASE,
    ..ROW
};
