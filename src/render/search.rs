//! The search index: what the theme's search.js reads.
//!
//! It is made in shards of a hundred documents from the oldest on, so that a new post changes the last shard and no
//! other. A shard is inverted, each word once with the documents it is in: per post that is a third less than a list of
//! words for each document, and the script looks through one list instead of a hundred.
//!
//! search.js splits and folds what a reader types with the same rules as [`fold`] and [`words`]: change both or neither.

use std::collections::HashMap;
use std::ops::Range;

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Documents in a shard; their numbers have two digits.
const SHARD_LENGTH: usize = 100;
/// Longer words are cut: what differs only behind this is a checksum more often than a word.
const WORD_LENGTH: usize = 24;
/// Latin, Greek, Cyrillic, Hebrew, Arabic and Indic letters and digits stand before it, syllables and signs for words behind.
const SINGLE_WORDS: char = '\u{e00}';
const SUMMARY_LENGTH: usize = 160;
/// The longest beginning that a word can share with the one before: what one digit of base 36 can say.
const MOST_SHARED: u32 = 35;

/// A page as the index sees it.
pub(super) struct Document<'a> {
    /// Rooted.
    pub(super) url: &'a str,
    pub(super) title: &'a str,
    /// `YYYY-MM-DD`.
    pub(super) date: Option<&'a str>,
    /// Names of its tags: found like words of the text, but ranked before them.
    pub(super) terms: &'a [&'a str],
    /// The page without any markup.
    pub(super) text: &'a str,
    /// Shown with the result, cut to 160 characters.
    pub(super) summary: &'a str,
}

/// The file of a shard and which documents it is made of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shard {
    /// Below the top of the site.
    pub(super) path: String,
    pub(super) documents: Range<usize>,
}

/// The shards of an index of `count` documents. A caller that keeps what it made needs to make again only those whose
/// documents have changed.
pub(super) fn shards(count: usize) -> impl Iterator<Item = Shard> {
    (0..count.div_ceil(SHARD_LENGTH)).map(move |number| {
        let start = number * SHARD_LENGTH;
        Shard { path: format!("search/{number}.json"), documents: start..count.min(start + SHARD_LENGTH) }
    })
}

/// The file that names the shards: how many there are, and how many documents are in the last.
pub(super) fn manifest(count: usize) -> (String, Vec<u8>) {
    let last = shards(count).last().map_or(0, |shard| shard.documents.len());
    let json = format!("{{\"shards\":{},\"last\":{last}}}\n", count.div_ceil(SHARD_LENGTH));
    ("search/index.json".to_owned(), json.into_bytes())
}

