//! JavaScript, its relatives, and what runs or is made in browsers; languages inside templates.

use super::super::class::Class::*;
use super::super::row::{
    BACKTICK, CHARACTER, DOUBLE, Inside, LONG_DOUBLE, LONG_SINGLE, Quote, ROW, Row, SINGLE, TRIPLE_DOUBLE,
    TRIPLE_SINGLE, rule,
};

pub(super) static ROWS: &[Row] =
    &[JAVASCRIPT, JSX, TYPESCRIPT, TSX, COFFEESCRIPT, LIVESCRIPT, PHP_CODE, RESCRIPT, TEMPLATE_EXPRESSION, QML];

const TEMPLATE: Quote = Quote { inside: Inside::DollarBraces, ..BACKTICK };
const JS_KEYWORDS: &str = "as async await break case catch continue debugger default delete do else export extends \
                           finally for from if import in instanceof new of return static super switch this throw try \
                           typeof void while with yield get set";
const JS_DECLARATIONS: &str = "class const function let var";
const JS_CONSTANTS: &str = "true false null undefined NaN Infinity";
const JS_BUILTINS: &str = "Array ArrayBuffer BigInt Boolean Date Error EvalError Float32Array Float64Array Function \
                           Int8Array Int16Array Int32Array Intl Iterator JSON Map Math Number Object Promise Proxy \
                           RangeError ReferenceError Reflect RegExp Set String Symbol SyntaxError TypeError URIError \
                           Uint8Array Uint16Array Uint32Array WeakMap WeakSet decodeURI decodeURIComponent document \
                           encodeURI encodeURIComponent eval globalThis isFinite isNaN parseFloat parseInt window";

const JAVASCRIPT: Row = Row {
    names: &["javascript", "js", "mjs", "cjs", "ecmascript", "node", "nodejs", "es6", "jquery"],
    line_comments: &["//", "#!"],
    block_comments: &[("/*", "*/")],
    quotes: &[DOUBLE, SINGLE, TEMPLATE],
    words: &[(Keyword, JS_KEYWORDS), (Declaration, JS_DECLARATIONS), (Constant, JS_CONSTANTS), (Builtin, JS_BUILTINS)],
    sigils: &[("@", Decorator), ("#", Attribute)],
    name_start: "$",
    name_rest: "$",
    after_dot: Plain,
    rules: rule::REGEX,
    ..ROW
};

const JSX: Row = Row { names: &["jsx", "react", "javascriptreact"], rules: rule::REGEX | rule::JSX, ..JAVASCRIPT };

const TYPESCRIPT: Row = Row {
    names: &["typescript", "ts", "mts", "cts"],
    words: &[
        (Keyword, JS_KEYWORDS),
        (
            Keyword,
            "abstract accessor asserts declare enum implements infer interface is keyof module namespace out \
             override private protected public readonly require satisfies type unique using",
        ),
        (Declaration, JS_DECLARATIONS),
        (Constant, JS_CONSTANTS),
        (Type, "any bigint boolean never number object string symbol unknown"),
        (Builtin, JS_BUILTINS),
        (
            Builtin,
            "Awaited Exclude Extract NonNullable Omit Parameters Partial Pick Readonly ReadonlyArray Record Required \
             ReturnType",
        ),
    ],
    ..JAVASCRIPT
};

const TSX: Row = Row { names: &["tsx", "typescriptreact"], rules: rule::REGEX | rule::JSX, ..TYPESCRIPT };

const COFFEESCRIPT: Row = Row {
    names: &["coffeescript", "coffee", "coffee-script", "cson", "iced"],
    line_comments: &["#"],
    block_comments: &[("###", "###")],
    quotes: &[
        Quote { inside: Inside::HashBraces, ..TRIPLE_DOUBLE },
        TRIPLE_SINGLE,
        Quote { inside: Inside::HashBraces, lines: true, ..DOUBLE },
        LONG_SINGLE,
        BACKTICK,
        Quote { open: "///", close: "///", class: Regex, lines: true, ..DOUBLE },
    ],
    words: &[
        (
            Keyword,
            "and await break by case catch class continue debugger delete do else export extends finally for if \
             import in instanceof is isnt loop new not of or own return super switch then this throw try typeof \
             unless until void when while with yield",
        ),
        (Constant, "true false yes no on off null undefined NaN Infinity"),
        (
            Builtin,
            "Array Boolean Date Error Function Math Number Object RegExp String decodeURI decodeURIComponent \
             encodeURI encodeURIComponent eval isFinite isNaN parseFloat parseInt document window",
        ),
    ],
    sigils: &[("@", Variable)],
    name_start: "$",
    name_rest: "$",
    keys: Variable,
    rules: rule::REGEX,
    ..ROW
};

