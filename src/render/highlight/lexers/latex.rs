//! LaTeX and TeX.

use std::ops::Range;

use super::super::class::Class;
use super::super::cursor::Cursor;
use super::super::painter::Painter;

/// Commands, environments, mathematics, comments, verbatim text.
pub(super) fn lex(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let mut at = Cursor::new(out.text(), &range);
    let mut mathematics = false;
    while !at.is_done() {
        let start = at.pos;
        match at.byte() {
            b'%' => {
                at.skip_line();
                out.token(Class::Comment, start, at.pos);
            }
            b'\\' => command(&mut at, out, &mut mathematics),
            b'$' => {
                at.pos += 1;
                at.skip_while(|byte| byte == b'$');
                mathematics = !mathematics;
                out.token(Class::String, start, at.pos);
            }
            b'{' | b'}' | b'[' | b']' | b'&' => {
                at.pos += 1;
                out.token(Class::Builtin, start, at.pos);
            }
            byte if mathematics && byte.is_ascii_digit() => {
                at.skip_while(|byte| byte.is_ascii_digit() || byte == b'.');
                out.token(Class::Number, start, at.pos);
            }
            byte if mathematics && byte.is_ascii_alphabetic() => {
                at.pos += 1;
                out.token(Class::Variable, start, at.pos);
            }
            b'\n' if at.ahead(1) == b'\n' => {
                // No formula goes on over an empty line: an unpaired dollar ends here.
                mathematics = false;
                at.pos += 1;
            }
            _ => at.pos += 1,
        }
    }
}

fn command(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>, mathematics: &mut bool) {
    let start = at.pos;
    at.pos += 1;
    let first = at.byte();
    if first.is_ascii_alphabetic() || first == b'@' {
        at.skip_while(|byte| byte.is_ascii_alphabetic() || byte == b'@' || byte == b'*');
    } else {
        at.skip(1);
        if matches!(first, b'(' | b'[' | b')' | b']') {
            *mathematics = matches!(first, b'(' | b'[');
            return out.token(Class::String, start, at.pos);
        }
        let class = if first == b'\\' { Class::Escape } else { Class::Keyword };
        return out.token(class, start, at.pos);
    }
    let name = at.slice(start + 1, at.pos);
    out.token(Class::Keyword, start, at.pos);
    match name {
        b"verb" if at.byte().is_ascii_punctuation() => {
            let mark = at.byte();
            let verbatim = at.pos;
            at.pos += 1;
            at.skip_while(|byte| byte != mark && byte != b'\n');
            at.skip(usize::from(at.byte() == mark));
            out.token(Class::String, verbatim, at.pos);
        }
        b"begin" => environment(at, out),
        _ => {}
    }
}

/// The text of an environment that holds code.
fn environment(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>) {
    const VERBATIM: [(&str, &str); 3] =
        [("{verbatim}", "\\end{verbatim}"), ("{lstlisting}", "\\end{lstlisting}"), ("{minted}", "\\end{minted}")];
    let Some((open, close)) = VERBATIM.iter().find(|(open, _)| at.looking_at(open)) else {
        return;
    };
    at.skip(open.len());
    let start = at.pos;
    while !(at.is_done() || at.byte() == b'\\' && at.looking_at(close)) {
        at.pos += 1;
    }
    out.token(Class::String, start, at.pos);
}
