//! Shells whose syntax isn't that of sh.

use super::super::class::Class::*;
use super::super::row::{
    BACKTICK, DOUBLE, DOUBLED_SINGLE, Inside, LONG_DOUBLE, LONG_SINGLE, Quote, ROW, Row, SINGLE, rule,
};

pub(super) static ROWS: &[Row] = &[FISH, POWERSHELL, BATCH, NUSHELL, CSH];

const FISH: Row = Row {
    names: &["fish", "fishshell"],
    line_comments: &["#"],
    quotes: &[Quote { inside: Inside::Dollar, ..LONG_DOUBLE }, LONG_SINGLE],
    words: &[
        (Keyword, "and begin break case continue else end exec for function if in not or return switch time while"),
        (
            Builtin,
            "abbr alias argparse bg bind block breakpoint builtin cd command commandline complete contains count \
             dirh dirs disown echo emit eval exit false fg fish_config functions funced funcsave help history isatty \
             jobs math nextd popd prevd printf psub pushd pwd random read realpath set set_color source status \
             string suspend test trap true type ulimit umask vared wait",
        ),
    ],
    nexts: &[(Function, "function")],
    sigils: &[("$", Variable)],
    name_start: "-./~",
    name_rest: "-./~+:",
    rules: rule::SPACED_COMMENTS,
    ..ROW
};

const POWERSHELL: Row = Row {
    names: &["powershell", "ps1", "pwsh", "posh", "psm1", "psd1"],
    line_comments: &["#"],
    block_comments: &[("<#", "#>")],
    quotes: &[
        Quote { open: "@\"", close: "\n\"@", lines: true, escape: b'`', ..DOUBLE },
        Quote { open: "@'", close: "\n'@", lines: true, escape: 0, ..DOUBLE },
        Quote { escape: b'`', lines: true, inside: Inside::DollarParens, ..DOUBLE },
        DOUBLED_SINGLE,
    ],
    words: &[
        (
            Keyword,
            "begin break catch class clean cmdletbinding continue data default define do dynamicparam else elseif \
             end enum exit filter finally for foreach from function hidden if in inlinescript parallel param \
             parameter process return sequence static switch throw trap try until using validatenotnull validateset \
             var where while workflow",
        ),
        (
            Keyword,
            "-and -as -band -bnot -bor -bxor -ccontains -ceq -contains -eq -f -ge -gt -in -is -isnot -join -le -like \
             -lt -match -ne -not -notcontains -notin -notlike -notmatch -or -replace -shl -shr -split -xor",
        ),
        (Constant, "$true $false $null"),
    ],
    nexts: &[(Function, "function filter workflow"), (TypeName, "class enum")],
    sigils: &[("$", Variable), ("-", Attribute)],
    name_rest: "-:",
    rules: rule::FOLD_CASE | rule::SPACED_COMMENTS,
    capitals: Builtin,
    ..ROW
};

const BATCH: Row = Row {
    names: &["batch", "bat", "cmd", "dosbatch", "winbatch", "batchfile"],
    line_comments: &["::", "@rem", "@REM"],
    quotes: &[Quote { escape: b'^', ..DOUBLE }],
    words: &[
        (Comment, "rem"),
        (
            Keyword,
            "assoc break call cd chdir choice cls cmd color copy date del dir do echo else endlocal equ erase \
             errorlevel exist exit for ftype geq goto gtr if in leq lss md mkdir mklink mode more move neq not off \
             on path pause popd prompt pushd rd ren rename rmdir set setlocal shift start taskkill tasklist time \
             timeout title type ver verify vol xcopy robocopy findstr find where reg sc net defined",
        ),
    ],
    sigils: &[("%%", Variable), ("%", Variable), ("!", Variable), (":", Label), ("/", Attribute)],
    name_rest: "%!",
    rules: rule::FOLD_CASE | rule::FIRST_COMMENTS,
    ..ROW
};

const NUSHELL: Row = Row {
    names: &["nushell", "nu"],
    line_comments: &["#"],
    quotes: &[Quote { open: "$\"", inside: Inside::Text, ..LONG_DOUBLE }, LONG_DOUBLE, LONG_SINGLE, BACKTICK],
    words: &[
        (
            Keyword,
            "alias break catch const continue def do else export extern for hide if in let loop match module mut \
             overlay return source try use where while",
        ),
        (Constant, "true false null"),
        (WordOperator, "and or not xor mod like has starts-with ends-with"),
        (
            Type,
            "any binary bool closure datetime duration filesize float int list nothing number path record string table",
        ),
        (
            Builtin,
            "all any append cd cp describe drop each echo enumerate error find first flatten from get group-by help \
             http insert is-empty items join last length lines ls merge mkdir mv open parse path print range reduce \
             reject rename reverse rm save select sleep sort-by split str sum to transpose uniq update upsert wrap \
             zip",
        ),
    ],
    nexts: &[(Function, "def")],
    sigils: &[("$", Variable), ("--", Attribute), ("-", Attribute)],
    name_rest: "-",
    rules: rule::SPACED_COMMENTS,
    ..ROW
};

const CSH: Row = Row {
    names: &["csh", "tcsh"],
    line_comments: &["#"],
    quotes: &[Quote { inside: Inside::Dollar, ..DOUBLE }, SINGLE, BACKTICK],
    words: &[
        (Keyword, "if endif else while then foreach case default continue goto breaksw end switch endsw"),
        (
            Builtin,
            "alias bg break cd chdir dirs echo eval exec exit fg glob hashstat history jobs kill limit login logout \
             nice nohup notify onintr popd printenv pushd rehash repeat set setenv shift source stop suspend time \
             umask unalias unhash unlimit unset unsetenv wait",
        ),
    ],
    sigils: &[("$", Variable)],
    name_rest: "-./",
    rules: rule::SPACED_COMMENTS,
    ..ROW
};
