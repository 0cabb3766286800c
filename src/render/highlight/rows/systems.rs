//! Rust, Go, Zig, Nim, D, V, Odin, Swift, Crystal.

use super::super::class::Class::*;
use super::super::row::{
    BACKTICK, CHARACTER, DOUBLE, Inside, LONG_DOUBLE, Quote, RAW_BACKTICK, ROW, Row, TRIPLE_DOUBLE, rule,
};

pub(super) static ROWS: &[Row] = &[RUST, GO, ZIG, NIM, D, V, ODIN, SWIFT];

const RUST: Row = Row {
    names: &["rust", "rs", "rustlang"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &[LONG_DOUBLE, CHARACTER],
    prefixes: "r b br c cr",
    words: &[
        (
            Keyword,
            "as async await box break const continue crate dyn else extern fn for gen if impl in loop match mod move \
             mut pub ref return static super trait unsafe use where while yield default macro_rules struct enum type \
             union try abstract become do final macro override priv typeof unsized virtual",
        ),
        (Declaration, "let"),
        (Constant, "true false"),
        (Type, "bool char f16 f32 f64 f128 i8 i16 i32 i64 i128 isize str u8 u16 u32 u64 u128 usize"),
        (
            Builtin,
            "self Self String Vec Option Some None Result Ok Err Box Copy Clone Send Sync Sized Drop Fn FnMut FnOnce \
             Iterator IntoIterator DoubleEndedIterator ExactSizeIterator Extend Into From TryFrom TryInto AsRef \
             AsMut Default Eq PartialEq Ord PartialOrd ToOwned ToString Debug Hash FromIterator drop Unpin",
        ),
    ],
    nexts: &[(Function, "fn"), (TypeName, "struct enum union trait type"), (Namespace, "mod")],
    rules: rule::NESTED | rule::LIFETIMES | rule::RUST,
    ..ROW
};

const GO: Row = Row {
    names: &["go", "golang"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &[DOUBLE, CHARACTER, RAW_BACKTICK],
    words: &[
        (Keyword, "break case default defer else fallthrough for go goto if range return select switch"),
        (Declaration, "const func interface struct type var"),
        (Import, "import package"),
        (Constant, "true false iota nil"),
        (
            Type,
            "any bool byte chan comparable complex64 complex128 error float32 float64 int int8 int16 int32 int64 map \
             rune string uint uint8 uint16 uint32 uint64 uintptr",
        ),
        (
            Builtin,
            "append cap close complex copy delete imag len make new panic print println real recover min max clear",
        ),
    ],
    nexts: &[(Function, "func"), (TypeName, "type")],
    calls: Function,
    ..ROW
};

const ZIG: Row = Row {
    names: &["zig", "zon"],
    line_comments: &["//"],
    quotes: &[DOUBLE, CHARACTER, Quote { open: "\\\\", close: "\n", escape: 0, lines: true, ..DOUBLE }],
    words: &[
        (
            Keyword,
            "align addrspace allowzero and asm async await break catch comptime continue defer else errdefer export \
             extern for if inline linksection noalias noinline nosuspend or orelse packed pub resume return suspend \
             switch test threadlocal try unreachable usingnamespace volatile while callconv anytype anyframe",
        ),
        (Declaration, "const var fn struct enum union error opaque"),
        (Constant, "true false null undefined"),
        (
            Type,
            "anyerror anyopaque bool comptime_float comptime_int f16 f32 f64 f80 f128 i8 i16 i32 i64 i128 isize \
             noreturn type u1 u2 u3 u4 u5 u6 u7 u8 u16 u32 u64 u128 usize void c_char c_short c_int c_uint c_long \
             c_ulong c_longlong",
        ),
    ],
    nexts: &[(Function, "fn")],
    sigils: &[("@", Builtin)],
    calls: Function,
    ..ROW
};

const NIM: Row = Row {
    names: &["nim", "nimrod"],
    line_comments: &["#"],
    block_comments: &[("##[", "]##"), ("#[", "]#")],
    quotes: &[TRIPLE_DOUBLE, DOUBLE, CHARACTER],
    prefixes: "r f fmt R",
    words: &[
        (
            Keyword,
            "addr as asm bind block break case cast concept continue defer discard do elif else end enum except \
             export finally for generic if interface let macro method mixin nil object out proc ptr raise ref return \
             static template try tuple type using var when while with without yield converter func iterator distinct \
             const",
        ),
        (Import, "import from include"),
        (WordOperator, "and or not xor shl shr div mod in notin is isnot of"),
        (Constant, "true false on off"),
        (
            Type,
            "int int8 int16 int32 int64 uint uint8 uint16 uint32 uint64 float float32 float64 bool char string \
             cstring pointer seq array set openArray auto any void untyped typed range Natural Positive",
        ),
        (Builtin, "echo len add inc dec result high low assert new newSeq ord chr quit"),
    ],
    nexts: &[(Function, "proc func method iterator template macro converter"), (Namespace, "import from include")],
    capitals: TypeName,
    rules: rule::NESTED,
    ..ROW
};

const D: Row = Row {
    names: &["d", "dlang"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/"), ("/+", "+/")],
    quotes: &[LONG_DOUBLE, CHARACTER, RAW_BACKTICK],
    prefixes: "r q x",
    words: &[
        (
            Keyword,
            "abstract alias align asm assert auto body break case cast catch const continue debug default delegate \
             delete deprecated do else enum export extern final finally for foreach foreach_reverse function goto if \
             immutable in inout interface invariant is lazy mixin module new nothrow out override package pragma \
             private protected public pure ref return scope shared static super switch synchronized template this \
             throw try typedef typeid typeof union unittest version volatile while with",
        ),
        (Declaration, "class struct"),
        (Import, "import"),
        (Constant, "true false null"),
        (
            Type,
            "bool byte char dchar double float int long real short ubyte uint ulong ushort void wchar string wstring \
             dstring size_t ptrdiff_t",
        ),
    ],
    nexts: &[(TypeName, "class struct interface union enum template"), (Namespace, "import module")],
    sigils: &[("@", Decorator)],
    rules: rule::DEFINITIONS,
    ..ROW
};

const V: Row = Row {
    names: &["v", "vlang"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &[
        Quote { inside: Inside::Dollar, ..DOUBLE },
        Quote { inside: Inside::Dollar, open: "'", close: "'", ..DOUBLE },
        BACKTICK,
    ],
    prefixes: "r c",
    words: &[
        (
            Keyword,
            "as asm assert atomic break const continue defer else enum for go goto if in interface is lock match mut \
             none or pub return rlock select shared spawn static struct type typeof union unsafe volatile fn",
        ),
        (Import, "import module"),
        (Constant, "true false"),
        (Type, "bool string i8 i16 int i64 i128 u8 u16 u32 u64 u128 rune f32 f64 isize usize voidptr any byte"),
        (Builtin, "println print eprintln eprint panic exit"),
    ],
    nexts: &[(Function, "fn"), (TypeName, "struct enum interface type union"), (Namespace, "import module")],
    sigils: &[("@", Decorator), ("$", Keyword)],
    calls: Function,
    rules: rule::NESTED,
    ..ROW
};

const ODIN: Row = Row {
    names: &["odin"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &[DOUBLE, CHARACTER, RAW_BACKTICK],
    words: &[
        (
            Keyword,
            "asm auto_cast bit_set break case cast context continue defer distinct do dynamic else enum fallthrough \
             for foreign if in map matrix not_in or_else or_return proc return struct switch transmute typeid union \
             using when where",
        ),
        (Import, "import package"),
        (Constant, "true false nil"),
        (
            Type,
            "bool b8 b16 b32 b64 int i8 i16 i32 i64 i128 uint u8 u16 u32 u64 u128 uintptr f16 f32 f64 complex64 \
             complex128 rune string cstring rawptr any byte",
        ),
        (Builtin, "len cap size_of align_of type_of make new delete free append panic assert"),
    ],
    sigils: &[("#", Preprocessor), ("@", Decorator)],
    calls: Function,
    rules: rule::NESTED,
    ..ROW
};

const SWIFT: Row = Row {
    names: &["swift"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &[
        Quote { inside: Inside::BackslashParens, ..TRIPLE_DOUBLE },
        Quote { inside: Inside::BackslashParens, ..DOUBLE },
    ],
    words: &[
        (
            Keyword,
            "as async await actor any break case catch continue convenience default defer deinit didSet do dynamic \
             else fallthrough final for get guard if in indirect infix init inout internal is isolated lazy mutating \
             nonisolated nonmutating open optional override postfix precedence prefix private fileprivate public \
             rethrows repeat required return self set some static subscript super switch throw throws try unowned \
             weak where while willSet consuming borrowing each macro",
        ),
        (
            Declaration,
            "associatedtype class enum extension func let operator precedencegroup protocol struct typealias var",
        ),
        (Import, "import"),
        (Constant, "true false nil"),
        (
            Builtin,
            "Any AnyObject Self Int Int8 Int16 Int32 Int64 UInt UInt8 UInt16 UInt32 UInt64 Float Double Bool String \
             Character Array Dictionary Set Optional Result Error Void print fatalError assert precondition min max \
             abs zip stride",
        ),
    ],
    nexts: &[
        (Function, "func"),
        (TypeName, "class enum extension protocol struct actor typealias"),
        (Variable, "let var"),
        (Namespace, "import"),
    ],
    sigils: &[("@", Keyword), ("#", Preprocessor)],
    capitals: TypeName,
    rules: rule::NESTED,
    ..ROW
};
