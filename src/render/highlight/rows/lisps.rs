//! Lisps.

use super::super::class::Class::*;
use super::super::row::{LONG_DOUBLE, ROW, Row, rule};

pub(super) static ROWS: &[Row] = &[CLOJURE, COMMON_LISP, SCHEME, RACKET, EMACS_LISP, FENNEL, JANET, HY];

const NAME_BYTES: &str = "-+*/<>=!?&%";

const LISP: Row = Row {
    line_comments: &[";"],
    quotes: &[LONG_DOUBLE],
    sigils: &[(":", Symbol)],
    name_start: NAME_BYTES,
    name_rest: "-+*/<>=!?&%.:'#",
    rules: rule::LISP,
    ..ROW
};

const CLOJURE: Row = Row {
    names: &["clojure", "clj", "cljs", "cljc", "edn", "clojurescript", "babashka"],
    words: &[
        (
            Keyword,
            ". catch def defn do finally fn for if let loop new quote recur throw try var doseq dotimes while when \
             when-let when-not if-let if-not cond case condp binding -> ->> as-> cond-> some-> doto",
        ),
        (
            Declaration,
            "def def- defn defn- defmacro defmulti defmethod defstruct defonce declare definline definterface \
             defprotocol defrecord deftype defproject ns",
        ),
        (Constant, "true false nil"),
        (
            Builtin,
            "* + - / < <= = == > >= and apply assoc assoc-in atom comp concat conj cons contains? count dec deref \
             dissoc drop empty? even? every? filter first format frequencies get get-in group-by hash-map identity \
             inc interleave interpose into iterate keys last lazy-seq list map map-indexed mapcat max merge min mod \
             name next nil? not not= nth odd? or partial partition pr print println prn range re-find re-matches \
             re-seq read reduce remove repeat replace require rest reset! reverse second select-keys seq set slurp \
             some sort sort-by spit split str subs swap! take take-while update update-in use vals vec vector zero? \
             zipmap import",
        ),
    ],
    nexts: &[(Variable, "def defn defn- defmacro defmulti defmethod defonce defprotocol defrecord deftype ns")],
    ..LISP
};

const COMMON_LISP: Row = Row {
    names: &["common-lisp", "cl", "lisp", "commonlisp"],
    block_comments: &[("#|", "|#")],
    words: &[
        (
            Keyword,
            "block case catch ccase cond ctypecase declare declaim destructuring-bind do do* dolist dotimes ecase \
             etypecase eval-when flet function go handler-bind handler-case if ignore-errors in-package labels \
             lambda let let* locally loop macrolet multiple-value-bind multiple-value-call otherwise prog prog1 \
             prog2 progn progv quote restart-case return return-from setf setq symbol-macrolet tagbody the throw \
             typecase unless unwind-protect when with-accessors with-open-file with-output-to-string with-slots",
        ),
        (
            Declaration,
            "defclass defconstant defgeneric define-condition defmacro defmethod defpackage defparameter defstruct \
             deftype defun defvar defsystem",
        ),
        (Constant, "t nil"),
        (
            Builtin,
            "* + - / < <= = > >= 1+ 1- and append apply aref assoc car cdr cadr cddr concatenate cons consp \
             copy-list decf delete eq eql equal error evenp find first format funcall gensym get gethash identity \
             incf intern last length list listp make-array make-hash-table make-instance map mapc mapcan mapcar max \
             member min mod not nth nthcdr null numberp or parse-integer pop position prin1 princ print push quit \
             read read-line reduce remove remove-if remove-if-not rest reverse second sort string string= stringp \
             subseq symbolp terpri third values vector-push-extend write-line zerop",
        ),
    ],
    nexts: &[
        (Function, "defun defmacro defmethod defgeneric"),
        (Variable, "defvar defparameter defconstant"),
        (TypeName, "defclass defstruct"),
    ],
    ..LISP
};

const SCHEME: Row = Row {
    names: &["scheme", "scm", "guile", "chicken"],
    block_comments: &[("#|", "|#")],
    words: &[
        (
            Keyword,
            "and assert begin case case-lambda cond cond-expand define define-module define-record-type \
             define-syntax define-values delay do dynamic-wind else export guard if import lambda let let* \
             let*-values let-syntax let-values letrec letrec* letrec-syntax library named-let or parameterize \
             quasiquote quote rename set! syntax-case syntax-rules unless unquote unquote-splicing use-modules when \
             with-exception-handler",
        ),
        (
            Builtin,
            "* + - / < <= = > >= append apply assoc assq assv boolean? caar cadr call-with-current-continuation \
             call/cc call-with-values car cdr cddr char? cons display eq? equal? eqv? error even? exact->inexact \
             expt filter fold fold-left fold-right for-each hash-table-ref hash-table-set! integer? length list \
             list->vector list-ref list? make-string make-vector map max member memq min modulo newline not null? \
             number->string number? odd? pair? procedure? quotient read remainder reverse string string->number \
             string->symbol string-append string-length string=? string? substring symbol? values vector \
             vector-length vector-ref vector-set! vector? write zero?",
        ),
    ],
    ..LISP
};

