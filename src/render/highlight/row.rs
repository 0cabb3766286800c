//! What the table-driven engine has to know of a language.

use super::class::Class;
use super::cursor::{continues_name, starts_name};
use super::words::Words;

/// A language in one row. Each field left at [`ROW`]'s value means that the language has no such thing.
pub(super) struct Row {
    /// The name, then aliases, in lower case.
    pub(super) names: &'static [&'static str],
    pub(super) line_comments: &'static [&'static str],
    /// Start and end. A start that begins with `=` counts at the start of a line only.
    pub(super) block_comments: &'static [(&'static str, &'static str)],
    /// The first that fits is taken: long ones stand before short ones.
    pub(super) quotes: &'static [Quote],
    /// Words that belong to a string when a quote follows at once. One with `r` switches escapes off, one with `f`
    /// switches `{expressions}` on.
    pub(super) prefixes: &'static str,
    /// Words by class, separated by blanks. After a word of class [`Class::Comment`] the line is a comment.
    pub(super) words: &'static [(Class, &'static str)],
    /// The class of the name that follows one of these words.
    pub(super) nexts: &'static [(Class, &'static str)],
    /// A mark and the class of the name it makes.
    pub(super) sigils: &'static [(&'static str, Class)],
    /// Bytes of names beyond letters, digits and the underscore; those in `name_start` may also be first.
    pub(super) name_start: &'static str,
    pub(super) name_rest: &'static str,
    /// Names before a parenthesis.
    pub(super) calls: Class,
    /// Names with a capital first.
    pub(super) capitals: Class,
    /// Names after a dot, keywords too.
    pub(super) after_dot: Class,
    /// Names before a colon.
    pub(super) keys: Class,
    /// The first word of a line, unless it is known.
    pub(super) first_words: Class,
    /// A union of constants of [`rule`].
    pub(super) rules: u32,
}

/// The empty row, to name in a row only what there is.
pub(super) const ROW: Row = Row {
    names: &[],
    line_comments: &[],
    block_comments: &[],
    quotes: &[DOUBLE, SINGLE],
    prefixes: "",
    words: &[],
    nexts: &[],
    sigils: &[],
    name_start: "",
    name_rest: "",
    calls: Class::Plain,
    capitals: Class::Plain,
    after_dot: Class::Plain,
    keys: Class::Plain,
    first_words: Class::Plain,
    rules: 0,
};

/// What some languages have and a list can't say.
pub(super) mod rule {
    /// Block comments nest.
    pub(in super::super) const NESTED: u32 = 1;
    /// Words are the same in capitals.
    pub(in super::super) const FOLD_CASE: u32 = 1 << 1;
    /// `#define` at the start of a line.
    pub(in super::super) const PREPROCESSOR: u32 = 1 << 2;
    /// `/regex/` where no value stands before it.
    pub(in super::super) const REGEX: u32 = 1 << 3;
    /// `<<TAG`, text up to a line with the tag.
    pub(in super::super) const HEREDOC: u32 = 1 << 4;
    /// `<<<TAG`, as in PHP.
    pub(in super::super) const HEREDOC_THREE: u32 = 1 << 5;
    /// A line comment starts after a blank or at the start of a line only.
    pub(in super::super) const SPACED_COMMENTS: u32 = 1 << 6;
    /// `'a` is a name.
    pub(in super::super) const LIFETIMES: u32 = 1 << 7;
    /// `name!` is a function, `#[…]` an attribute, `r#"…"#` a string.
    pub(in super::super) const RUST: u32 = 1 << 8;
    /// `Type name(` defines a function.
    pub(in super::super) const DEFINITIONS: u32 = 1 << 9;
    /// A name after `(` is a function, `'name` a symbol, `#\c` a character.
    pub(in super::super) const LISP: u32 = 1 << 10;
    /// `[[…]]`, `[==[…]==]`, also as comments after `--`.
    pub(in super::super) const LONG_BRACKETS: u32 = 1 << 11;
    /// `%w(…)` and the like.
    pub(in super::super) const PERCENT_LITERALS: u32 = 1 << 12;
    /// `<Tag attribute=…>` where no value stands before it.
    pub(in super::super) const JSX: u32 = 1 << 13;
    /// `name:` is a label, if first in its line.
    pub(in super::super) const LABELS: u32 = 1 << 14;
    /// A line comment counts as the first thing of a line only.
    pub(in super::super) const FIRST_COMMENTS: u32 = 1 << 15;
    /// `name =` sets an attribute, if first in its line.
    pub(in super::super) const SETTINGS: u32 = 1 << 16;
    /// `q(…)`, `qw(…)`, `s/…/…/` and the like.
    pub(in super::super) const PERL_QUOTES: u32 = 1 << 17;
    /// A name that begins its line, with nothing before it, is a function.
    pub(in super::super) const TOP_NAMES: u32 = 1 << 19;
    /// Members come after `->`; a dot joins strings.
    pub(in super::super) const ARROWS: u32 = 1 << 20;
    /// A quote right after a value transposes it.
    pub(in super::super) const TRANSPOSE: u32 = 1 << 21;
    /// `\word` is a name.
    pub(in super::super) const BACKSLASH_NAMES: u32 = 1 << 18;
}

