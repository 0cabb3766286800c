//! Haskell, the ML family, Erlang and Elixir, proof languages.

use super::super::class::Class::*;
use super::super::row::{
    CHARACTER, DOUBLE, Inside, LONG_DOUBLE, Quote, ROW, Row, SINGLE, TRIPLE_DOUBLE, TRIPLE_SINGLE, rule,
};

pub(super) static ROWS: &[Row] =
    &[HASKELL, PURESCRIPT, ELM, IDRIS, OCAML, FSHARP, SML, ERLANG, ELIXIR, GLEAM, ROC, COQ, LEAN, PROLOG];

const HASKELL: Row = Row {
    names: &["haskell", "hs", "lhs", "agda", "literate-haskell"],
    line_comments: &["--"],
    block_comments: &[("{-", "-}")],
    quotes: &[DOUBLE, CHARACTER],
    words: &[
        (
            Keyword,
            "case class data default deriving do else family forall foreign if import in infix infixl infixr \
             instance let mdo module newtype of pattern proc qualified hiding rec then type where",
        ),
        (WordOperator, "as"),
    ],
    nexts: &[(Namespace, "import module qualified")],
    name_rest: "'",
    capitals: Type,
    rules: rule::NESTED | rule::TOP_NAMES,
    ..ROW
};

const PURESCRIPT: Row = Row {
    names: &["purescript", "purs"],
    quotes: &[TRIPLE_DOUBLE, DOUBLE, CHARACTER],
    words: &[(
        Keyword,
        "ado as case class data derive do else false forall foreign hiding if import in infix infixl infixr instance \
         let module newtype of then true type where",
    )],
    ..HASKELL
};

const ELM: Row = Row {
    names: &["elm"],
    quotes: &[TRIPLE_DOUBLE, DOUBLE, CHARACTER],
    words: &[(
        Keyword,
        "alias as case effect else exposing if import in infix left let module non of port right subscription then \
         type where command",
    )],
    ..HASKELL
};

const IDRIS: Row = Row {
    names: &["idris", "idr"],
    words: &[(
        Keyword,
        "auto case class codata constructor covering data default do else export failing forall if implementation \
         implicit import impossible in infix infixl infixr instance interface let module mutual namespace of \
         parameters partial prefix private proof public record rewrite then total using where with",
    )],
    sigils: &[("%", Preprocessor)],
    ..HASKELL
};

const OCAML: Row = Row {
    names: &["ocaml", "ml", "mli"],
    block_comments: &[("(*", "*)")],
    quotes: &[LONG_DOUBLE, CHARACTER],
    words: &[
        (
            Keyword,
            "and as assert begin class constraint do done downto else end exception external for fun function \
             functor if in include inherit initializer lazy let match method module mutable new nonrec object of \
             open private rec sig struct then to try type val virtual when while with",
        ),
        (Constant, "true false"),
        (Type, "array bool bytes char exn float int int32 int64 list option ref result string unit"),
        (WordOperator, "asr land lor lsl lsr lxor mod not or"),
    ],
    name_rest: "'",
    capitals: TypeName,
    sigils: &[("~", Label), ("?", Label)],
    rules: rule::NESTED,
    ..ROW
};

const FSHARP: Row = Row {
    names: &["fsharp", "fs", "f#", "fsx", "fsi"],
    line_comments: &["//"],
    quotes: &[
        TRIPLE_DOUBLE,
        Quote { open: "$\"", inside: Inside::Braces, ..DOUBLE },
        Quote { open: "@\"", escape: 0, doubled: true, ..LONG_DOUBLE },
        LONG_DOUBLE,
        CHARACTER,
    ],
    words: &[
        (
            Keyword,
            "abstract and as assert async base begin class default delegate do do! done downcast downto elif else \
             end exception extern finally fixed for fun function global if in inherit inline interface internal lazy \
             let let! match match! member mutable new of open or override private public rec return return! select \
             sig static struct then to try type upcast use use! val void when while with yield yield!",
        ),
        (Import, "module namespace"),
        (Constant, "true false null"),
        (
            Type,
            "array bool byte char decimal double exn float float32 int int16 int32 int64 list nativeint obj option \
             result sbyte seq single string uint8 uint16 uint32 uint64 unit Async List Map Option Result Seq Set",
        ),
        (WordOperator, "not mod land lor lxor lsl lsr asr"),
    ],
    nexts: &[(Namespace, "open module namespace"), (TypeName, "type")],
    name_rest: "'!",
    sigils: &[("#", Preprocessor)],
    ..OCAML
};

