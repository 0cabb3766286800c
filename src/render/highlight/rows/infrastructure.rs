//! Servers, builds and machines: their configuration.

use super::super::class::Class::*;
use super::super::row::{
    BACKTICK, DOUBLE, Inside, LONG_DOUBLE, LONG_SINGLE, Quote, ROW, Row, SINGLE, TRIPLE_DOUBLE, TRIPLE_SINGLE, rule,
};

pub(super) static ROWS: &[Row] = &[
    HCL, NIX, NGINX, APACHE, CADDYFILE, CMAKE, MESON, STARLARK, PUPPET, BICEP, HAPROXY, JUST, KCONFIG, NINJA,
    SSH_CONFIG, HOSTS, CRONTAB, VARNISH, GN, DEVICETREE, QMAKE, BITBAKE, SPEC,
];

const HCL: Row = Row {
    names: &["hcl", "terraform", "tf", "tfvars", "nomad", "packer", "opentofu"],
    line_comments: &["#", "//"],
    block_comments: &[("/*", "*/")],
    quotes: &[Quote { inside: Inside::DollarBraces, ..DOUBLE }],
    words: &[
        (
            Keyword,
            "backend connection content data dynamic else endfor endif for for_each if import in lifecycle locals \
             module moved output provider provisioner removed required_providers resource terraform variable check",
        ),
        (Constant, "true false null"),
        (Type, "any bool list map number object set string tuple"),
        (Builtin, "var local each count path self"),
    ],
    name_rest: "-",
    calls: Function,
    rules: rule::HEREDOC | rule::SETTINGS,
    ..ROW
};

const NIX: Row = Row {
    names: &["nix", "nixos"],
    line_comments: &["#"],
    block_comments: &[("/*", "*/")],
    quotes: &[
        Quote { open: "''", close: "''", lines: true, escape: 0, inside: Inside::DollarBraces, ..DOUBLE },
        Quote { inside: Inside::DollarBraces, ..LONG_DOUBLE },
    ],
    words: &[
        (Keyword, "assert else if in inherit let rec then with"),
        (Constant, "true false null"),
        (WordOperator, "or"),
        (
            Builtin,
            "abort baseNameOf builtins derivation dirOf fetchGit fetchTarball fetchurl import isNull map removeAttrs \
             throw toString",
        ),
    ],
    name_rest: "-'",
    ..ROW
};

const NGINX: Row = Row {
    names: &["nginx", "nginxconf", "openresty"],
    line_comments: &["#"],
    quotes: &[LONG_DOUBLE, LONG_SINGLE],
    words: &[(Constant, "on off")],
    sigils: &[("$", Variable)],
    name_rest: "-./",
    first_words: Keyword,
    ..ROW
};

const APACHE: Row = Row {
    names: &["apache", "apacheconf", "aconf", "htaccess", "httpd"],
    line_comments: &["#"],
    quotes: &[LONG_DOUBLE],
    words: &[(Constant, "on off all none allow deny from any double")],
    sigils: &[("%", Variable), ("</", Tag), ("<", Tag)],
    name_rest: "-./:",
    first_words: Builtin,
    rules: rule::FOLD_CASE | rule::FIRST_COMMENTS,
    ..ROW
};

const CADDYFILE: Row = Row {
    names: &["caddyfile", "caddy"],
    line_comments: &["#"],
    quotes: &[LONG_DOUBLE, BACKTICK],
    words: &[(Constant, "on off")],
    sigils: &[("@", Decorator)],
    name_rest: "-.:/*",
    first_words: Keyword,
    rules: rule::SPACED_COMMENTS,
    ..ROW
};

const CMAKE: Row = Row {
    names: &["cmake", "cmakelists"],
    line_comments: &["#"],
    block_comments: &[("#[[", "]]")],
    quotes: &[Quote { inside: Inside::DollarBraces, ..LONG_DOUBLE }],
    words: &[(
        WordOperator,
        "and or not strequal matches equal less greater version_less version_greater defined exists target",
    )],
    sigils: &[("$ENV", Variable), ("$", Variable)],
    calls: Builtin,
    rules: rule::FOLD_CASE,
    ..ROW
};

