//! What the lexers that aren't rows make of their languages, and the rules of rows.

use super::tokens;

#[test]
fn json_tells_keys_from_strings() {
    assert_eq!(tokens("json", "{\"a\": [1, true, \"b\"]} // c"), "nt:\"a\" m:1 kc:true s:\"b\" c:// c");
}

#[test]
fn yaml_has_keys_anchors_and_block_texts() {
    assert_eq!(
        tokens("yaml", "a: b # c\nd: &e 'f'\ng: |\n  h: i\nj: *e\n"),
        "nt:a c:# c nt:d nl:&e s:'f' nt:g no:  h: i nt:j nv:*e"
    );
    assert_eq!(tokens("yaml", "url: http://a/b#c\nx: [1, no]"), "nt:url nt:x m:1 kc:no");
}

#[test]
fn settings_have_sections_keys_and_values() {
    assert_eq!(tokens("toml", "[a.b]\nc = \"d\" # e\nf = [1, 2]\n"), "k:[a.b] na:c s:\"d\" c:# e na:f m:1 m:2");
    assert_eq!(tokens("ini", "; c\n[a]\nb = d\n"), "c:; c k:[a] na:b  s:d");
}

#[test]
fn differences_are_lines() {
    assert_eq!(tokens("diff", "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y\n z"), "gd:--- a gi:+++ b gu:@@ -1 +1 @@ gd:-x gi:+y");
}

#[test]
fn dockerfiles_hold_shell_and_json() {
    let code = "FROM a:1 AS b\nRUN if x; \\\n  then y; fi\nCMD [\"a\"]\n";
    assert_eq!(tokens("Dockerfile", code), "k:FROM s:a:1 k:AS s:b k:RUN k:if se:\\ k:then k:fi k:CMD s:\"a\"");
}

#[test]
fn transcripts_have_prompts_and_output() {
    let code = "$ echo \"a\"\na\nme@host:~/b$ ls\n";
    assert_eq!(tokens("console", code), "gp:$  nb:echo s:\"a\" go:a gp:me@host:~/b$ ");
    assert_eq!(tokens("bash", code), tokens("console", code));
    assert_eq!(tokens("pycon", ">>> print(1)\n1\n"), "gp:>>> nb:print m:1 go:1");
}

#[test]
fn shell_has_variables_substitutions_and_texts() {
    assert_eq!(
        tokens("sh", "a=$b; echo \"c $(d 'e') ${f}\" # g"),
        "nv:a nv:$b nb:echo s:\"c  k:$( s:'e' k:) s:  nv:${f} s:\" c:# g"
    );
    assert_eq!(tokens("sh", "cat <<'E' >x\n$a\nE\necho b"), "s:<<'E' s:$a s:E nb:echo");
}

#[test]
fn markup_embeds_styles_and_scripts() {
    let code = "<p class=\"a\">&amp;</p><style>b{c:1px}</style><script>let d</script><!-- e -->";
    let expected = "nt:p na:class s:\"a\" kc:&amp; nt:p nt:style nt:b k:c m:1 kt:px \
                    nt:style nt:script kd:let nt:script c:<!-- e -->";
    assert_eq!(tokens("html", code), expected);
    assert_eq!(tokens("xml", "<?xml?><a:b c='d'/>"), "cp:<?xml?> nt:a:b na:c s:'d'");
}

#[test]
fn templates_stand_in_markup() {
    assert_eq!(tokens("jinja", "<a>{% if b %}{{ c }}{# d #}</a>"), "nt:a cp:{% k:if cp:%}{{ cp:}} c:{# d #} nt:a");
    assert_eq!(tokens("php", "<b><?php echo $c; ?></b>"), "nt:b cp:<?php k:echo nv:$c cp:?> nt:b");
    assert_eq!(tokens("php", "echo $c;"), "k:echo nv:$c");
    assert_eq!(tokens("erb", "<b><%= c.nil? %></b>"), "nt:b cp:<%= cp:%> nt:b");
}

#[test]
fn style_sheets_have_selectors_and_properties() {
    assert_eq!(tokens("css", "a.b #c:hover{d:#fff url(e)}"), "nt:a nc:b nn:c nd:hover k:d m:#fff nb:url s:e");
    assert_eq!(tokens("scss", "$a: 1; // b\n.c { &:d { e: $a } }"), "nv:$a m:1 c:// b nc:c k:& nd:d k:e nv:$a");
    assert_eq!(tokens("less", "@a: 1;"), "nv:@a m:1");
    assert_eq!(tokens("sass", "a\n  b: c\n"), "nt:a k:b kc:c");
}

