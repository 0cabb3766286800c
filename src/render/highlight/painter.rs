//! From classed ranges of a text to HTML.

use super::class::Class;

/// Writes a text as HTML, in order. Lexers name only the ranges that have a class; whatever lies between is written as
/// it stands. So no lexer can lose or repeat a byte, and wrong ranges (backwards, beyond the end, inside a character)
/// are bent into right ones rather than a panic.
pub(super) struct Painter<'t, 'h> {
    text: &'t str,
    html: &'h mut String,
    /// All before this offset is written.
    done: usize,
    /// The span that is open.
    open: Class,
    /// How many languages this one is embedded in.
    pub(super) depth: usize,
}

impl<'t, 'h> Painter<'t, 'h> {
    pub(super) fn new(text: &'t str, html: &'h mut String) -> Self {
        html.reserve(text.len() * 3);
        Self { text, html, done: 0, open: Class::Plain, depth: 0 }
    }

    /// The whole text, also for a lexer that has to do with a part of it: offsets are the same everywhere.
    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// Gives a class to `from..to`. Neighbours of the same class share a span.
    pub(super) fn token(&mut self, class: Class, from: usize, to: usize) {
        if to <= from {
            return;
        }
        self.plain_until(from);
        self.write(class, to);
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) {
        self.write(Class::Plain, usize::MAX);
        self.switch(Class::Plain);
    }

    fn plain_until(&mut self, offset: usize) {
        if offset > self.done {
            self.write(Class::Plain, offset);
        }
    }

    fn write(&mut self, class: Class, to: usize) {
        let to = if self.text.is_char_boundary(to) { to } else { self.text.floor_char_boundary(to) };
        let Some(mut piece) = self.text.get(self.done..to) else {
            return;
        };
        self.done = to;
        // A span ends with its line: callers cut the HTML at line feeds.
        while let Some(at) = line_feed(piece) {
            self.write_in_line(class, &piece[..at]);
            self.switch(Class::Plain);
            self.html.push('\n');
            piece = &piece[at + 1..];
        }
        self.write_in_line(class, piece);
    }

    fn write_in_line(&mut self, class: Class, piece: &str) {
        if !piece.is_empty() {
            self.switch(class);
            escape(piece, self.html);
        }
    }

    fn switch(&mut self, class: Class) {
        if class != self.open {
            if self.open != Class::Plain {
                self.html.push_str("</span>");
            }
            self.html.push_str(class.start_tag());
            self.open = class;
        }
    }
}

fn line_feed(piece: &str) -> Option<usize> {
    piece.as_bytes().iter().position(|&byte| byte == b'\n')
}

/// As in the module for escaping, but appending: most tokens have nothing to escape.
fn escape(piece: &str, html: &mut String) {
    let mut start = 0;
    for (at, byte) in piece.bytes().enumerate() {
        let entity = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\'' => "&#39;",
            _ => continue,
        };
        html.push_str(&piece[start..at]);
        html.push_str(entity);
        start = at + 1;
    }
    html.push_str(&piece[start..]);
}
