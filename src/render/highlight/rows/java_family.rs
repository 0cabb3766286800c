//! Languages of the Java machine, and Dart, Haxe, ActionScript, Apex.

use super::super::class::Class::*;
use super::super::row::{
    CHARACTER, DOUBLE, Inside, Quote, RAW_BACKTICK, ROW, Row, SINGLE, TRIPLE_DOUBLE, TRIPLE_SINGLE, rule,
};

pub(super) static ROWS: &[Row] =
    &[JAVA, KOTLIN, SCALA, GROOVY, GRADLE, DART, HAXE, ACTIONSCRIPT, APEX, CEYLON, PROCESSING, GOSU];

const JAVA: Row = Row {
    names: &["java"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &[TRIPLE_DOUBLE, DOUBLE, CHARACTER],
    words: &[
        (
            Keyword,
            "assert break case catch continue default do else finally for if goto instanceof new return switch this \
             throw try while super yield when",
        ),
        (
            Declaration,
            "abstract const enum extends final implements native private protected public sealed static strictfp \
             synchronized throws transient volatile class interface record permits var",
        ),
        (Import, "import package module requires exports"),
        (Constant, "true false null"),
        (Type, "boolean byte char double float int long short void"),
    ],
    nexts: &[(TypeName, "class interface enum record"), (Namespace, "import package")],
    sigils: &[("@", Decorator)],
    after_dot: Attribute,
    rules: rule::DEFINITIONS,
    ..ROW
};

const KOTLIN: Row = Row {
    names: &["kotlin", "kt", "kts"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &[
        Quote { inside: Inside::Dollar, escape: 0, ..TRIPLE_DOUBLE },
        Quote { inside: Inside::Dollar, ..DOUBLE },
        CHARACTER,
    ],
    words: &[
        (
            Keyword,
            "actual abstract annotation as break by catch class companion const constructor continue crossinline \
             data do dynamic else enum expect external final finally for get if import in infix init inline inner \
             internal is it lateinit noinline open operator out override package private protected public reified \
             return sealed set super suspend tailrec this throw try typealias typeof vararg when where while object \
             interface field",
        ),
        (Declaration, "fun val var"),
        (Constant, "true false null"),
        (
            Type,
            "Any Array Boolean BooleanArray Byte Char Double Float Int IntArray List Long Map MutableList MutableMap \
             MutableSet Nothing Number Pair Sequence Set Short String Unit",
        ),
    ],
    nexts: &[
        (Function, "fun"),
        (Variable, "val var"),
        (TypeName, "class interface object typealias"),
        (Namespace, "import package"),
    ],
    sigils: &[("@", Decorator)],
    after_dot: Attribute,
    rules: rule::NESTED,
    ..ROW
};

const SCALA: Row = Row {
    names: &["scala", "sbt", "sc"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &[TRIPLE_DOUBLE, DOUBLE, CHARACTER],
    prefixes: "s f raw",
    words: &[
        (
            Keyword,
            "abstract case catch class def derives do else end enum export extends extension final finally for \
             forSome given if implicit import infix inline lazy macro match new object opaque open override package \
             private protected return sealed super then this throw trait transparent try type using while with yield",
        ),
        (Declaration, "val var"),
        (Constant, "true false null"),
        (Type, "Unit"),
    ],
    nexts: &[(Function, "def"), (TypeName, "class object trait enum type"), (Namespace, "import package")],
    sigils: &[("@", Decorator), ("'", Symbol)],
    capitals: TypeName,
    rules: rule::NESTED,
    ..ROW
};

const GROOVY: Row = Row {
    names: &["groovy", "jenkinsfile", "jenkins"],
    line_comments: &["//", "#!"],
    block_comments: &[("/*", "*/")],
    quotes: &[
        Quote { inside: Inside::DollarBraces, ..TRIPLE_DOUBLE },
        TRIPLE_SINGLE,
        Quote { inside: Inside::Dollar, ..DOUBLE },
        SINGLE,
    ],
    words: &[
        (
            Keyword,
            "as assert break case catch continue default do else finally for if in instanceof new return super \
             switch this throw try while",
        ),
        (
            Declaration,
            "abstract class def enum extends final implements interface native private protected public static \
             strictfp synchronized threadsafe throws trait transient var volatile",
        ),
        (Import, "import package"),
        (Constant, "true false null"),
        (Type, "boolean byte char double float int long short void"),
    ],
    nexts: &[(TypeName, "class interface enum trait"), (Namespace, "import package")],
    sigils: &[("@", Decorator)],
    after_dot: Attribute,
    rules: rule::DEFINITIONS | rule::REGEX,
    ..ROW
};

const GRADLE: Row = Row {
    names: &["gradle"],
    words: &[
        (
            Keyword,
            "as assert break case catch continue default do else finally for if in instanceof new return super \
             switch this throw try while",
        ),
        (
            Declaration,
            "abstract class def enum extends final implements interface private protected public static throws trait \
             var",
        ),
        (Import, "import package"),
        (Constant, "true false null"),
        (Type, "boolean byte char double float int long short void String"),
        (
            Builtin,
            "allprojects apply api application artifacts buildscript classpath compileOnly configurations \
             dependencies doFirst doLast ext google gradlePluginPortal group id implementation java jar kotlin maven \
             mavenCentral plugin plugins project publishing repositories runtimeOnly settings sourceSets \
             sourceCompatibility subprojects targetCompatibility task tasks testImplementation url version android",
        ),
    ],
    ..GROOVY
};

const DART: Row = Row {
    names: &["dart", "flutter"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &[
        Quote { inside: Inside::Dollar, ..TRIPLE_DOUBLE },
        Quote { inside: Inside::Dollar, ..TRIPLE_SINGLE },
        Quote { inside: Inside::Dollar, ..DOUBLE },
        Quote { inside: Inside::Dollar, ..SINGLE },
    ],
    prefixes: "r",
    words: &[
        (
            Keyword,
            "as assert async await base break case catch class const continue default deferred do else enum export \
             extends extension factory final finally for get hide if implements import in interface is late library \
             mixin new of on operator part required rethrow return sealed set show static super switch sync this \
             throw try typedef when while with yield abstract covariant external",
        ),
        (Declaration, "var"),
        (Constant, "true false null"),
        (
            Type,
            "bool double dynamic int num void Function Future Iterable List Map Never Null Object Set Stream String \
             Symbol",
        ),
    ],
    nexts: &[(TypeName, "class enum mixin extension typedef")],
    sigils: &[("@", Decorator)],
    rules: rule::NESTED | rule::DEFINITIONS,
    ..ROW
};

const HAXE: Row = Row {
    names: &["haxe", "hx"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &[DOUBLE, Quote { inside: Inside::Dollar, lines: true, ..SINGLE }],
    words: &[
        (
            Keyword,
            "break case cast catch continue default do else for if in is new operator overload return super switch \
             this throw try untyped using while trace",
        ),
        (
            Declaration,
            "abstract class dynamic enum extends extern final function implements inline interface macro override \
             private public static typedef var",
        ),
        (Import, "import package"),
        (Constant, "true false null"),
        (Type, "Array Bool Dynamic Float Int Map String UInt Void Any Null"),
    ],
    nexts: &[
        (Function, "function"),
        (TypeName, "class interface enum typedef abstract"),
        (Namespace, "import package using"),
    ],
    sigils: &[("@", Decorator), ("#", Preprocessor)],
    capitals: TypeName,
    rules: rule::REGEX,
    ..ROW
};

const ACTIONSCRIPT: Row = Row {
    names: &["actionscript", "as3"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    words: &[
        (
            Keyword,
            "break case catch continue default do each else finally for if in instanceof is new return super switch \
             this throw try typeof void while with delete as dynamic",
        ),
        (
            Declaration,
            "class const extends final function get implements interface internal override package private protected \
             public set static var",
        ),
        (Import, "import"),
        (Constant, "true false null undefined NaN"),
        (Type, "Array Boolean Date Error int Number Object RegExp String uint Vector XML"),
    ],
    nexts: &[(Function, "function"), (TypeName, "class interface")],
    rules: rule::REGEX,
    ..ROW
};

const APEX: Row = Row {
    names: &["apex"],
    quotes: &[SINGLE],
    rules: rule::DEFINITIONS | rule::FOLD_CASE,
    words: &[
        (
            Keyword,
            "assert break case catch continue default do else finally for if goto instanceof new return switch this \
             throw try while super on when insert update upsert delete undelete merge select from where and or limit \
             order by",
        ),
        (
            Declaration,
            "abstract enum extends final global implements override private protected public static testmethod \
             trigger transient virtual webservice class interface with without sharing get set",
        ),
        (Constant, "true false null"),
        (Type, "blob boolean date datetime decimal double id integer list long map object set string time void"),
    ],
    ..JAVA
};

const CEYLON: Row = Row {
    names: &["ceylon"],
    words: &[
        (
            Keyword,
            "assembly module package import alias class interface object given value assign void function new of \
             extends satisfies abstracts in out return break continue throw assert dynamic if else switch case for \
             while try catch finally then let this outer super is exists nonempty",
        ),
        (
            Decorator,
            "shared abstract formal default actual variable deprecated small late literal doc by see throws optional \
             license tagged final native annotation sealed",
        ),
        (Constant, "true false null"),
    ],
    capitals: TypeName,
    ..JAVA
};

const PROCESSING: Row = Row {
    names: &["processing", "pde"],
    words: &[
        (
            Keyword,
            "assert break case catch continue default do else finally for if instanceof new return switch this throw \
             try while super",
        ),
        (Declaration, "abstract class extends final implements interface private protected public static throws"),
        (Import, "import"),
        (Constant, "true false null"),
        (Type, "boolean byte char color double float int long short void String PImage PVector PFont"),
        (
            Builtin,
            "background ellipse fill line noFill noStroke point rect size stroke strokeWeight text textSize triangle \
             width height mouseX mouseY key keyCode frameRate random map noise println",
        ),
    ],
    ..JAVA
};

const GOSU: Row = Row {
    names: &["gosu"],
    quotes: &[DOUBLE, SINGLE, RAW_BACKTICK],
    words: &[
        (
            Keyword,
            "and as assert break case catch continue default do else eval exists false finally for foreach found get \
             if in index iterator it new not null of or outer print return set super switch this throw transient \
             true try typeas typeis typeof unless using var void where while",
        ),
        (
            Declaration,
            "abstract class construct delegate enhancement enum execution extends final function implements \
             interface internal override package private property protected public readonly represents static \
             structure uses",
        ),
    ],
    nexts: &[(Function, "function"), (TypeName, "class interface enum"), (Namespace, "uses package")],
    ..JAVA
};