/// A shard made of exactly the documents that [`shards`] gives it.
pub(super) fn shard(documents: &[Document<'_>]) -> Vec<u8> {
    debug_assert!(documents.len() <= SHARD_LENGTH, "numbers have two digits");
    let texts: Vec<String> = documents.iter().map(searched).collect();
    let mut found: HashMap<&str, Vec<u32>> = HashMap::new();
    for (number, text) in (0..).zip(&texts) {
        words(text, |word| {
            let numbers = found.entry(word).or_default();
            if numbers.last() != Some(&number) {
                numbers.push(number);
            }
        });
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_unstable();
    let (words, numbers) = pack(&found);
    let documents = documents.iter().map(Listed::of).collect();
    // Only maps with other keys than strings and failing Serialize implementations cannot be written; here is neither.
    serde_json::to_vec(&Content { documents, words, numbers }).unwrap_or_default()
}

/// The JSON of a shard.
#[derive(Serialize)]
struct Content<'a> {
    documents: Vec<Listed<'a>>,
    /// All words in order with a space between, each as the number of UTF-16 units, in base 36, that it shares with the
    /// one before, and the rest of it.
    words: String,
    /// For each word the numbers of the documents it is in, two digits each, with a space between the words.
    #[serde(rename = "in")]
    numbers: String,
}

/// What a result shows.
#[derive(Serialize)]
struct Listed<'a> {
    url: &'a str,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'a [&'a str],
    summary: String,
}

impl<'a> Listed<'a> {
    fn of(document: &Document<'a>) -> Self {
        let Document { url, title, date, terms, summary, .. } = *document;
        Self { url, title, date, tags: terms, summary: cut(summary) }
    }
}

/// The summary up to the last word that ends within the limit, one character of which is left to the ellipsis. Where no
/// space is near, as in scripts without any, it is cut in between.
fn cut(summary: &str) -> String {
    let mut ends = summary.char_indices().map(|(at, _)| at).skip(SUMMARY_LENGTH - 1);
    let (Some(limit), Some(behind)) = (ends.next(), ends.next()) else {
        return summary.to_owned();
    };
    let end = summary[..behind].rfind(char::is_whitespace).filter(|end| *end > limit / 2).unwrap_or(limit);
    format!("{}…", summary[..end].trim_end_matches(|c: char| c.is_whitespace() || c == ','))
}

fn pack(found: &[(&str, Vec<u32>)]) -> (String, String) {
    let (mut words, mut numbers) = (String::new(), String::new());
    let mut before = "";
    for (word, documents) in found {
        if !before.is_empty() {
            words.push(' ');
            numbers.push(' ');
        }
        let (units, bytes) = shared(before, word);
        words.extend(char::from_digit(units, 36));
        words.push_str(&word[bytes..]);
        let digits = documents.iter().flat_map(|number| [number / 10, number % 10]);
        numbers.extend(digits.filter_map(|digit| char::from_digit(digit, 10)));
        before = word;
    }
    (words, numbers)
}

/// How much two words share from the beginning on, in UTF-16 units, which the script counts in, and in bytes.
fn shared(before: &str, word: &str) -> (u32, usize) {
    let (mut units, mut bytes) = (0, 0);
    for (c, _) in word.chars().zip(before.chars()).take_while(|(c, other)| c == other) {
        let width = if c > '\u{ffff}' { 2 } else { 1 };
        if units + width > MOST_SHARED {
            break;
        }
        (units, bytes) = (units + width, bytes + c.len_utf8());
    }
    (units, bytes)
}

/// Everything of a document that can be found, folded.
fn searched(document: &Document<'_>) -> String {
    let mut folded = String::with_capacity(document.text.len() + 256);
    for part in [document.title, document.text].into_iter().chain(document.terms.iter().copied()) {
        fold(part, &mut folded);
        folded.push(' ');
    }
    folded
}

/// Appends `text` without what readers leave out when they type: compatibility forms, marks, case.
///
/// Upper case first and then lower makes ß and ss, ς and σ the same, which lower case alone does not.
fn fold(text: &str, folded: &mut String) {
    for part in text.split_inclusive(|c: char| !c.is_ascii()) {
        let (ascii, other) = match part.char_indices().next_back() {
            Some((at, c)) if !c.is_ascii() => (&part[..at], Some(c)),
            _ => (part, None),
        };
        let start = folded.len();
        folded.push_str(ascii);
        folded[start..].make_ascii_lowercase();
        // One at a time: only the order of marks, which are left out, depends on what stands beside them.
        let letters = other.into_iter().nfkd().filter(|c| !is_combining_mark(*c));
        folded.extend(letters.flat_map(char::to_uppercase).flat_map(char::to_lowercase));
    }
}

/// Hands on the words of folded text: runs of letters and digits, cut at 24 characters. Single ones are left out, unless
/// they are of a script in which they can be words.
///
/// Scripts without spaces give each two neighbours, and the last character on its own: so each character begins a
/// word, and a query of one finds it.
fn words<'t>(folded: &'t str, mut take: impl FnMut(&'t str)) {
    let mut rest = folded;
    while !rest.is_empty() {
        // Nearly all words of nearly all posts end here.
        let plain = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let run = match rest.as_bytes().get(plain) {
            Some(byte) if !byte.is_ascii() => rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len()),
            _ => plain,
        };
        if run == plain {
            if plain > 1 {
                take(&rest[..plain.min(WORD_LENGTH)]);
            }
        } else {
            split(&rest[..run], &mut take);
        }
        rest = &rest[run..];
        rest = rest.strip_prefix(|c: char| !c.is_alphanumeric()).unwrap_or(rest);
    }
}

/// The words of a run of letters and digits in any scripts.
fn split<'t>(run: &'t str, take: &mut impl FnMut(&'t str)) {
    let mut rest = run;
    while let Some(first) = rest.chars().next() {
        let spaceless = is_spaceless(first);
        let end = rest.find(|c| is_spaceless(c) != spaceless).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        rest = behind;
        if spaceless {
            for (start, c) in word.char_indices() {
                let second = word[start + c.len_utf8()..].chars().next().map_or(0, char::len_utf8);
                take(&word[start..start + c.len_utf8() + second]);
            }
        } else if first >= SINGLE_WORDS || word.chars().nth(1).is_some() {
            take(word.char_indices().nth(WORD_LENGTH).map_or(word, |(end, _)| &word[..end]));
        }
    }
}

