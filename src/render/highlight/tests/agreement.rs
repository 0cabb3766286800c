//! Agreement with Pygments, by characters, on small samples.

use super::html_of;

macro_rules! sample {
    ($name:literal) => {
        ($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/highlight/", $name, ".txt")))
    };
}

/// Language, then its sample: code, a line of `=====`, and the code again with each character's class in its place, as
/// Pygments has it: `c`omment, `s`tring, `n`umber, `k`eyword, `f`unction, `t`ype, ta`g`, te`x`t, `.` for punctuation,
/// and marks for what stands in differences, transcripts and prose.
pub(super) const SAMPLES: &[(&str, &str)] = &[
    sample!("bash"),
    sample!("c"),
    sample!("console"),
    sample!("csharp"),
    sample!("css"),
    sample!("diff"),
    sample!("dockerfile"),
    sample!("go"),
    sample!("haskell"),
    sample!("html"),
    sample!("java"),
    sample!("javascript"),
    sample!("json"),
    sample!("kotlin"),
    sample!("latex"),
    sample!("lua"),
    sample!("makefile"),
    sample!("markdown"),
    sample!("php"),
    sample!("python"),
    sample!("ruby"),
    sample!("rust"),
    sample!("scala"),
    sample!("scss"),
    sample!("sql"),
    sample!("toml"),
    sample!("yaml"),
];

/// Below these shares of characters in the same class, in percent, a change did harm; 90 for the others. Pygments is a
/// yardstick only: where it has fewer classes than there could be, the floor is low.
const FLOORS: &[(&str, usize)] = &[("haskell", 85), ("lua", 75), ("php", 85), ("rust", 85), ("scss", 50), ("toml", 60)];

fn letter(class: &str, character: char) -> char {
    match class {
        "c" | "cp" => 'c',
        "s" | "se" | "si" | "sr" | "ss" => 's',
        "m" => 'n',
        "k" | "kd" | "kn" | "kc" | "ow" => 'k',
        "nf" | "nd" => 'f',
        "kt" | "nb" | "nc" | "nn" | "no" => 't',
        "nt" | "na" | "nl" => 'g',
        "gi" => '+',
        "gd" => '-',
        "gh" => 'h',
        "gu" => '@',
        "gp" => '$',
        "go" => 'o',
        "ge" => 'e',
        "gs" => 'b',
        _ if character.is_ascii_punctuation() && character != '_' => '.',
        _ => 'x',
    }
}

/// The class of each character of code, blanks as they are.
fn letters(html: &str) -> String {
    let mut letters = String::new();
    for (index, part) in html.replace("</span>", "<span class=\"\">").split("<span class=\"").enumerate() {
        let (class, text) = if index == 0 { ("", part) } else { part.split_once("\">").unwrap() };
        let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
        let text = entities.into_iter().fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain));
        letters.extend(text.chars().map(|c| if c.is_whitespace() { c } else { letter(class, c) }));
    }
    letters
}

#[test]
fn classes_are_those_of_pygments_for_most_characters() {
    let mut misses = Vec::new();
    for (language, sample) in SAMPLES {
        let (code, expected) = sample.split_once("=====\n").unwrap();
        let found = letters(&html_of(language, code));
        assert_eq!(found.chars().count(), expected.chars().count(), "{language}");
        let visible = || found.chars().zip(expected.chars()).filter(|(found, _)| !found.is_whitespace());
        let share = visible().filter(|(found, expected)| found == expected).count() * 100 / visible().count();
        let floor = FLOORS.iter().find(|(name, _)| name == language).map_or(90, |&(_, floor)| floor);
        if share < floor {
            misses.push(format!("{language}: {share} %, not {floor} %\n{code}{found}{expected}"));
        }
    }
    assert!(misses.is_empty(), "{}", misses.join("\n"));
}