const MESON: Row = Row {
    names: &["meson", "meson.build"],
    line_comments: &["#"],
    quotes: &[TRIPLE_SINGLE, SINGLE],
    prefixes: "f",
    words: &[
        (Keyword, "break continue elif else endforeach endif foreach if"),
        (WordOperator, "and in not or"),
        (Constant, "true false"),
        (Builtin, "meson build_machine host_machine target_machine"),
    ],
    calls: Function,
    ..ROW
};

const STARLARK: Row = Row {
    names: &["starlark", "bazel", "bzl", "build", "buck", "tiltfile", "skylark"],
    line_comments: &["#"],
    quotes: &[TRIPLE_DOUBLE, TRIPLE_SINGLE, DOUBLE, SINGLE],
    prefixes: "r b rb br",
    words: &[
        (Keyword, "break continue def elif else for if lambda load pass return"),
        (WordOperator, "and in not or"),
        (Constant, "True False None"),
        (
            Builtin,
            "all any attr bool depset dict dir enumerate fail getattr glob hasattr hash int len list max min native \
             package print provider range repr reversed rule select set sorted str struct tuple type zip",
        ),
    ],
    nexts: &[(Function, "def")],
    calls: Function,
    ..ROW
};

const PUPPET: Row = Row {
    names: &["puppet", "pp"],
    line_comments: &["#"],
    quotes: &[Quote { inside: Inside::Dollar, ..LONG_DOUBLE }, LONG_SINGLE],
    words: &[
        (
            Keyword,
            "and application attr case class consumes default define else elsif function if import in inherits node \
             or produces site type unless",
        ),
        (Constant, "true false undef absent present installed latest running stopped file directory link"),
        (
            Builtin,
            "contain create_resources defined each fail filter include lookup map notice realize reduce require \
             template epp",
        ),
    ],
    nexts: &[(TypeName, "class define inherits node")],
    sigils: &[("$", Variable)],
    name_rest: ":",
    ..ROW
};