const LIVESCRIPT: Row = Row {
    names: &["livescript", "ls", "live-script"],
    block_comments: &[("/*", "*/")],
    name_rest: "$-",
    ..COFFEESCRIPT
};

/// PHP without the HTML around it.
const PHP_CODE: Row = Row {
    names: &["php-code", "phpcode", "hack"],
    line_comments: &["//", "# ", "##", "#\n", "#!"],
    block_comments: &[("/*", "*/")],
    quotes: &[Quote { inside: Inside::Dollar, ..LONG_DOUBLE }, LONG_SINGLE, BACKTICK],
    words: &[
        (
            Keyword,
            "abstract and array as break callable case catch class clone const continue declare default die do echo \
             else elseif empty enddeclare endfor endforeach endif endswitch endwhile enum eval exit extends final \
             finally fn for foreach from function global goto if implements include include_once instanceof \
             insteadof interface isset list match namespace new or print private protected public readonly require \
             require_once return static switch throw trait try unset use var while xor yield self parent",
        ),
        (Constant, "true false null"),
        (Type, "bool float int iterable mixed never object string void"),
        (
            Builtin,
            "array_filter array_keys array_map array_merge array_push array_values count define defined explode \
             file_get_contents file_put_contents header htmlspecialchars implode in_array intval is_array is_null \
             is_string json_decode json_encode preg_match preg_replace print_r printf sprintf str_replace strlen \
             strpos strtolower strtoupper substr trim var_dump",
        ),
        (Variable, "$this"),
    ],
    nexts: &[(Function, "function"), (TypeName, "class interface trait enum"), (Namespace, "namespace use")],
    sigils: &[("$", Variable)],
    capitals: TypeName,
    after_dot: Attribute,
    rules: rule::FOLD_CASE | rule::HEREDOC_THREE | rule::ARROWS,
    ..ROW
};

const RESCRIPT: Row = Row {
    names: &["rescript", "res", "reason", "reasonml"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &[LONG_DOUBLE, TEMPLATE, CHARACTER],
    words: &[
        (
            Keyword,
            "and as assert async await catch constraint downto else exception external for fun if import in include \
             inherit lazy let list module mutable new nonrec of open private raise rec ref sig struct switch to try \
             type unpack val virtual when while with",
        ),
        (Constant, "true false"),
        (Type, "array bool char float int option promise string unit"),
    ],
    nexts: &[(Function, "fun"), (Namespace, "open module include")],
    sigils: &[("@", Decorator)],
    capitals: TypeName,
    rules: rule::NESTED | rule::JSX,
    ..ROW
};

/// What stands between the marks of Jinja, Liquid, Go and their like.
const TEMPLATE_EXPRESSION: Row = Row {
    names: &["template"],
    quotes: &[DOUBLE, SINGLE, BACKTICK],
    words: &[
        (
            Keyword,
            "apply assign autoescape block break call capture case comment component content continue csrf_token \
             cycle decrement define do each else elseif elsif elif embed end endapply endautoescape endblock endcall \
             endcapture endcase endcomment enddefine endembed endfilter endfor endif endifchanged endifequal \
             endmacro endraw endset endspaceless endtablerow endtrans endunless endverbatim endwith extends filter \
             flush for from if ifchanged ifequal ifnotequal import in include increment is layout load macro \
             paginate partial range raw recursive render return section set spaceless super tablerow template trans \
             ts unless url use verbatim when with without context as by now",
        ),
        (WordOperator, "and not or eq ne lt le gt ge"),
        (Constant, "true false none null nil True False None empty blank"),
        (Builtin, "loop forloop dict len index print printf println html js urlquery slice call"),
    ],
    sigils: &[("$", Variable), (".", Variable), ("@", Variable), ("#", Keyword)],
    after_dot: Variable,
    ..ROW
};

const QML: Row = Row { names: &["qml"], keys: Attribute, capitals: TypeName, ..JAVASCRIPT };