const SML: Row = Row {
    names: &["sml", "standard-ml", "smlnj"],
    quotes: &[Quote { open: "#\"", ..DOUBLE }, DOUBLE],
    words: &[
        (
            Keyword,
            "abstype and as case datatype do else end eqtype exception fn fun functor handle if in include infix \
             infixr let local nonfix of op open raise rec sharing sig signature struct structure then type val where \
             while with withtype",
        ),
        (WordOperator, "andalso orelse div mod not"),
        (Type, "bool char exn int list option order real ref string unit word"),
        (Constant, "true false nil"),
    ],
    nexts: &[(Function, "fun"), (Namespace, "structure signature functor open")],
    ..OCAML
};

const ERLANG: Row = Row {
    names: &["erlang", "erl", "hrl", "escript"],
    line_comments: &["%"],
    quotes: &[LONG_DOUBLE, Quote { class: Symbol, ..SINGLE }],
    words: &[
        (Keyword, "after begin case catch cond else end fun if let maybe of query receive try when"),
        (WordOperator, "and andalso band bnot bor bsl bsr bxor div not or orelse rem xor"),
        (
            Builtin,
            "abs apply atom_to_list element exit float hd integer_to_list is_atom is_binary is_boolean is_float \
             is_function is_integer is_list is_map is_pid is_tuple length link list_to_atom list_to_binary \
             list_to_integer make_ref map_size max min monitor node now round self send setelement size spawn \
             spawn_link throw tl trunc tuple_size whereis",
        ),
        (Constant, "true false undefined"),
    ],
    sigils: &[("?", Preprocessor), ("#", Label), ("-", Keyword)],
    name_rest: "@",
    calls: Function,
    capitals: Variable,
    ..ROW
};

const ELIXIR: Row = Row {
    names: &["elixir", "ex", "exs", "iex"],
    line_comments: &["#"],
    quotes: &[
        Quote { inside: Inside::HashBraces, ..TRIPLE_DOUBLE },
        TRIPLE_SINGLE,
        Quote { inside: Inside::HashBraces, ..LONG_DOUBLE },
        SINGLE,
        Quote { open: "~r/", close: "/", class: Regex, ..DOUBLE },
        Quote { open: "~s(", close: ")", ..DOUBLE },
        Quote { open: "~w(", close: ")", ..DOUBLE },
        Quote { open: "~w[", close: "]", ..DOUBLE },
        Quote { open: "~H\"\"\"", close: "\"\"\"", lines: true, ..DOUBLE },
    ],
    words: &[
        (
            Keyword,
            "after alias case catch cond do else end fn for if import quote raise receive require rescue reraise \
             super throw try unless unquote unquote_splicing use with",
        ),
        (
            Declaration,
            "def defcallback defdelegate defexception defguard defguardp defimpl defmacro defmacrop defmodule \
             defoverridable defp defprotocol defrecord defstruct",
        ),
        (WordOperator, "and in not or when"),
        (Constant, "true false nil"),
        (
            Builtin,
            "apply exit hd inspect is_atom is_binary is_boolean is_float is_function is_integer is_list is_map \
             is_nil is_number is_pid is_tuple length map_size self send spawn spawn_link tl tuple_size",
        ),
        (Preprocessor, "__MODULE__ __DIR__ __ENV__ __CALLER__"),
    ],
    nexts: &[
        (Function, "def defp defmacro defmacrop defguard defdelegate"),
        (TypeName, "defmodule defprotocol defimpl"),
    ],
    sigils: &[("@", Variable), (":", Symbol), ("&", Variable)],
    name_rest: "?!",
    capitals: TypeName,
    keys: Symbol,
    ..ROW
};

