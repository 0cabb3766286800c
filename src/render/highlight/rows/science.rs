//! Languages for numbers, statistics and plots.

use super::super::class::Class::*;
use super::super::row::{
    BACKTICK, CHARACTER, DOUBLE, DOUBLED_DOUBLE, DOUBLED_SINGLE, Inside, LONG_DOUBLE, LONG_SINGLE, Quote, ROW, Row,
    SINGLE, TRIPLE_DOUBLE, rule,
};

pub(super) static ROWS: &[Row] = &[R, JULIA, MATLAB, FORTRAN, GNUPLOT, MATHEMATICA, STATA, SAS, MAXIMA, STAN, APL];

const R: Row = Row {
    names: &["r", "splus", "rscript", "s"],
    line_comments: &["#"],
    quotes: &[LONG_DOUBLE, LONG_SINGLE, BACKTICK],
    words: &[
        (Keyword, "break else for function if in next repeat return while"),
        (Constant, "TRUE FALSE NULL Inf NaN NA NA_integer_ NA_real_ NA_character_ T F"),
        (Builtin, "pi letters LETTERS month.name library require source"),
    ],
    name_rest: ".",
    calls: Function,
    ..ROW
};

const JULIA: Row = Row {
    names: &["julia", "jl"],
    line_comments: &["#"],
    block_comments: &[("#=", "=#")],
    quotes: &[
        Quote { inside: Inside::DollarParens, ..TRIPLE_DOUBLE },
        Quote { inside: Inside::DollarParens, ..LONG_DOUBLE },
        CHARACTER,
        Quote { open: "`", close: "`", ..DOUBLE },
    ],
    prefixes: "r b raw",
    words: &[
        (
            Keyword,
            "abstract baremodule begin break catch const continue do else elseif end export finally for function \
             global if import let local macro module mutable new outer primitive public quote return struct try type \
             using where while",
        ),
        (WordOperator, "in isa"),
        (Constant, "true false nothing missing Inf NaN pi im ENV ARGS"),
        (
            Type,
            "AbstractArray AbstractFloat AbstractString Any Array BigFloat BigInt Bool Char Complex Dict Exception \
             Expr Float16 Float32 Float64 Function Int Int8 Int16 Int32 Int64 Int128 Integer IO Matrix Missing \
             NTuple NamedTuple Nothing Number Pair Ptr Rational Real Ref Regex Set String SubString Symbol Task \
             Tuple Type UInt UInt8 UInt16 UInt32 UInt64 Union UnitRange Vector Vararg Val",
        ),
        (Builtin, "println print length push! pop! size zeros ones rand sum map filter collect range"),
    ],
    nexts: &[(TypeName, "struct type"), (Namespace, "module import using")],
    sigils: &[("@", Decorator), (":", Symbol)],
    name_rest: "!",
    rules: rule::NESTED,
    ..ROW
};

const MATLAB: Row = Row {
    names: &["matlab", "octave", "m"],
    line_comments: &["%", "#"],
    block_comments: &[("%{", "%}")],
    quotes: &[DOUBLED_DOUBLE_LINE, SINGLE_LINE],
    words: &[
        (
            Keyword,
            "break case catch classdef continue do else elseif end end_try_catch end_unwind_protect endfor \
             endfunction endif endswitch endwhile enumeration events for function global if methods otherwise parfor \
             persistent properties return spmd switch try until unwind_protect unwind_protect_cleanup while",
        ),
        (Constant, "true false pi Inf NaN eps i j ans nargin nargout"),
        (
            Builtin,
            "abs all any atan2 axis cat ceil cell cellfun char clc clear close cos cross cumsum det diag diff disp \
             display dot double error exp eye factorial fclose feval fft fgetl fieldnames figure find floor fopen \
             format fprintf grid hold ifft imag input int32 interp1 inv isempty isfield isnan length linspace load \
             log log10 logical lower max mean median meshgrid min mod norm num2cell num2str numel ones plot polyfit \
             polyval prod rand randi randn rank real regexp repmat reshape round save sign sin size sort sprintf \
             sqrt std strcat strcmp strfind strrep strsplit struct subplot sum surf tan tic title toc trace \
             transpose uint8 unique upper var warning xlabel xlim ylabel ylim zeros",
        ),
    ],
    nexts: &[(Function, "function"), (TypeName, "classdef")],
    sigils: &[("@", Function)],
    rules: rule::TRANSPOSE,
    ..ROW
};

const DOUBLED_DOUBLE_LINE: Quote = Quote { lines: false, ..DOUBLED_DOUBLE };
const SINGLE_LINE: Quote = Quote { lines: false, ..DOUBLED_SINGLE };

