//! Assembly, and the text of intermediate code.

use super::super::class::Class::*;
use super::super::row::{BACKTICK, CHARACTER, DOUBLE, ROW, Row, SINGLE, rule};

pub(super) static ROWS: &[Row] = &[GAS, NASM, LLVM, WAT, FORTH, BRAINFUCK, REDCODE];

const GAS: Row = Row {
    names: &["gas", "asm", "assembly", "armasm", "aarch64", "mips", "riscv", "att"],
    line_comments: &["# ", "##", "#\n", ";", "//", "@ "],
    block_comments: &[("/*", "*/")],
    quotes: &[DOUBLE, CHARACTER],
    words: &[(
        Builtin,
        "a0 a1 a2 a3 a4 a5 a6 a7 eax ebp ebx ecx edi edx esi esp fp gp lr pc ra rax rbp rbx rcx rdi rdx rip rsi rsp \
         r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 r13 r14 r15 s0 s1 s2 s3 sp t0 t1 t2 t3 w0 w1 w2 w3 w8 x0 x1 x2 x3 \
         x4 x5 x6 x7 x8 x29 x30 xzr zero",
    )],
    sigils: &[("%", Variable), ("$", Number), (".", Attribute)],
    name_rest: ".",
    first_words: Function,
    rules: rule::LABELS | rule::SPACED_COMMENTS,
    ..ROW
};

const NASM: Row = Row {
    names: &["nasm", "x86asm", "masm", "tasm", "yasm", "fasm"],
    line_comments: &[";"],
    quotes: &[DOUBLE, SINGLE, BACKTICK],
    words: &[
        (
            Keyword,
            "bits default extern global section segment org align use16 use32 use64 struc endstruc istruc iend \
             common absolute proc endp end public assume equ times rel byte word dword qword tword ptr short near \
             far offset",
        ),
        (Declaration, "db dw dd dq dt do dy resb resw resd resq rest"),
        (
            Builtin,
            "ah al ax bh bl bp bpl bx ch cl cr0 cr3 cs cx dh di dil dl ds dx eax ebp ebx ecx edi edx eip es esi esp \
             fs gs r8 r9 r10 r11 r12 r13 r14 r15 r8d r9d rax rbp rbx rcx rdi rdx rip rsi rsp si sil sp spl ss st \
             xmm0 xmm1 xmm2 xmm3 xmm4 xmm5 xmm6 xmm7",
        ),
    ],
    sigils: &[("%", Preprocessor), (".", Label)],
    name_rest: ".",
    first_words: Function,
    rules: rule::LABELS | rule::FOLD_CASE,
    ..ROW
};

const LLVM: Row = Row {
    names: &["llvm", "ll", "llvm-ir", "mlir", "cranelift", "ptx"],
    line_comments: &[";", "//"],
    quotes: &[DOUBLE],
    prefixes: "c",
    words: &[
        (
            Keyword,
            "acq_rel acquire add alias align alloca alwaysinline and ashr atomicrmw attributes bitcast br byval call \
             catch cleanup cmpxchg constant datalayout declare default define dllexport dllimport dso_local eq exact \
             extractvalue extractelement fadd fcmp fdiv fence fmul fneg fpext fptosi fptoui fptrunc freeze frem fsub \
             func getelementptr global hidden icmp inbounds indirectbr insertelement insertvalue internal inttoptr \
             invoke landingpad load local_unnamed_addr lshr module monotonic mul musttail naked ne noalias nocapture \
             noinline nonnull noreturn nounwind nsw nuw oeq oge ogt ole olt one optsize or ord personality phi \
             private ptrtoint readnone readonly release resume ret return sdiv section select seq_cst sext sge sgt \
             shl shufflevector signext sitofp sle slt source_filename srem store sub switch tail target thread_local \
             to triple trunc type udiv ueq uge ugt uitofp ule ult unnamed_addr unreachable unwind urem va_arg \
             volatile weak xor zeroext zext",
        ),
        (
            Type,
            "void half float double fp128 x86_fp80 label metadata token ptr opaque i1 i8 i16 i32 i64 i128 f16 f32 \
             f64 index memref tensor",
        ),
        (Constant, "true false null undef poison zeroinitializer none"),
    ],
    sigils: &[("%", Variable), ("@", Function), ("!", Attribute), ("#", Attribute), ("^", Label)],
    name_rest: ".-",
    rules: rule::LABELS,
    ..ROW
};

const WAT: Row = Row {
    names: &["wat", "wast", "wasm", "webassembly"],
    line_comments: &[";;"],
    block_comments: &[("(;", ";)")],
    quotes: &[DOUBLE],
    words: &[
        (
            Keyword,
            "assert_invalid assert_return assert_trap block br br_if br_table call call_indirect data declare drop \
             elem else end export func global if import invoke item local loop memory module mut nop offset param \
             ref register result return return_call select start table then type unreachable",
        ),
        (Type, "i32 i64 f32 f64 v128 externref funcref anyref"),
        (
            Builtin,
            "local.get local.set local.tee global.get global.set memory.size memory.grow memory.copy memory.fill \
             i32.add i32.sub i32.mul i32.div_s i32.div_u i32.rem_s i32.rem_u i32.and i32.or i32.xor i32.shl \
             i32.shr_s i32.shr_u i32.eqz i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u \
             i32.ge_s i32.ge_u i32.const i32.load i32.load8_u i32.load8_s i32.store i32.store8 i32.wrap_i64 i64.add \
             i64.sub i64.mul i64.eqz i64.eq i64.const i64.load i64.store i64.extend_i32_s i64.extend_i32_u f32.const \
             f32.add f32.mul f64.const f64.add f64.sub f64.mul f64.div f64.sqrt f64.load f64.store",
        ),
    ],
    sigils: &[("$", Variable)],
    name_rest: ".",
    rules: rule::NESTED,
    ..ROW
};

const FORTH: Row = Row {
    names: &["forth", "factor"],
    line_comments: &["\\ "],
    block_comments: &[("( ", ")")],
    quotes: &[DOUBLE],
    words: &[
        (
            Keyword,
            "again begin case constant create do does> else endcase endof exit i if immediate j leave loop +loop of \
             postpone recurse repeat then to until value variable while ?do",
        ),
        (
            Builtin,
            "and cells cr drop dup emit execute here max min mod negate nip not or over pick rot space spaces swap \
             tuck type words xor @ ! + - * / = < > 1+ 1- 2drop 2dup ?dup . .s",
        ),
    ],
    name_start: ":;@!+-*/=<>?.",
    name_rest: ":;@!+-*/=<>?.",
    rules: rule::FOLD_CASE,
    ..ROW
};

const BRAINFUCK: Row = Row { names: &["brainfuck", "bf"], quotes: &[], words: &[], ..ROW };

const REDCODE: Row = Row {
    names: &["redcode", "mos6502", "6502", "avr", "z80", "ca65"],
    line_comments: &[";"],
    quotes: &[DOUBLE, CHARACTER],
    words: &[(Builtin, "a b c d e h l x y hl bc de ix iy sp")],
    sigils: &[("$", Number), ("#", Number), ("%", Number), (".", Attribute)],
    first_words: Function,
    rules: rule::LABELS | rule::FOLD_CASE,
    ..ROW
};
