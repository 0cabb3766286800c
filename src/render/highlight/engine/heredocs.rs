//! Texts that start after the line that announces them.

use super::super::class::Class;
use super::super::cursor::{Cursor, continues_name, starts_name};
use super::super::painter::Painter;

/// More in one line than this aren't followed.
const MOST: usize = 8;

/// The tags of texts that are still to come.
#[derive(Default)]
pub(in super::super) struct Heredocs {
    tags: Vec<Vec<u8>>,
}

impl Heredocs {
    pub(in super::super) fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    /// Notes the tag of an announcement here, with as many `<` as `marks` says, and returns where it ends. Where `<<`
    /// may also shift, a tag has a capital, a quote or a dash before it.
    pub(in super::super) fn open(&mut self, at: &Cursor<'_>, marks: usize, shifts: bool) -> Option<usize> {
        let (start, end, quoted) = Self::tag(at, marks, shifts)?;
        if self.tags.len() < MOST {
            self.tags.push(at.slice(start, end).to_vec());
        }
        Some(end + usize::from(quoted))
    }

    /// Start and end of the tag, and whether it is quoted.
    fn tag(at: &Cursor<'_>, marks: usize, shifts: bool) -> Option<(usize, usize, bool)> {
        if (0..marks).any(|ahead| at.ahead(ahead) != b'<') || at.ahead(marks) == b'<' {
            return None;
        }
        let mut start = at.pos + marks;
        let marked = matches!(at.byte_at(start), b'-' | b'~');
        start += usize::from(marked);
        start += usize::from(at.byte_at(start) == b' ' && !shifts);
        let quote = at.byte_at(start);
        let quoted = matches!(quote, b'"' | b'\'');
        start += usize::from(quoted);
        let first = at.byte_at(start);
        let marked = marked || quoted || first.is_ascii_uppercase() || first == b'_';
        if !starts_name(first) || shifts && !marked {
            return None;
        }
        let length = (0..64).take_while(|&ahead| continues_name(at.byte_at(start + ahead))).count();
        if quoted && at.byte_at(start + length) != quote {
            return None;
        }
        Some((start, start + length, quoted))
    }

    /// At the start of a line: the texts that are due.
    pub(in super::super) fn bodies(&mut self, at: &mut Cursor<'_>, out: &mut Painter<'_, '_>) {
        for tag in std::mem::take(&mut self.tags) {
            let start = at.pos;
            while !at.is_done() {
                let line = at.pos;
                at.skip_blanks();
                let place = at.pos;
                if at.slice(place, place + tag.len()) == tag && !continues_name(at.byte_at(place + tag.len())) {
                    at.skip(tag.len());
                    break;
                }
                at.pos = line;
                at.skip_line_and_feed();
            }
            out.token(Class::String, start, at.pos);
        }
    }
}
