//! Languages of block chains.

use super::super::class::Class::*;
use super::super::row::{CHARACTER, DOUBLE, ROW, Row, SINGLE, TRIPLE_DOUBLE, rule};

pub(super) static ROWS: &[Row] = &[SOLIDITY, VYPER, MOVE, CAIRO];

const SOLIDITY: Row = Row {
    names: &["solidity", "sol"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &[DOUBLE, SINGLE],
    prefixes: "hex unicode",
    words: &[
        (
            Keyword,
            "abstract anonymous as assembly break calldata catch constant constructor continue delete do else emit \
             external fallback for if immutable import indexed interface internal is memory new override payable \
             pragma private public pure receive return returns revert storage throw transient try unchecked using \
             view virtual while",
        ),
        (Declaration, "contract enum error event function library mapping modifier struct type var"),
        (Constant, "true false wei gwei ether seconds minutes hours days weeks"),
        (
            Type,
            "address bool byte bytes bytes1 bytes2 bytes4 bytes8 bytes16 bytes20 bytes32 fixed int int8 int16 int32 \
             int64 int128 int256 string ufixed uint uint8 uint16 uint32 uint64 uint112 uint128 uint160 uint256",
        ),
        (
            Builtin,
            "abi addmod assert block blockhash ecrecover gasleft keccak256 msg mulmod now require ripemd160 \
             selfdestruct sha256 super this tx",
        ),
    ],
    nexts: &[(Function, "function modifier event error"), (TypeName, "contract interface library struct enum")],
    ..ROW
};

const VYPER: Row = Row {
    names: &["vyper", "vy"],
    line_comments: &["#"],
    quotes: &[TRIPLE_DOUBLE, DOUBLE, SINGLE],
    words: &[
        (
            Keyword,
            "as assert break continue elif else for from if import in implements log pass raise return struct \
             interface event def",
        ),
        (WordOperator, "and not or"),
        (Constant, "True False empty ZERO_ADDRESS MAX_UINT256"),
        (
            Type,
            "address bool bytes32 Bytes DynArray HashMap String decimal int128 int256 uint8 uint256 public immutable \
             constant indexed",
        ),
        (Builtin, "self msg block tx len range convert concat slice keccak256 send raw_call"),
    ],
    nexts: &[(Function, "def"), (TypeName, "struct interface event")],
    sigils: &[("@", Decorator)],
    ..ROW
};

const MOVE: Row = Row {
    names: &["move"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &[DOUBLE],
    prefixes: "b x",
    words: &[
        (
            Keyword,
            "abort acquires as break const continue copy else entry friend fun has if invariant let loop module move \
             mut native public return script spec struct use while",
        ),
        (Constant, "true false"),
        (Type, "address bool signer u8 u16 u32 u64 u128 u256 vector"),
        (Builtin, "assert borrow_global borrow_global_mut exists move_from move_to freeze key store drop"),
    ],
    nexts: &[(Function, "fun"), (TypeName, "struct"), (Namespace, "module")],
    rules: rule::RUST,
    ..ROW
};

const CAIRO: Row = Row {
    names: &["cairo"],
    line_comments: &["//"],
    quotes: &[DOUBLE, CHARACTER, SINGLE],
    words: &[
        (
            Keyword,
            "as break const continue else enum extern fn for if impl implicits in let loop match mod mut nopanic of \
             pub ref return self struct trait type use while",
        ),
        (Constant, "true false"),
        (Type, "Array ByteArray ContractAddress Option Result Span bool felt252 u8 u16 u32 u64 u128 u256 usize"),
    ],
    nexts: &[(Function, "fn"), (TypeName, "struct enum trait type"), (Namespace, "mod")],
    rules: rule::RUST,
    ..ROW
};