/// Scripts that are written without spaces between words: Thai, Lao, Burmese, Khmer, Kana, Han.
fn is_spaceless(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3005}'..='\u{9fff}'
        | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn document<'a>(title: &'a str, terms: &'a [&'a str], text: &'a str) -> Document<'a> {
        Document { url: "/posts/x/", title, date: Some("2024-05-06"), terms, text, summary: text }
    }

    /// All files of the index, path and content.
    fn index(documents: &[Document<'_>]) -> Vec<(String, Vec<u8>)> {
        let shards = shards(documents.len()).map(|Shard { path, documents: of }| (path, shard(&documents[of])));
        shards.chain([manifest(documents.len())]).collect()
    }

    fn words_of(text: &str) -> Vec<String> {
        let (mut folded, mut found) = (String::new(), Vec::new());
        fold(text, &mut folded);
        words(&folded, |word| found.push(word.to_owned()));
        found
    }

    /// A shard read as the script reads it: each word with the numbers of its documents.
    fn unpack(shard: &[u8]) -> BTreeMap<String, BTreeSet<usize>> {
        let shard: Value = serde_json::from_slice(shard).unwrap();
        let (words, numbers) = (shard["words"].as_str().unwrap(), shard["in"].as_str().unwrap());
        let mut before: Vec<u16> = Vec::new();
        let mut found = BTreeMap::new();
        for (word, numbers) in words.split(' ').zip(numbers.split(' ')).filter(|(word, _)| !word.is_empty()) {
            before.truncate(usize::from_str_radix(&word[..1], 36).unwrap());
            before.extend(word[1..].encode_utf16());
            let numbers = numbers.as_bytes().chunks(2).map(|digits| str::from_utf8(digits).unwrap().parse().unwrap());
            assert!(found.insert(String::from_utf16(&before).unwrap(), numbers.collect()).is_none(), "{word}");
        }
        found
    }

    #[test]
    fn words_are_folded() {
        for (text, expected) in [
            ("Don't panic: 42 I.", vec!["don", "panic", "42"]),
            ("Čeština, ÜBER Straße ﬁn", vec!["cestina", "uber", "strasse", "fin"]),
            ("ΟΔΌΣ οδός", vec!["οδοσ", "οδοσ"]),
            ("snake_case node.js", vec!["snake", "case", "node", "js"]),
            ("abcdefghijklmnopqrstuvwxyz", vec!["abcdefghijklmnopqrstuvwx"]),
            ("東京都 2 の", vec!["東京", "京都", "都", "の"]),
            ("Docker入門", vec!["docker", "入門", "門"]),
        ] {
            assert_eq!(words_of(text), expected, "{text}");
        }
    }

    #[test]
    fn a_shard_lists_what_results_show_and_what_is_found() {
        let summary = "word ".repeat(40);
        let documents = [
            Document { date: None, summary: &summary, ..document("A \"title\"", &[], "docker") },
            document("Second", &["Home lab"], "dockers"),
        ];
        let json = String::from_utf8(shard(&documents)).unwrap();
        let cut = format!("{}…", summary[..159].trim_end());
        assert_eq!(
            json,
            format!(
                "{{\"documents\":[{{\"url\":\"/posts/x/\",\"title\":\"A \\\"title\\\"\",\"summary\":\"{cut}\"}},\
                 {{\"url\":\"/posts/x/\",\"title\":\"Second\",\"date\":\"2024-05-06\",\"tags\":[\"Home lab\"],\
                 \"summary\":\"dockers\"}}],\
                 \"words\":\"0docker 6s 0home 0lab 0second 0title\",\"in\":\"00 01 01 01 01 00\"}}"
            )
        );
    }

    #[test]
    fn summaries_are_cut_between_words() {
        assert_eq!(cut("short"), "short");
        assert_eq!(cut(&"x".repeat(160)), "x".repeat(160));
        assert_eq!(cut(&"ü".repeat(161)), format!("{}…", "ü".repeat(159)));
        assert_eq!(cut(&format!("a {}", "都".repeat(200))), format!("a {}…", "都".repeat(157)));
        let cut = cut(&"one, two ".repeat(30));
        assert!(cut.chars().count() <= 160 && cut.ends_with("two one…"), "{cut}");
    }

    #[test]
    fn a_new_post_changes_the_last_shard_only() {
        let text: Vec<String> = (0..251).map(|number| format!("post number{number}")).collect();
        let documents: Vec<_> = text.iter().map(|text| document("Title", &["tag"], text)).collect();
        let (before, after) = (index(&documents[..250]), index(&documents));
        assert_eq!(
            before.iter().map(|file| file.0.as_str()).collect::<Vec<_>>(),
            ["search/0.json", "search/1.json", "search/2.json", "search/index.json"]
        );
        assert_eq!(before[3].1, b"{\"shards\":3,\"last\":50}\n");
        assert_eq!(before.iter().zip(&after).map(|(a, b)| a == b).collect::<Vec<_>>(), [true, true, false, false]);
        let of: Vec<_> = shards(201).map(|shard| shard.documents).collect();
        assert_eq!(of, [0..100, 100..200, 200..201]);
        assert_eq!(index(&[]), [("search/index.json".to_owned(), b"{\"shards\":0,\"last\":0}\n".to_vec())]);
    }

    proptest! {
        #[test]
        fn every_word_is_found_and_no_other(
            texts in prop::collection::vec(".{0,40}|([a-c]{1,30} ?){0,9}|[東京都にa 𝒜𠮷𞤀ß]{0,12}|[𐐀]{20,30}", 0..110),
        ) {
            let documents: Vec<_> = texts.iter().map(|text| document("", &[], text)).collect();
            let files = index(&documents);
            prop_assert_eq!(&files, &index(&documents));
            for (shard, file) in shards(texts.len()).zip(&files) {
                let mut expected: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
                for (number, text) in texts[shard.documents].iter().enumerate() {
                    for word in words_of(text) {
                        prop_assert!(word.chars().count() <= 24);
                        expected.entry(word).or_default().insert(number);
                    }
                }
                prop_assert_eq!(unpack(&file.1), expected);
            }
        }
    }
}