/// A form of string.
#[derive(Clone, Copy)]
pub(super) struct Quote {
    pub(super) open: &'static str,
    pub(super) close: &'static str,
    pub(super) class: Class,
    /// The byte that takes the next one's meaning, or 0.
    pub(super) escape: u8,
    /// Whether the end, twice, stands for itself.
    pub(super) doubled: bool,
    /// Whether it goes on over line ends.
    pub(super) lines: bool,
    pub(super) inside: Inside,
    /// Whether it is one character only: anything longer is no string.
    pub(super) one: bool,
}

/// What is code again inside a string.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    Text,
    /// `$name` and `${expression}`.
    Dollar,
    /// `${expression}`.
    DollarBraces,
    /// `#{expression}`.
    HashBraces,
    /// `{expression}`, with `{{` for a brace.
    Braces,
    /// `\(expression)`.
    BackslashParens,
    /// `$name` and `$(expression)`.
    DollarParens,
}

pub(super) const DOUBLE: Quote = Quote {
    open: "\"",
    close: "\"",
    class: Class::String,
    escape: b'\\',
    doubled: false,
    lines: false,
    inside: Inside::Text,
    one: false,
};
pub(super) const SINGLE: Quote = Quote { open: "'", close: "'", ..DOUBLE };
pub(super) const LONG_DOUBLE: Quote = Quote { lines: true, ..DOUBLE };
pub(super) const LONG_SINGLE: Quote = Quote { lines: true, ..SINGLE };
pub(super) const CHARACTER: Quote = Quote { one: true, ..SINGLE };
pub(super) const DOUBLED_SINGLE: Quote = Quote { escape: 0, doubled: true, lines: true, ..SINGLE };
pub(super) const DOUBLED_DOUBLE: Quote = Quote { escape: 0, doubled: true, lines: true, ..DOUBLE };
pub(super) const BACKTICK: Quote = Quote { open: "`", close: "`", lines: true, ..DOUBLE };
pub(super) const RAW_BACKTICK: Quote = Quote { escape: 0, ..BACKTICK };
pub(super) const TRIPLE_DOUBLE: Quote = Quote { open: "\"\"\"", close: "\"\"\"", lines: true, ..DOUBLE };
pub(super) const TRIPLE_SINGLE: Quote = Quote { open: "'''", close: "'''", lines: true, ..DOUBLE };

/// What the engine has to do at a byte.
pub(super) mod kind {
    pub(in super::super) const NAME_START: u8 = 1;
    pub(in super::super) const NAME: u8 = 2;
    pub(in super::super) const DIGIT: u8 = 4;
    pub(in super::super) const BLANK: u8 = 8;
    /// A comment, a string or the like may start here.
    pub(in super::super) const SPECIAL: u8 = 16;
}

/// A row made ready: by bytes and by words.
pub(super) struct Language {
    pub(super) row: &'static Row,
    pub(super) kinds: [u8; 256],
    pub(super) words: Words,
}

impl Language {
    pub(super) fn new(row: &'static Row) -> Self {
        let fold_case = row.rules & rule::FOLD_CASE != 0;
        Self { row, kinds: kinds(row), words: Words::new(row.words, row.nexts, fold_case) }
    }

    pub(super) fn has(&self, rule: u32) -> bool {
        self.row.rules & rule != 0
    }
}

fn kinds(row: &Row) -> [u8; 256] {
    let mut kinds = [0; 256];
    for byte in 0..=255u8 {
        let kind = &mut kinds[usize::from(byte)];
        if starts_name(byte) || row.name_start.as_bytes().contains(&byte) {
            *kind |= kind::NAME_START | kind::NAME;
        }
        if continues_name(byte) || row.name_rest.as_bytes().contains(&byte) {
            *kind |= kind::NAME;
        }
        if byte.is_ascii_digit() {
            *kind |= kind::DIGIT;
        }
        if byte.is_ascii_whitespace() {
            *kind |= kind::BLANK;
        }
    }
    let mut special = |text: &str| {
        if let Some(&first) = text.as_bytes().first() {
            kinds[usize::from(first)] |= kind::SPECIAL;
        }
    };
    ["{", "}", "(", ")", "."].into_iter().for_each(&mut special);
    row.line_comments.iter().copied().for_each(&mut special);
    row.block_comments.iter().for_each(|(open, _)| special(open));
    row.quotes.iter().for_each(|quote| special(quote.open));
    row.sigils.iter().for_each(|(mark, _)| special(mark));
    for (rule, start) in RULE_STARTS {
        if row.rules & rule != 0 {
            special(start);
        }
    }
    kinds
}

/// Where a rule may apply.
const RULE_STARTS: [(u32, &str); 13] = [
    (rule::PREPROCESSOR, "#"),
    (rule::REGEX, "/"),
    (rule::HEREDOC, "<"),
    (rule::HEREDOC_THREE, "<"),
    (rule::LIFETIMES, "'"),
    (rule::RUST, "#"),
    (rule::LISP, "#"),
    (rule::LISP, "'"),
    (rule::LONG_BRACKETS, "["),
    (rule::LONG_BRACKETS, "-"),
    (rule::PERCENT_LITERALS, "%"),
    (rule::JSX, "<"),
    (rule::BACKSLASH_NAMES, "\\"),
];
