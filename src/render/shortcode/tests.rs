use proptest::prelude::*;
use serde_json::json;

use super::*;

/// The ranges of code spans and fences as Markdown has them, near enough: from one run of backticks to the next like it.
fn code_of(markdown: &str) -> Vec<Range<usize>> {
    let run_at = |at: usize| markdown.as_bytes()[at..].iter().take_while(|byte| **byte == b'`').count();
    let mut code = Vec::new();
    let mut at = 0;
    while let Some(start) = markdown[at..].find('`').map(|found| at + found) {
        let run = run_at(start);
        let rest = markdown[start + run..].match_indices('`').map(|(found, _)| start + run + found);
        let end = rest.filter(|end| !markdown[..*end].ends_with('`')).find(|end| run_at(*end) == run);
        at = end.map_or(start + run, |end| end + run);
        code.extend(end.map(|_| start..at));
    }
    code
}

fn good(markdown: &str) -> Vec<Shortcode<'_>> {
    let (shortcodes, faults) = parse(markdown, &code_of(markdown));
    assert_eq!(faults, [], "{markdown}");
    shortcodes
}

/// The faults as `at: message`.
fn faults(markdown: &str) -> Vec<String> {
    parse(markdown, &code_of(markdown)).1.iter().map(|fault| format!("{}: {}", fault.at, fault.message)).collect()
}

fn arguments(written: &str) -> Value {
    let markdown = format!("{{{{ x({written}) }}}}");
    let mut shortcodes = good(&markdown);
    assert_eq!(shortcodes.len(), 1, "{markdown}");
    Value::Object(shortcodes.remove(0).arguments)
}

#[test]
fn a_shortcode_has_a_name_arguments_and_a_place() {
    let markdown = "See {{ video(id=\"x\", width=640) }} and {{gap()}}.";
    let shortcodes = good(markdown);
    assert_eq!(&markdown[shortcodes[0].range.clone()], "{{ video(id=\"x\", width=640) }}");
    assert_eq!((shortcodes[0].name, shortcodes[0].body, shortcodes[0].is_block), ("video", None, false));
    assert_eq!(Value::Object(shortcodes[0].arguments.clone()), json!({"id": "x", "width": 640}));
    assert_eq!(&markdown[shortcodes[1].range.clone()], "{{gap()}}");
}