const RACKET: Row = Row {
    names: &["racket", "rkt"],
    words: &[
        (
            Keyword,
            "#lang all-defined-out and begin begin0 case class cond contract-out define define-struct define-syntax \
             define-syntax-rule define-values delay else except-in field for for* for/fold for/hash for/list for/sum \
             for/vector if import in-list in-naturals in-range init inherit lambda let let* let*-values let-syntax \
             let-values letrec local local-require match match-define match-lambda module module+ new only-in or \
             parameterize prefix-in provide quasiquote quote require send set! struct super syntax-case syntax-parse \
             syntax-rules this unless unquote when with-handlers λ",
        ),
        (
            Builtin,
            "* + - / < <= = > >= add1 andmap append apply assoc boolean? car cdr cadr compose cons displayln display \
             empty empty? eof-object? eq? equal? error even? exact->inexact filter first flatten foldl foldr format \
             hash hash-ref hash-set hash-set! identity last length list list-ref list? map max member memq min \
             modulo newline not null null? number->string number? odd? ormap pair? printf range read-line rest \
             reverse second sort sqr sqrt string string->number string-append string-join string-length string-split \
             string? sub1 substring symbol? take values vector vector-ref void write zero?",
        ),
    ],
    ..SCHEME
};

const EMACS_LISP: Row = Row {
    names: &["emacs-lisp", "elisp", "el", "emacs"],
    words: &[
        (
            Keyword,
            "and catch cond condition-case condition-case-unless-debug dolist dotimes function if if-let if-let* \
             interactive lambda let let* letrec loop or pcase pcase-let prog1 prog2 progn quote save-current-buffer \
             save-excursion save-match-data save-restriction setf setq setq-default setq-local unless unwind-protect \
             use-package when when-let when-let* while with-current-buffer with-eval-after-load with-temp-buffer",
        ),
        (
            Declaration,
            "cl-defun cl-defmethod cl-defstruct defadvice defalias defconst defcustom defface defgroup \
             define-derived-mode define-minor-mode define-key defmacro defsubst defun defvar defvar-local",
        ),
        (Constant, "t nil"),
        (
            Builtin,
            "* + - / < <= = > >= 1+ 1- add-hook add-to-list aref assoc assq autoload bolp boundp buffer-name \
             buffer-string buffer-substring car cdr cadr concat cons current-buffer delete-region directory-files \
             eolp eq equal error eval expand-file-name fboundp featurep file-exists-p find-file format forward-char \
             forward-line funcall get-buffer-create getenv global-set-key goto-char insert kbd keymap-set length \
             list load looking-at make-directory mapc mapcar mapconcat match-string member memq message not nth \
             nthcdr null number-to-string numberp point point-max point-min pop princ provide push re-search-forward \
             read-string region-beginning region-end remove-hook replace-match require reverse run-hooks \
             search-forward set shell-command split-string string= string-match string-to-number stringp substring \
             symbol-name symbolp",
        ),
    ],
    nexts: &[(Function, "defun defmacro defsubst cl-defun"), (Variable, "defvar defconst defcustom defface defgroup")],
    ..LISP
};

const FENNEL: Row = Row {
    names: &["fennel", "fnl"],
    words: &[
        (
            Keyword,
            "accumulate and case collect comment do doto each eval-compiler faccumulate fcollect fn for global \
             hashfn icollect if import-macros include lambda let local lua macro macrodebug macros match not not= or \
             partial pick-args quote require-macros set tset unquote values var when while with-open -> ->> -?>",
        ),
        (Constant, "true false nil"),
        (
            Builtin,
            "assert error ipairs length math next os pairs pcall print require select setmetatable string table \
             tonumber tostring type",
        ),
    ],
    nexts: &[(Function, "fn lambda macro")],
    ..LISP
};

const JANET: Row = Row {
    names: &["janet"],
    line_comments: &["#"],
    words: &[
        (
            Keyword,
            "and break case catch cond coro def def- default defer defglobal defmacro defmacro- defn defn- do each \
             eachk eachp edefer fn for forever forv generate if if-let if-not if-with import label let loop match \
             not or prompt protect quasiquote quote repeat return seq set splice tabseq try unless unquote upscope \
             use var varfn varglobal when when-let when-with while with with-dyns",
        ),
        (Constant, "true false nil"),
        (
            Builtin,
            "* + - / < <= = > >= apply array array/push buffer count dec describe error filter first get inc keys \
             last length map max merge min pp print printf put range reduce reverse slice sort string string/join \
             string/split struct table tuple type values zipcoll",
        ),
    ],
    nexts: &[(Function, "defn defn- defmacro")],
    ..LISP
};

const HY: Row = Row {
    names: &["hy", "hylang"],
    words: &[
        (
            Keyword,
            "assert await break case cond continue cut def defclass defmacro defn del do dfor except finally fn for \
             get gfor if import in lfor let match not or quote raise require return setv setx sfor try unquote when \
             while with yield -> ->>",
        ),
        (Constant, "True False None"),
        (
            Builtin,
            "* + - / < <= = > >= abs dict filter first isinstance len list map max min print range rest reversed set \
             sorted str sum tuple type zip",
        ),
    ],
    nexts: &[(Function, "defn defmacro"), (TypeName, "defclass")],
    ..LISP
};
