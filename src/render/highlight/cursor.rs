//! A place in a range of bytes, and the few ways to look on from it.

/// How far a lexer may look ahead without taking what it looks at. A cap makes every lexer linear.
pub(super) const LOOK_AHEAD: usize = 1024;

/// A place in code. It knows the bytes before it, too, but is only ever asked for the last one: scans go forwards.
pub(super) struct Cursor<'t> {
    bytes: &'t [u8],
    /// The offset in the whole text.
    pub(super) pos: usize,
    start: usize,
}

impl<'t> Cursor<'t> {
    /// At the start of a range of a text. A range beyond the text is cut.
    pub(super) fn new(text: &'t str, range: &std::ops::Range<usize>) -> Self {
        let end = range.end.min(text.len());
        Self { bytes: &text.as_bytes()[..end], pos: range.start.min(end), start: range.start.min(end) }
    }

    pub(super) fn is_done(&self) -> bool {
        self.pos >= self.bytes.len()
    }

    pub(super) fn end(&self) -> usize {
        self.bytes.len()
    }

    /// The byte here, 0 at the end.
    pub(super) fn byte(&self) -> u8 {
        self.byte_at(self.pos)
    }

    /// The byte `ahead` bytes on, 0 beyond the end.
    pub(super) fn ahead(&self, ahead: usize) -> u8 {
        self.byte_at(self.pos + ahead)
    }

    /// The byte at an offset of the text, 0 beyond the end.
    pub(super) fn byte_at(&self, offset: usize) -> u8 {
        self.bytes.get(offset).copied().unwrap_or(0)
    }

    /// The byte before, a line feed at the start.
    pub(super) fn before(&self) -> u8 {
        if self.pos > self.start { self.byte_at(self.pos - 1) } else { b'\n' }
    }

    pub(super) fn at_line_start(&self) -> bool {
        self.before() == b'\n'
    }

    pub(super) fn slice(&self, from: usize, to: usize) -> &'t [u8] {
        self.bytes.get(from..to).unwrap_or(&[])
    }

    pub(super) fn looking_at(&self, text: &str) -> bool {
        self.bytes.get(self.pos..self.pos + text.len()) == Some(text.as_bytes())
    }

    pub(super) fn looking_at_folded(&self, text: &str) -> bool {
        self.bytes.get(self.pos..self.pos + text.len()).is_some_and(|found| found.eq_ignore_ascii_case(text.as_bytes()))
    }

    /// Moves on, never beyond the end.
    pub(super) fn skip(&mut self, count: usize) {
        self.pos = (self.pos + count).min(self.bytes.len());
    }

    pub(super) fn skip_while(&mut self, takes: impl Fn(u8) -> bool) {
        while let Some(&byte) = self.bytes.get(self.pos) {
            if !takes(byte) {
                break;
            }
            self.pos += 1;
        }
    }

    pub(super) fn skip_blanks(&mut self) {
        self.skip_while(|byte| byte == b' ' || byte == b'\t');
    }

    /// To the line feed, or to the end.
    pub(super) fn skip_line(&mut self) {
        self.skip_while(|byte| byte != b'\n');
    }

    /// Behind the line feed.
    pub(super) fn skip_line_and_feed(&mut self) {
        self.skip_line();
        self.skip(1);
    }

    /// The first offset from here at which a byte is one of `stops`, or the end, or the cap.
    pub(super) fn find(&self, stops: &[u8]) -> usize {
        let end = self.bytes.len().min(self.pos + LOOK_AHEAD);
        (self.pos..end).find(|&at| stops.contains(&self.bytes[at])).unwrap_or(end)
    }

    /// Behind the next `text`, or to the end.
    pub(super) fn skip_past(&mut self, text: &str) {
        let Some(&first) = text.as_bytes().first() else { return };
        while !self.is_done() {
            if self.byte() == first && self.looking_at(text) {
                return self.skip(text.len());
            }
            self.pos += 1;
        }
    }

    /// The next byte that is neither blank nor tab, from `offset` on, and its place. Capped.
    pub(super) fn next_visible(&self, offset: usize) -> (u8, usize) {
        let end = (offset + LOOK_AHEAD / 16).min(self.bytes.len());
        let mut at = offset;
        while at < end && matches!(self.bytes[at], b' ' | b'\t') {
            at += 1;
        }
        (self.byte_at(at), at)
    }
}

/// Whether a byte may start a name in most languages. Bytes beyond ASCII may.
pub(super) const fn starts_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

/// Whether a byte may stand in a name in most languages.
pub(super) const fn continues_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}
