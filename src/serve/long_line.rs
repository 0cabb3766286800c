//! A request line that is too long for hyper's buffer. hyper takes it for a head that is too long, and answers 431; it is the address that
//! is, which is 414 (RFC 9110 section 15.5.15).
//!
//! Nothing is parsed here: it is noted how long the line is that has not ended yet, and whether it begins as a request does. When hyper
//! refuses it, the status of that answer is put right on its way out.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::request::MAX_URI;

/// How hyper begins its refusal.
const HEAD_TOO_LARGE: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\n";
/// What is sent in its place, just as long.
const URI_TOO_LONG: &[u8] = b"HTTP/1.1 414 URI Too Long (8 KB are allowed)\r\n";
const _: () = assert!(HEAD_TOO_LARGE.len() == URI_TOO_LONG.len());

/// What a line is, by its beginning.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    /// A method or the name of a field, so far.
    #[default]
    Token,
    /// A space is behind the token: fields have a colon there.
    Request,
    Other,
}

/// The line that has not ended yet.
#[derive(Default)]
pub(super) struct Line {
    length: Cell<usize>,
    kind: Cell<Kind>,
    /// Bytes of the status line that went out in the place of hyper's.
    sent: Cell<Option<usize>>,
}

impl Line {
    /// Whether a request was refused because its address is too long.
    pub(super) fn is_refused(&self) -> bool {
        self.sent.get().is_some()
    }

    fn came(&self, bytes: &[u8]) {
        let mut rest = bytes;
        if let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') {
            rest = &bytes[end + 1..];
            self.length.set(0);
            self.kind.set(Kind::Token);
        }
        if self.kind.get() == Kind::Token
            && let Some(at) = rest.iter().position(|byte| !is_of_token(*byte))
        {
            let is_request = rest[at] == b' ' && self.length.get() + at > 0;
            self.kind.set(if is_request { Kind::Request } else { Kind::Other });
        }
        self.length.set(self.length.get() + rest.len());
    }

    /// What goes out in the place of `bytes`, if it is anything else.
    fn correct(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let is_too_long = self.kind.get() == Kind::Request && self.length.get() > MAX_URI;
        if is_too_long && !self.is_refused() && bytes.starts_with(HEAD_TOO_LARGE) {
            self.sent.set(Some(0));
        }
        let left = &URI_TOO_LONG[self.sent.get()?..];
        let count = left.len().min(bytes.len());
        (count > 0).then(|| [&left[..count], &bytes[count..]].concat())
    }

    fn went(&self, count: usize) {
        self.sent.set(self.sent.get().map(|sent| (sent + count).min(URI_TOO_LONG.len())));
    }
}

/// RFC 9110 section 5.6.2.
fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The bytes of a connection that hyper reads as HTTP/1.1.
pub(super) struct Lined<S> {
    stream: S,
    line: Rc<Line>,
}

impl<S> Lined<S> {
    pub(super) fn new(stream: S, line: Rc<Line>) -> Self {
        Self { stream, line }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lined<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.line.came(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lined<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(corrected) = self.line.correct(bytes) else {
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        };
        let count = ready!(Pin::new(&mut self.stream).poll_write(context, &corrected))?;
        self.line.went(count);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match slices.first().and_then(|first| self.line.correct(first)) {
            Some(_) => self.poll_write(context, &slices[0]),
            None => Pin::new(&mut self.stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corrected(pieces: &[&str], answer: &[u8]) -> bool {
        let line = Line::default();
        pieces.iter().for_each(|piece| line.came(piece.as_bytes()));
        line.correct(answer).is_some()
    }

    #[test]
    fn a_request_line_is_told_from_a_field() {
        let long = "a".repeat(MAX_URI);
        for (pieces, expected) in [
            (&["GET /", &long][..], true),
            (&["G", "ET", " ", "/", &long], true),
            (&["GET / HTTP/1.1\r\nhost: a\r\n\r\nGET /", &long], true),
            (&["\r\n\r\nGET /", &long], true),
            (&["GET / HTTP/1.1\r\nx:", &long], false),
            (&["GET / HTTP/1.1\r\nx", ": y", &long], false),
            (&["GET / HTTP/1.1\r\n folded", &long], false),
            (&["GET /", &long, "\r\n"], false),
            (&["GET /short"], false),
            (&[&long, &long], false),
        ] {
            assert_eq!(corrected(pieces, HEAD_TOO_LARGE), expected, "{pieces:.40?}");
            assert!(!corrected(pieces, b"HTTP/1.1 400 Bad Request\r\n"));
        }
    }

    #[test]
    fn an_answer_that_goes_out_in_pieces_is_put_right_whole() {
        let line = Line::default();
        line.came(format!("GET /{}", "a".repeat(MAX_URI)).as_bytes());
        let answer = [HEAD_TOO_LARGE, b"connection: close\r\n\r\n"].concat();
        let (mut out, mut at) = (Vec::new(), 0);
        while at < answer.len() {
            let bytes = line.correct(&answer[at..]).unwrap_or_else(|| answer[at..].to_vec());
            let count = bytes.len().min(9);
            out.extend_from_slice(&bytes[..count]);
            line.went(count);
            at += count;
        }
        assert_eq!(out, [URI_TOO_LONG, b"connection: close\r\n\r\n"].concat());
    }
}
