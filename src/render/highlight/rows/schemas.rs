//! Schemas and interface definitions, and configuration that is programmed.

use super::super::class::Class::*;
use super::super::row::{
    BACKTICK, DOUBLE, DOUBLED_SINGLE, Inside, LONG_DOUBLE, LONG_SINGLE, Quote, ROW, Row, SINGLE, TRIPLE_DOUBLE, rule,
};

pub(super) static ROWS: &[Row] =
    &[PROTOBUF, THRIFT, GRAPHQL, CAPNP, PRISMA, FLATBUFFERS, JSONNET, CUE, DHALL, REGO, ABNF, KDL, DOT, MERMAID];

const PROTOBUF: Row = Row {
    names: &["protobuf", "proto", "proto3"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    words: &[
        (
            Keyword,
            "default edition extend extensions group import max oneof option optional public repeated required \
             reserved returns rpc service stream syntax to weak",
        ),
        (Declaration, "message enum"),
        (Import, "package"),
        (Constant, "true false inf nan"),
        (
            Type,
            "bool bytes double fixed32 fixed64 float int32 int64 map sfixed32 sfixed64 sint32 sint64 string uint32 \
             uint64",
        ),
    ],
    nexts: &[(TypeName, "message enum extend service"), (Function, "rpc"), (Namespace, "package")],
    ..ROW
};

const THRIFT: Row = Row {
    names: &["thrift"],
    line_comments: &["//", "#"],
    block_comments: &[("/*", "*/")],
    words: &[
        (
            Keyword,
            "async const cpp_include enum exception extends include namespace oneway optional required senum service \
             struct throws typedef union xsd_all",
        ),
        (Constant, "true false"),
        (Type, "binary bool byte double i8 i16 i32 i64 list map set slist string uuid void"),
    ],
    nexts: &[(TypeName, "enum exception service struct union extends"), (Namespace, "namespace")],
    ..ROW
};

const GRAPHQL: Row = Row {
    names: &["graphql", "gql-schema", "graphqls"],
    line_comments: &["#"],
    quotes: &[TRIPLE_DOUBLE, DOUBLE],
    words: &[
        (
            Keyword,
            "directive enum extend fragment implements input interface mutation on query repeatable scalar schema \
             subscription type union",
        ),
        (Constant, "true false null"),
        (Type, "Boolean Float ID Int String"),
    ],
    nexts: &[
        (TypeName, "type enum input interface scalar union fragment on extend implements"),
        (Function, "query mutation subscription"),
    ],
    sigils: &[("$", Variable), ("@", Decorator)],
    ..ROW
};

const CAPNP: Row = Row {
    names: &["capnp", "capn-proto"],
    line_comments: &["#"],
    words: &[
        (Keyword, "annotation const enum extends group import interface of on struct union using"),
        (Constant, "true false inf nan void"),
        (Type, "Bool Data Float32 Float64 Int8 Int16 Int32 Int64 List Text UInt8 UInt16 UInt32 UInt64 Void AnyPointer"),
    ],
    nexts: &[(TypeName, "struct enum interface")],
    sigils: &[("@", Decorator), ("$", Decorator)],
    ..ROW
};

const PRISMA: Row = Row {
    names: &["prisma"],
    line_comments: &["//"],
    words: &[
        (Keyword, "datasource enum generator model type view"),
        (Constant, "true false null"),
        (Type, "BigInt Boolean Bytes DateTime Decimal Float Int Json String Unsupported"),
    ],
    nexts: &[(TypeName, "datasource enum generator model type view")],
    sigils: &[("@@", Decorator), ("@", Decorator)],
    calls: Function,
    rules: rule::SETTINGS,
    ..ROW
};

const FLATBUFFERS: Row = Row {
    names: &["flatbuffers", "fbs"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    words: &[
        (
            Keyword,
            "attribute enum file_extension file_identifier include namespace root_type rpc_service struct table union",
        ),
        (Constant, "true false null"),
        (
            Type,
            "bool byte double float float32 float64 int int8 int16 int32 int64 long short string ubyte uint uint8 \
             uint16 uint32 uint64 ulong ushort",
        ),
    ],
    nexts: &[(TypeName, "enum struct table union root_type"), (Namespace, "namespace")],
    ..ROW
};

const JSONNET: Row = Row {
    names: &["jsonnet", "libsonnet"],
    line_comments: &["//", "#"],
    block_comments: &[("/*", "*/")],
    quotes: &[Quote { open: "|||", close: "|||", lines: true, ..DOUBLE }, LONG_DOUBLE, LONG_SINGLE],
    words: &[
        (Keyword, "assert else error for function if import importstr importbin in local self super tailstrict then"),
        (Constant, "true false null"),
        (Builtin, "std"),
    ],
    sigils: &[("$", Variable)],
    keys: Attribute,
    calls: Function,
    ..ROW
};

const CUE: Row = Row {
    names: &["cue"],
    line_comments: &["//"],
    quotes: &[TRIPLE_DOUBLE, Quote { inside: Inside::BackslashParens, ..DOUBLE }, SINGLE],
    words: &[
        (Keyword, "for if in let"),
        (Import, "import package"),
        (Constant, "true false null _"),
        (
            Type,
            "bool bytes float float32 float64 int int8 int16 int32 int64 number string uint uint8 uint16 uint32 uint64",
        ),
    ],
    sigils: &[("#", TypeName), ("@", Decorator)],
    keys: Attribute,
    calls: Function,
    ..ROW
};

const DHALL: Row = Row {
    names: &["dhall"],
    line_comments: &["--"],
    block_comments: &[("{-", "-}")],
    quotes: &[
        Quote { inside: Inside::DollarBraces, ..DOUBLE },
        Quote { open: "''", close: "''", lines: true, escape: 0, inside: Inside::DollarBraces, ..DOUBLE },
    ],
    words: &[
        (Keyword, "as assert else forall if in let merge missing then toMap using with env"),
        (Constant, "True False None"),
        (Type, "Bool Date Double Integer Kind List Natural Optional Sort Text Type"),
    ],
    name_rest: "-/",
    rules: rule::NESTED,
    ..ROW
};

const REGO: Row = Row {
    names: &["rego", "opa"],
    line_comments: &["#"],
    quotes: &[DOUBLE, BACKTICK],
    words: &[
        (Keyword, "as contains default else every if in not some with"),
        (Import, "import package"),
        (Constant, "true false null"),
        (Builtin, "data input"),
    ],
    nexts: &[(Namespace, "import package")],
    calls: Function,
    ..ROW
};

const ABNF: Row = Row {
    names: &["abnf", "ebnf", "bnf", "pest", "antlr", "antlr4", "g4", "yacc", "bison", "lex", "flex"],
    line_comments: &[";", "//"],
    block_comments: &[("(*", "*)"), ("/*", "*/")],
    words: &[
        (
            Keyword,
            "catch channel finally fragment grammar import lexer locals mode options parser returns skip throws \
             tokens type",
        ),
        (Builtin, "ALPHA BIT CHAR CR CRLF CTL DIGIT DQUOTE HEXDIG HTAB LF LWSP OCTET SP VCHAR WSP ANY SOI EOI"),
    ],
    sigils: &[("%", Keyword), ("$", Variable), ("@", Decorator)],
    name_rest: "-",
    ..ROW
};

const KDL: Row = Row {
    names: &["kdl"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &[TRIPLE_DOUBLE, DOUBLE],
    words: &[(Constant, "true false null")],
    sigils: &[("#", Constant)],
    name_rest: "-.",
    first_words: Tag,
    rules: rule::NESTED,
    ..ROW
};

const DOT: Row = Row {
    names: &["dot", "graphviz", "gv"],
    line_comments: &["//", "#"],
    block_comments: &[("/*", "*/")],
    quotes: &[LONG_DOUBLE],
    words: &[
        (Keyword, "digraph edge graph node strict subgraph"),
        (
            Attribute,
            "bgcolor color dir fillcolor fontcolor fontname fontsize height href label labelloc layout margin \
             nodesep penwidth pos rank rankdir ranksep shape size splines style tooltip weight width arrowhead \
             arrowtail constraint",
        ),
    ],
    nexts: &[(TypeName, "digraph graph subgraph")],
    ..ROW
};

const MERMAID: Row = Row {
    names: &["mermaid", "mmd", "plantuml", "puml", "d2"],
    line_comments: &["%%", "'", "#"],
    quotes: &[LONG_DOUBLE, DOUBLED_SINGLE],
    words: &[(
        Keyword,
        "activate actor alt and as autonumber block box break class classDef classDiagram click create critical \
         dateFormat deactivate destroy direction else end erDiagram flowchart gantt gitGraph graph if info journey \
         linkStyle loop mindmap namespace note of opt over package par participant pie quadrantChart rect section \
         sequenceDiagram state stateDiagram stateDiagram-v2 style subgraph then timeline title TB TD BT LR RL left \
         right component interface node database cloud usecase",
    )],
    sigils: &[("@", Keyword)],
    rules: rule::FIRST_COMMENTS,
    ..ROW
};