const BICEP: Row = Row {
    names: &["bicep"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &[TRIPLE_SINGLE, Quote { inside: Inside::DollarBraces, ..SINGLE }],
    words: &[
        (
            Keyword,
            "as assert existing extension for func if import in metadata module output param provider resource \
             targetScope type using var with",
        ),
        (Constant, "true false null"),
        (Type, "array bool int object string"),
    ],
    nexts: &[(Variable, "module output param resource var func type")],
    sigils: &[("@", Decorator)],
    keys: Attribute,
    calls: Function,
    ..ROW
};

const HAPROXY: Row = Row {
    names: &["haproxy", "squid", "dovecot", "postfix", "lighttpd"],
    line_comments: &["#"],
    words: &[
        (Keyword, "global defaults frontend backend listen peers resolvers userlist cache"),
        (Constant, "on off yes no"),
    ],
    sigils: &[("$", Variable), ("%", Variable)],
    name_rest: "-._",
    first_words: Attribute,
    rules: rule::SPACED_COMMENTS,
    ..ROW
};

const JUST: Row = Row {
    names: &["just", "justfile"],
    line_comments: &["#"],
    quotes: &[TRIPLE_DOUBLE, TRIPLE_SINGLE, DOUBLE, SINGLE, BACKTICK],
    words: &[
        (Keyword, "alias else export if import mod set unexport assert"),
        (Constant, "true false"),
        (
            Function,
            "arch env env_var env_var_or_default error invocation_directory join just_executable justfile_directory \
             num_cpus os os_family parent_directory quote replace shell trim uppercase lowercase",
        ),
    ],
    sigils: &[("@", Decorator), ("$", Variable)],
    name_rest: "-",
    rules: rule::LABELS | rule::SPACED_COMMENTS,
    ..ROW
};

const KCONFIG: Row = Row {
    names: &["kconfig"],
    line_comments: &["#"],
    words: &[
        (
            Keyword,
            "bool choice comment config default depends def_bool def_tristate endchoice endif endmenu help hex if \
             imply int mainmenu menu menuconfig modules on optional option prompt range select source string \
             tristate visible",
        ),
        (Constant, "y n m"),
    ],
    ..ROW
};

const NINJA: Row = Row {
    names: &["ninja"],
    line_comments: &["#"],
    quotes: &[],
    words: &[(Keyword, "build default include phony pool rule subninja")],
    nexts: &[(Function, "rule")],
    sigils: &[("$", Variable)],
    rules: rule::SETTINGS,
    ..ROW
};

const SSH_CONFIG: Row = Row {
    names: &["ssh-config", "sshconfig", "sshd-config", "sshd_config", "ssh_config"],
    line_comments: &["#"],
    words: &[(Constant, "yes no ask none"), (Keyword, "Host Match Include")],
    name_rest: "-./~",
    first_words: Attribute,
    ..ROW
};

const HOSTS: Row = Row {
    names: &["hosts", "zone", "dns", "gitignore", "dockerignore", "gitattributes", "codeowners", "robots", "robotstxt"],
    line_comments: &["#", ";"],
    words: &[(Keyword, "IN A AAAA CNAME MX NS SOA TXT SRV PTR CAA"), (Attribute, "User-agent Disallow Allow Sitemap")],
    quotes: &[DOUBLE],
    sigils: &[("$", Keyword)],
    name_rest: "-",
    rules: rule::SPACED_COMMENTS,
    ..ROW
};

const CRONTAB: Row = Row {
    names: &["crontab", "cron"],
    line_comments: &["#"],
    words: &[(Constant, "root")],
    sigils: &[("@", Keyword), ("$", Variable)],
    name_rest: "-./",
    rules: rule::FIRST_COMMENTS | rule::SETTINGS,
    ..ROW
};

const VARNISH: Row = Row {
    names: &["vcl", "varnish"],
    line_comments: &["#", "//"],
    block_comments: &[("/*", "*/")],
    words: &[
        (
            Keyword,
            "acl backend call director else elseif elsif for if import include new probe return set sub synthetic \
             unset vcl",
        ),
        (Constant, "true false"),
        (
            Builtin,
            "req bereq beresp obj resp client server now storage hash_data ban regsub regsuball deliver pass pipe \
             fetch lookup miss hit restart",
        ),
    ],
    nexts: &[(Function, "sub call")],
    ..ROW
};

const GN: Row = Row {
    names: &["gn", "gni"],
    line_comments: &["#"],
    quotes: &[Quote { inside: Inside::Dollar, ..DOUBLE }],
    words: &[(Keyword, "else if import foreach template invoker"), (Constant, "true false")],
    calls: Function,
    ..ROW
};

const DEVICETREE: Row = Row {
    names: &["devicetree", "dts", "dtsi"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    sigils: &[("&", Label), ("/", Keyword)],
    name_rest: "-,@",
    rules: rule::PREPROCESSOR | rule::LABELS | rule::SETTINGS,
    ..ROW
};

const QMAKE: Row = Row {
    names: &["qmake", "pro", "autoconf", "m4", "automake"],
    line_comments: &["#", "dnl"],
    words: &[(Comment, "dnl"), (Keyword, "define include ifdef ifelse undefine divert if else for")],
    sigils: &[("$$", Variable), ("$", Variable)],
    calls: Function,
    rules: rule::SETTINGS | rule::SPACED_COMMENTS,
    ..ROW
};

const BITBAKE: Row = Row {
    names: &["bitbake", "bb", "yocto"],
    line_comments: &["#"],
    quotes: &[LONG_DOUBLE, LONG_SINGLE],
    words: &[(
        Keyword,
        "addhandler addtask after before def deltask export fakeroot include inherit python require EXPORT_FUNCTIONS",
    )],
    nexts: &[(Namespace, "include inherit require"), (Function, "def")],
    sigils: &[("$", Variable)],
    name_rest: "-:",
    rules: rule::SETTINGS,
    ..ROW
};

const SPEC: Row = Row {
    names: &["spec", "rpmspec", "debcontrol", "control", "debian-control", "apk"],
    line_comments: &["#"],
    sigils: &[("%", Keyword), ("$", Variable)],
    name_rest: "-",
    keys: Attribute,
    rules: rule::SPACED_COMMENTS,
    ..ROW
};