#[test]
fn makefiles_have_rules_and_variables() {
    assert_eq!(tokens("make", "A = b\nc: d\n\t$(A) $@ # e\nifdef A\n"), "nv:A nf:c k:$( nv:A k:) nv:$@ c:# e cp:ifdef");
}

#[test]
fn prose_has_headings_and_fences() {
    assert_eq!(
        tokens("markdown", "# A\n*b* **c** `d`\n```rust\nfn e\n```\n"),
        "gh:# A ge:*b* gs:**c** s:`d` s:```rust k:fn nf:e s:```"
    );
    assert_eq!(tokens("latex", "\\a{b} $c$ % d"), "k:\\a nb:{ nb:} s:$ nv:c s:$ c:% d");
    assert_eq!(tokens("rst", "A\n===\n.. note:: b\n"), "gh:=== k:.. note::");
    assert_eq!(
        tokens("org", "* A\n#+begin_src rust\nfn b\n#+end_src\n"),
        "gh:* A cp:#+begin_src rust k:fn nf:b cp:#+end_src"
    );
}

#[test]
fn messages_have_fields_and_a_body() {
    assert_eq!(
        tokens("http", "GET /a HTTP/1.1\nHost: b\n\n{\"c\": 1}"),
        "nf:GET nn:/a k:HTTP/1.1 na:Host s: b nt:\"c\" m:1"
    );
}

#[test]
fn strings_hold_expressions() {
    assert_eq!(tokens("python", "f\"a{b + 1}c\""), "s:f\"a si:{ m:1 si:} s:c\"");
    assert_eq!(tokens("js", "`a${{b: 'c'}}d`"), "s:`a si:${ s:'c' si:} s:d`");
    assert_eq!(tokens("ruby", "\"a#{b[:c]}d\""), "s:\"a si:#{ ss::c si:} s:d\"");
    assert_eq!(tokens("swift", "\"a\\(b)c\""), "s:\"a si:\\( si:) s:c\"");
    assert_eq!(tokens("kotlin", "\"$a ${b}\""), "s:\" si:$a s:  si:${ si:} s:\"");
}

#[test]
fn rules_of_rows_hold() {
    assert_eq!(
        tokens("rust", "#[a] fn b<'c>() { d!(r#\"e\"#, 'f') }"),
        "cp:#[a] k:fn nf:b na:'c nf:d! s:r#\"e\"# s:'f'"
    );
    assert_eq!(tokens("rust", "/* a /* b */ c */ d"), "c:/* a /* b */ c */");
    assert_eq!(tokens("js", "a / b / c; d = /e[/]f/g"), "sr:/e[/]f/g");
    assert_eq!(tokens("lua", "a = [==[ b ]] ]==] --[[ c\n]] d"), "s:[==[ b ]] ]==] c:--[[ c c:]]");
    assert_eq!(tokens("ruby", "a(<<~B, %w[c d])\n  e\nB\nf"), "s:<<~B s:%w[c d] s:  e s:B");
    assert_eq!(tokens("ruby", "a << b"), "");
    assert_eq!(tokens("clojure", "(defn a [b] :c)"), "kd:defn nv:a ss::c");
    assert_eq!(tokens("sql", "select 'a''b'"), "k:select s:'a''b'");
    assert_eq!(tokens("jsx", "a = <B c=\"d\">{e}</B>"), "nt:B na:c s:\"d\" nt:B");
    assert_eq!(tokens("c", "#define A \\\n 1\nint b(void)"), "cp:#define A \\ cp: 1 kt:int nf:b kt:void");
    assert_eq!(tokens("perl", "s/a/b/g; $c =~ m{d}; @e"), "sr:s/a/b/g nv:$c sr:m{d} nv:@e");
    assert_eq!(tokens("go", "x.map(a)"), "nf:map");
    assert_eq!(tokens("matlab", "a = b' * c'; d = 'e'"), "s:'e'");
    assert_eq!(tokens("php", "$a->list(); 'b'.strlen($c)"), "nv:$a na:list s:'b' nb:strlen nv:$c");
    assert_eq!(tokens("haskell", "f :: Int\nf = g 'x' h'"), "nf:f kt:Int nf:f s:'x'");
}