const GLEAM: Row = Row {
    names: &["gleam"],
    line_comments: &["//"],
    quotes: &[LONG_DOUBLE],
    words: &[
        (
            Keyword,
            "as assert auto case const derive echo else external fn if implement import let macro opaque panic pub \
             test todo type use",
        ),
        (Constant, "True False Nil"),
        (Type, "BitArray Bool Dict Float Int List Option Result String UtfCodepoint"),
    ],
    nexts: &[(Function, "fn"), (TypeName, "type"), (Namespace, "import")],
    sigils: &[("@", Decorator)],
    capitals: TypeName,
    ..ROW
};

const ROC: Row = Row {
    names: &["roc", "unison"],
    line_comments: &["#"],
    quotes: &[TRIPLE_DOUBLE, DOUBLE, CHARACTER],
    words: &[(
        Keyword,
        "app as crash dbg else exposes exposing expect generates has hosted if implements import imports interface \
         is module package packages platform provides requires then to when where with",
    )],
    capitals: TypeName,
    ..ROW
};

const COQ: Row = Row {
    names: &["coq", "rocq", "isabelle"],
    block_comments: &[("(*", "*)")],
    quotes: &[DOUBLE],
    words: &[
        (
            Import,
            "Admitted Arguments Axiom Check Class CoFixpoint CoInductive Compute Corollary Defined Definition End \
             Eval Example Export Fact Fixpoint Function Goal Hint Hypothesis Import Inductive Instance Lemma Ltac \
             Module Notation Obligation Open Parameter Print Program Proof Proposition Qed Record Remark Require \
             Scope Search Section Set Structure Theorem Unset Variable Variables From lemma theorem proof qed \
             definition fun",
        ),
        (Keyword, "as at cofix else end exists fix for forall fun if in let match return struct then using where with"),
        (Type, "Prop Set Type nat bool list Z"),
        (
            Builtin,
            "apply assert assumption auto case change clear compute constructor congruence contradiction cut \
             destruct discriminate do easy eauto elim exact field generalize induction injection intro intros \
             inversion left lia now omega pose reflexivity rename repeat revert rewrite right ring simpl specialize \
             split subst symmetry tauto transitivity trivial try unfold",
        ),
    ],
    nexts: &[(Function, "Definition Fixpoint Lemma Theorem Example Corollary Inductive Record")],
    name_rest: "'",
    rules: rule::NESTED,
    ..ROW
};

const LEAN: Row = Row {
    names: &["lean", "lean4"],
    line_comments: &["--"],
    block_comments: &[("/-", "-/")],
    quotes: &[LONG_DOUBLE, CHARACTER],
    words: &[
        (
            Keyword,
            "abbrev at axiom begin by calc class constant def deriving do else end example exists export extends for \
             forall fun from hiding if import in include inductive infix infixl infixr instance let local macro \
             match mut mutual namespace noncomputable notation open partial postfix prefix private protected public \
             return section show structure suffices syntax then theorem lemma universe unsafe using variable \
             variables where with attribute have set_option elab",
        ),
        (Type, "Prop Type Sort Nat Int Bool String List Array Option Unit IO"),
        (
            Builtin,
            "simp rfl exact apply intro intros rw cases induction constructor omega decide rcases obtain refine ring \
             norm_num linarith trivial assumption contradiction ext funext",
        ),
    ],
    nexts: &[
        (Function, "def theorem lemma abbrev axiom example"),
        (TypeName, "structure class inductive"),
        (Namespace, "namespace open import"),
    ],
    sigils: &[("@[", Decorator), ("#", Keyword)],
    name_rest: "'",
    rules: rule::NESTED,
    ..ROW
};

const PROLOG: Row = Row {
    names: &["prolog", "swipl", "datalog"],
    line_comments: &["%"],
    block_comments: &[("/*", "*/")],
    quotes: &[LONG_DOUBLE, SINGLE],
    words: &[
        (Keyword, "is mod rem xor rdiv div dynamic discontiguous initialization module use_module multifile table"),
        (
            Builtin,
            "append assert asserta assertz atom atom_length bagof call cut fail false findall forall format functor \
             length member msort nb_getval nl not nth0 nth1 number once op read repeat retract reverse setof sort \
             sub_atom succ true var write writeln",
        ),
    ],
    calls: Function,
    capitals: Variable,
    ..ROW
};
