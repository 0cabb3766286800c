//! Transcripts of terminals.

use std::ops::Range;

use super::super::class::Class;
use super::super::cursor::{Cursor, continues_name};
use super::super::painter::Painter;
use super::shell;

/// A session of a shell: prompts, commands, and what they print.
pub(super) fn lex(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let mut at = Cursor::new(out.text(), &range);
    let mut continues = false;
    while !at.is_done() {
        let start = at.pos;
        let prompt = if continues { continued_prompt(&at) } else { prompt_length(&at) };
        at.skip(prompt);
        let command = at.pos;
        at.skip_line();
        if prompt > 0 || continues {
            out.token(Class::Prompt, start, command);
            continues = at.before() == b'\\';
            // The line feed belongs to the command, so that a text announced in it may follow.
            shell::lex(out, command..at.pos);
        } else {
            out.token(Class::Output, start, at.pos);
        }
        at.skip(1);
    }
}

/// The length of a prompt such as `$ `, `# `, `user@host:~$ `, `(venv) $ `, `[root@host]# `, `C:\> `; 0 without one.
fn prompt_length(at: &Cursor<'_>) -> usize {
    const LONGEST: usize = 120;
    let mut bracket = false;
    for ahead in 0..LONGEST {
        let byte = at.ahead(ahead);
        match byte {
            b'$' | b'%' | b'#' | b'>' if matches!(at.ahead(ahead + 1), b' ' | b'\n' | 0) => {
                let bare = ahead == 0;
                let wordy = (0..ahead).any(|place| matches!(at.ahead(place), b'@' | b':' | b'~' | b')' | b']' | b'\\'));
                let named = byte == b'$'
                    && (0..ahead).all(|place| continues_name(at.ahead(place)) || b"-.".contains(&at.ahead(place)));
                let blank = (0..ahead).all(|place| at.ahead(place) == b' ');
                let fits = bare || wordy || named || blank && byte == b'$';
                return if fits { ahead + 1 + usize::from(at.ahead(ahead + 1) == b' ') } else { 0 };
            }
            b'(' | b'[' => bracket = true,
            b')' | b']' => bracket = false,
            b' ' if bracket || ahead == 0 || matches!(at.ahead(ahead - 1), b')' | b' ') => {}
            b' ' if at.ahead(ahead + 1) == b'$' || at.ahead(ahead + 1) == b'#' => {}
            b' ' | b'\n' | 0 => return 0,
            _ => {}
        }
    }
    0
}

fn continued_prompt(at: &Cursor<'_>) -> usize {
    if at.looking_at("> ") { 2 } else { 0 }
}

/// A session of Python: prompts, code, and what it prints.
pub(super) fn python(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let mut at = Cursor::new(out.text(), &range);
    while !at.is_done() {
        let start = at.pos;
        let prompts = [">>> ", "... ", ">>>\n", "...\n"];
        if prompts.iter().any(|prompt| at.looking_at(prompt)) {
            at.skip(3);
            out.token(Class::Prompt, start, at.pos);
            let code = at.pos;
            at.skip_line();
            super::super::lex_as("python", out, code..at.pos);
        } else {
            at.skip_line();
            out.token(Class::Output, start, at.pos);
        }
        at.skip(1);
    }
}
