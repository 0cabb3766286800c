//! Hardware descriptions.

use super::super::class::Class::*;
use super::super::row::{CHARACTER, DOUBLE, ROW, Row, rule};

pub(super) static ROWS: &[Row] = &[VERILOG, SYSTEMVERILOG, VHDL, OPENSCAD, GCODE];

const VERILOG_KEYWORDS: &str = "always always_comb always_ff always_latch and assign automatic begin buf case casex \
                                casez deassign default defparam disable edge else end endcase endfunction \
                                endgenerate endmodule endprimitive endspecify endtable endtask for force forever \
                                fork function generate genvar if initial inout input join localparam module nand \
                                negedge nor not or output parameter posedge primitive release repeat signed specify \
                                specparam strength table task tran unsigned wait while xnor xor";
const VERILOG_TYPES: &str = "event integer real realtime reg supply0 supply1 time tri tri0 tri1 triand trior trireg \
                             wand wire wor bit byte int logic longint shortint shortreal string void chandle";

const VERILOG: Row = Row {
    names: &["verilog", "vlog"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &[DOUBLE],
    words: &[(Keyword, VERILOG_KEYWORDS), (Type, VERILOG_TYPES)],
    nexts: &[(TypeName, "module primitive"), (Function, "task function")],
    sigils: &[("$", Builtin), ("`", Preprocessor), ("'", Number)],
    ..ROW
};

const SYSTEMVERILOG: Row = Row {
    names: &["systemverilog", "sv", "svh"],
    words: &[
        (Keyword, VERILOG_KEYWORDS),
        (
            Keyword,
            "alias assert assume before bind bins binsof break class clocking config const constraint context \
             continue cover covergroup coverpoint cross dist do endclass endclocking endconfig endgroup endinterface \
             endpackage endprogram endproperty endsequence enum expect export extends extern final first_match \
             foreach forkjoin iff ignore_bins illegal_bins implements import inside interface intersect join_any \
             join_none let local matches modport new null package packed priority program property protected pure \
             rand randc randcase randomize randsequence ref restrict return sequence solve static struct super \
             tagged this throughout timeprecision timeunit type typedef union unique unique0 uwire var virtual \
             wait_order wildcard with within",
        ),
        (Type, VERILOG_TYPES),
    ],
    nexts: &[(TypeName, "module class interface package program"), (Function, "task function property sequence")],
    ..VERILOG
};

const VHDL: Row = Row {
    names: &["vhdl", "vhd"],
    line_comments: &["--"],
    block_comments: &[("/*", "*/")],
    quotes: &[DOUBLE, CHARACTER],
    words: &[
        (
            Keyword,
            "abs access after alias all and architecture array assert attribute begin block body buffer bus case \
             component configuration constant disconnect downto else elsif end entity exit file for function \
             generate generic group guarded if impure in inertial inout is label library linkage literal loop map \
             mod nand new next nor not null of on open or others out package port postponed procedure process pure \
             range record register reject rem report return rol ror select severity shared signal sla sll sra srl \
             subtype then to transport type unaffected units until use variable wait when while with xnor xor",
        ),
        (
            Type,
            "bit bit_vector boolean character integer natural positive real signed std_logic std_logic_vector \
             std_ulogic string time unsigned",
        ),
        (Constant, "true false"),
    ],
    nexts: &[
        (TypeName, "entity architecture component package"),
        (Namespace, "library use"),
        (Function, "function procedure"),
    ],
    rules: rule::FOLD_CASE,
    ..ROW
};

const OPENSCAD: Row = Row {
    names: &["openscad", "scad"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &[DOUBLE],
    words: &[
        (Keyword, "each else for function if include intersection_for let module use"),
        (Constant, "true false undef PI"),
        (
            Builtin,
            "circle color cube cylinder difference echo hull import intersection linear_extrude minkowski mirror \
             offset polygon polyhedron projection resize rotate rotate_extrude scale sphere square surface text \
             translate union",
        ),
    ],
    nexts: &[(Function, "function module")],
    sigils: &[("$", Variable)],
    ..ROW
};

const GCODE: Row = Row {
    names: &["gcode", "g-code"],
    line_comments: &[";"],
    block_comments: &[("(", ")")],
    quotes: &[],
    first_words: Builtin,
    ..ROW
};