const FORTRAN: Row = Row {
    names: &["fortran", "f90", "f95", "f77", "f03", "f08", "for"],
    line_comments: &["!"],
    quotes: &[DOUBLED_DOUBLE_LINE, SINGLE_LINE],
    words: &[
        (
            Keyword,
            "abstract accept all allocatable allocate array assign associate asynchronous backspace bind block \
             blockdata call case class close codimension common concurrent contains contiguous continue critical \
             cycle data deallocate deferred dimension do elemental else elseif elsewhere encode end endfile endif \
             enddo entry enum enumerator equivalence error exit extends external eventtype exclusive final forall \
             format function generic go goto if images implicit import impure include inquire inout in intent \
             interface intrinsic is lock memory module namelist none non_overridable nopass nullify only open \
             operator optional options out parameter pass pause pointer print private procedure program protected \
             public pure read recursive result return rewind save select sequence stop submodule subroutine sync \
             target then to type unlock use value volatile where while write",
        ),
        (Type, "character complex double doubleprecision integer logical real precision byte"),
        (Constant, ".true. .false."),
        (
            Builtin,
            "abs acos aimag all allocated any asin associated atan atan2 ceiling char cmplx conjg cos cosh count \
             cpu_time dble dim dot_product epsilon exp floor huge iachar ichar index int kind lbound len len_trim \
             log log10 matmul max maxloc maxval merge min minloc minval mod modulo nint pack present product \
             random_number reshape scan selected_real_kind shape sign sin size spread sqrt sum system_clock tan tanh \
             tiny transpose trim ubound verify",
        ),
    ],
    nexts: &[(Function, "function subroutine"), (Namespace, "program module use")],
    rules: rule::FOLD_CASE,
    ..ROW
};

const GNUPLOT: Row = Row {
    names: &["gnuplot", "plt"],
    line_comments: &["#"],
    quotes: &[DOUBLE, SINGLE],
    words: &[
        (
            Keyword,
            "bind break call cd clear continue do else evaluate exit fit for help history if load pause plot print \
             pwd quit raise replot reread reset save set shell show splot stats system test undefine unset update \
             while",
        ),
        (
            Builtin,
            "using with title notitle lines points linespoints boxes histograms dots impulses steps filledcurves \
             linetype linewidth lt lw lc rgb pt ps every index smooth axes terminal output xlabel ylabel zlabel \
             xrange yrange zrange key grid style datafile separator multiplot size xtics ytics logscale",
        ),
    ],
    sigils: &[("$", Variable), ("@", Variable)],
    ..ROW
};

const MATHEMATICA: Row = Row {
    names: &["mathematica", "mma", "nb", "wolfram", "wl"],
    block_comments: &[("(*", "*)")],
    quotes: &[LONG_DOUBLE],
    name_start: "$",
    capitals: Builtin,
    rules: rule::NESTED,
    ..ROW
};

const STATA: Row = Row {
    names: &["stata", "do", "ado"],
    line_comments: &["//", "*"],
    block_comments: &[("/*", "*/")],
    quotes: &[
        Quote { open: "`\"", close: "\"'", ..DOUBLE },
        DOUBLE,
        Quote { open: "`", close: "'", class: Variable, ..DOUBLE },
    ],
    words: &[
        (
            Keyword,
            "append browse by bysort capture clear codebook collapse compress count cd decode describe destring \
             display do drop egen else encode end estimates exit export foreach forvalues gen generate global graph \
             histogram if import in keep label list local log logit margins matrix merge order preserve probit \
             program qui quietly recode reg regress rename replace reshape restore return save scalar scatter set \
             sort sum summarize summary svyset tab tabulate tempfile tempvar test ttest twoway use using version \
             while xtreg",
        ),
        (Type, "byte int long float double str strL"),
    ],
    sigils: &[("$", Variable)],
    calls: Function,
    ..ROW
};

const SAS: Row = Row {
    names: &["sas"],
    line_comments: &["*"],
    block_comments: &[("/*", "*/")],
    quotes: &[DOUBLED_DOUBLE, DOUBLED_SINGLE],
    words: &[
        (
            Keyword,
            "array attrib by call class data datalines cards delete do drop else end eq filename footnote format ge \
             gt have if infile informat input in keep label le length libname like lt merge model ne not and or \
             options otherwise out output proc put quit rename retain return run select set sql create table as from \
             where group order stop sum tables then title to until update var weight when while with",
        ),
        (
            Function,
            "abs catx cats ceil coalesce compress count date datepart day floor index input int intck intnx lag left \
             log lowcase max mdy mean min missing month propcase put ranuni round scan sqrt strip substr sum sysfunc \
             today tranwrd trim upcase year",
        ),
    ],
    sigils: &[("%", Preprocessor), ("&", Variable)],
    rules: rule::FOLD_CASE | rule::FIRST_COMMENTS,
    ..ROW
};

const MAXIMA: Row = Row {
    names: &["maxima", "gap", "sage-math", "scilab", "sci"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    words: &[
        (
            Keyword,
            "and block break case catch do else elseif end endfunction fi for from function if in local not od or \
             repeat return select step then thru to unless until while",
        ),
        (Constant, "true false %pi %e %i %t %f"),
    ],
    calls: Function,
    ..ROW
};

const STAN: Row = Row {
    names: &["stan", "bugs", "jags"],
    line_comments: &["//", "#"],
    block_comments: &[("/*", "*/")],
    words: &[
        (
            Keyword,
            "break continue data else for functions generated if in lower model offset multiplier parameters \
             quantities return target transformed upper while print reject",
        ),
        (
            Type,
            "array cholesky_factor_corr cholesky_factor_cov complex corr_matrix cov_matrix int matrix ordered \
             positive_ordered real row_vector simplex unit_vector vector void",
        ),
    ],
    calls: Function,
    ..ROW
};

const APL: Row = Row {
    names: &["apl", "dyalog"],
    line_comments: &["⍝", "#"],
    quotes: &[DOUBLED_DOUBLE_LINE, SINGLE_LINE, SINGLE],
    words: &[],
    name_rest: "∆⍙",
    ..ROW
};