#[test]
fn arguments_are_text_numbers_booleans_and_lists() {
    for (written, expected) in [
        ("", json!({})),
        (" a = 'x' , ", json!({"a": "x"})),
        ("a=-3, b=2.5, c=true, d=false", json!({"a": -3, "b": 2.5, "c": true, "d": false})),
        ("a=[\"x\", 'y', `z`, 1, true,], b=[]", json!({"a": ["x", "y", "z", 1, true], "b": []})),
        ("\n  a=\"one\ntwo\",\n  b_2=`\"'}}`\n", json!({"a": "one\ntwo", "b_2": "\"'}}"})),
        (r#"a="say \"hi\" in C:\new\\ü""#, json!({"a": r#"say "hi" in C:\new\ü"#})),
    ] {
        assert_eq!(arguments(written), expected, "{written}");
    }
}

#[test]
fn a_body_is_taken_byte_for_byte() {
    let markdown = "a\n\n{% note(kind=\"tip\") %}\n\n  *über*\r\n{% end %}\n\nb {% q() %}x{%end%} c";
    let shortcodes = good(markdown);
    assert_eq!(shortcodes[0].body, Some("\n\n  *über*\r\n"));
    assert_eq!(&markdown[shortcodes[0].body_range.clone().unwrap()], "\n\n  *über*\r\n");
    assert!(markdown[shortcodes[0].range.clone()].ends_with("{% end %}"));
    assert_eq!((shortcodes[1].body, shortcodes[1].is_block), (Some("x"), false));
}

#[test]
fn what_stands_alone_on_its_lines_is_a_block() {
    for (markdown, expected) in [
        ("{{ x() }}", true),
        ("a\r\n  {{ x() }} \t\r\nb", true),
        ("a {{ x() }}", false),
        ("{{ x() }}.", false),
        ("> {{ x() }}", false),
        ("{% x() %}\nbody\n{% end %}", true),
        ("{% x() %}\nbody\n{% end %} a", false),
        ("{{ x(\na=1\n) }}", true),
    ] {
        assert_eq!(good(markdown)[0].is_block, expected, "{markdown:?}");
    }
}

#[test]
fn other_languages_stay_text() {
    let markdown = "{{ foo }} {% if x %} {{ a.b() }} {{ Big() }} {{ f (x) }} {{{}}} {%end%} {{ 1x() }} {% endif %} {";
    assert_eq!(good(markdown), []);
    assert!(!may_occur(markdown));
    assert!(may_occur("é {%x(") && may_occur("{{{\t_x1()") && !may_occur("{{ x") && !may_occur("{%"));
}

#[test]
fn a_backslash_leaves_the_text() {
    assert_eq!(good(r"\{{ x() }} \{% x() %} \{% end %}"), []);
    assert_eq!(good(r"\\{{ x() }}").len(), 1);
}

#[test]
fn nothing_in_code_is_a_shortcode() {
    assert_eq!(good("`{{ x() }}` and\n\n```\n{% x() %}\n{% end %}\n```\n"), []);
    let with_end_in_code = "{% x() %}\n```\n{% end %}\n```\n`{% end %}`\n{% end %}";
    assert_eq!(good(with_end_in_code)[0].body, Some("\n```\n{% end %}\n```\n`{% end %}`\n"));
    assert_eq!(good("{{ x(a=`b`) }} {{ y() }}").len(), 2);
}

#[test]
fn only_the_outermost_is_returned() {
    let markdown = "{% a() %}1{% b() %}2{{ c() }}{% end %}3{% b() %}4{% end %}{% end %}{{ d() }}";
    let shortcodes = good(markdown);
    assert_eq!(shortcodes.iter().map(|shortcode| shortcode.name).collect::<Vec<_>>(), ["a", "d"]);
    let inner = good(shortcodes[0].body.unwrap());
    assert_eq!(inner.iter().map(|shortcode| shortcode.body.unwrap()).collect::<Vec<_>>(), ["2{{ c() }}", "4"]);
}

#[test]
fn a_fault_names_the_place_and_the_remedy() {
    let hint = "if it is no shortcode, put a backslash before it";
    for (markdown, expected) in [
        ("{% quote() %}a", "0: the shortcode 'quote' is not closed; end it with {% end %}"),
        ("a {% end %}", "2: {% end %} has no shortcode to end; write \\{% end %} for the text"),
        ("{{ x(\"a\") }}", &format!("5: expected an argument of 'x' like key=\"text\"; {hint}")),
        ("{{ x(a) }}", "5: the argument 'a' of 'x' has no value; write a=\"text\""),
        ("{{ x(a=1, a=2) }}", "10: the argument 'a' of 'x' is given twice; keep one"),
        ("{{ x(a=3px) }}", "8: expected ',' or ')' after the value of 'a'; text needs quotes"),
        (
            "{{ x(a=b) }}",
            "7: the value of 'a' is not text in quotes, a number, true, false or a list; text needs quotes",
        ),
        ("{{ x(a=1.) }}", "7: the value of 'a' is not a number like -1 or 2.5; text needs quotes"),
        ("{{ x(a=99999999999999999999) }}", "7: the number of 'a' is too large; put it in quotes"),
        ("{{ x(a=[1 2]) }}", "10: expected ',' or ']' in the list of 'a'; text needs quotes"),
        ("{{ x(a=[[1]]) }}", "8: the list of 'a' holds a list; it can hold text, numbers and booleans"),
        ("{{ x(a='b) }}", "7: the text of 'a' is not closed; end it with '"),
        ("{{ x(a=1", "8: the arguments of 'x' are not closed; end them with ')'"),
        ("{{ x() %}", &format!("7: expected }}}} after the arguments of 'x'; {hint}")),
        ("{% x() | y %}", &format!("7: expected %}} after the arguments of 'x'; {hint}")),
    ] {
        assert_eq!(faults(markdown), [expected], "{markdown}");
    }
}

#[test]
fn parsing_goes_on_after_a_fault() {
    let (shortcodes, faults) = parse("{{ a(x=\"1) }}\n{{ b(y=\"2\") }}\n{% c(3) %}{{ d() }}{% end %}\n{{ e() }}", &[]);
    assert_eq!(shortcodes.iter().map(|shortcode| shortcode.name).collect::<Vec<_>>(), ["b", "d", "e"]);
    assert_eq!(faults.iter().map(|fault| fault.at).collect::<Vec<_>>(), [7, 34], "{faults:?}");
}

#[test]
fn faults_in_a_body_are_left_to_the_body() {
    assert_eq!(faults("{% a() %}{{ b(1) }}{% end %}"), [""; 0]);
    assert_eq!(faults("{% a() %}{{ b(1) }}").len(), 2);
}

/// Would take hours if any of them were quadratic.
#[test]
fn faults_without_number_take_linear_time() {
    for piece in ["{% x() %}", "{{ x(a=\"", "{{ x(a=[", "{{ x(a=['\",\"', ", "{% end %}"] {
        assert!(parse(&piece.repeat(100_000), &[]).1.len() >= 50_000, "{piece}");
    }
    for piece in ["{{", "{% x(", "\\{{ x()", "{{ x(a='{{ x(b=\"{{ x(c=`", " {{ x() }}", "{%\t"] {
        parse(&piece.repeat(100_000), &[]);
        may_occur(&piece.repeat(100_000));
    }
    parse(&format!("{}{}", "{% x() %}".repeat(100_000), "{% end %}".repeat(100_000)), &[]);
}

/// What holds for any text: sorted, disjoint, on character boundaries, bodies in place; also for all that is nested.
fn check(markdown: &str, code: &[Range<usize>], depth: usize) {
    let (shortcodes, faults) = parse(markdown, code);
    let mut end = 0;
    for shortcode in &shortcodes {
        assert!(end <= shortcode.range.start && shortcode.range.start < shortcode.range.end);
        assert!(markdown[shortcode.range.clone()].starts_with('{') && markdown[..shortcode.range.end].ends_with('}'));
        assert_eq!(shortcode.body_range.clone().map(|range| &markdown[range]), shortcode.body);
        assert!(!code.iter().any(|code| code.contains(&shortcode.range.start)));
        end = shortcode.range.end;
        if let (Some(body), 0..8) = (shortcode.body, depth) {
            check(body, &[], depth + 1);
        }
    }
    assert!(faults.is_sorted_by_key(|fault| fault.at));
    for fault in &faults {
        assert!(markdown.is_char_boundary(fault.at) && !fault.message.contains('\n'));
    }
    assert!(may_occur(markdown) || shortcodes.is_empty());
}

/// Text, or a shortcode with text and shortcodes in it.
fn pieces() -> impl Strategy<Value = Vec<(String, bool)>> {
    let text = "[ab\\n %}é,(]{0,6}".prop_map(|text| (text, false));
    let alone = "\\{\\{ ?[a-z_][a-z0-9_]{0,4}\\((k=('[a\"\\n]*'|-?[0-9]{1,4}|true), ?)?\\) ?\\}\\}"
        .prop_map(|code| (code, true));
    let piece = prop_oneof![text, alone];
    let nested = piece.prop_recursive(3, 20, 4, |inner| {
        let body = prop::collection::vec(inner, 0..4);
        body.prop_map(|body| {
            let body: String = body.into_iter().map(|(text, _)| text).collect();
            (format!("{{% b(k=[1, \"x\"]) %}}{body}{{% end %}}"), true)
        })
    });
    prop::collection::vec(nested, 0..8)
}

proptest! {
    #[test]
    fn any_text_is_parsed(
        markdown in r#"([{}%()"'\\,= a1\n`é\[\]]|\{\{ a\(|\{% a\(\) %\}|\{% end %\}|a="){0,40}"#,
        cuts in prop::collection::vec(0..100_usize, 0..6),
    ) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        let code: Vec<_> = cuts.chunks_exact(2).map(|cut| cut[0]..cut[1]).collect();
        check(&markdown, &code, 0);
        check(&markdown, &[], 0);
        check(&markdown, &code_of(&markdown), 0);
    }

    #[test]
    fn good_ones_are_all_found(pieces in pieces()) {
        let markdown: String = pieces.iter().map(|(text, _)| text.as_str()).collect();
        let (shortcodes, faults) = parse(&markdown, &[]);
        prop_assert_eq!(faults, []);
        let found: Vec<_> = shortcodes.iter().map(|shortcode| &markdown[shortcode.range.clone()]).collect();
        let expected: Vec<_> = pieces.iter().filter(|piece| piece.1).map(|piece| piece.0.as_str()).collect();
        prop_assert_eq!(found, expected);
    }
}
