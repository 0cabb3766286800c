//! The answer to a request of the common kind: the same bytes that hyper makes of the ordinary one.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use http::StatusCode;

use super::super::answer::decode;
use super::super::conditions::list_names;
use super::super::negotiation::{Accepted, choose_as};
use super::super::routes::Routes;
use super::request::Plain;
use crate::snapshot::{Body, Coding, Held, Representation, Snapshot};

/// What a request comes to: a page or a file that lies in memory, or the word that the client has it.
pub(super) struct Found<'a> {
    representation: &'a Representation,
    held: &'a Held,
    not_modified: bool,
}

impl<'a> Found<'a> {
    /// `None` if it is anything else.
    pub(super) fn of(plain: &Plain<'_>, snapshot: &'a Snapshot) -> Option<Self> {
        let path = plain.path();
        if Routes::own(path) {
            return None;
        }
        let resource = snapshot.find(&decode(path)?)?;
        let mut accepted = Accepted::default();
        if let Some(line) = plain.accept_encoding {
            accepted.read(line);
        }
        let representation = choose_as(&resource.representations, &accepted)?;
        let Body::Memory(held) = &representation.body else { return None };
        // In clear text a part of its fields is left out.
        if representation.fields.insist_on_tls() {
            return None;
        }
        let tag = representation.fields.entity_tag();
        let not_modified = plain.if_none_match.is_some_and(|list| list_names(list, tag, true));
        Some(Self { representation, held, not_modified })
    }

    pub(super) fn status(&self) -> StatusCode {
        if self.not_modified { StatusCode::NOT_MODIFIED } else { StatusCode::OK }
    }

    /// As `Content-Encoding` names it.
    pub(super) fn coding(&self) -> Option<&'static [u8]> {
        let coding = self.representation.coding;
        (!self.not_modified && coding != Coding::Identity).then(|| coding.name().as_bytes())
    }

    /// The body, unless there is none.
    pub(super) fn body(&self, is_head: bool) -> Option<&'a Held> {
        Some(self.held).filter(|held| !self.not_modified && !is_head && held.length() > 0)
    }

    /// Writes the head; `closes` says that the connection ends with this answer.
    pub(super) fn write_head(&self, closes: bool, date: &Date, head: &mut Vec<u8>) {
        head.clear();
        let fields = &self.representation.fields;
        if self.not_modified {
            head.extend_from_slice(b"HTTP/1.1 304 Not Modified\r\n");
            fields.write_not_modified(head);
        } else {
            head.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
            fields.write_all(head);
        }
        if closes {
            head.extend_from_slice(b"connection: close\r\n");
        }
        head.extend_from_slice(b"date: ");
        date.write(head);
        head.extend_from_slice(b"\r\n\r\n");
    }
}

/// The date of this second.
#[derive(Default)]
pub(super) struct Date(RefCell<(u64, String)>);

impl Date {
    fn write(&self, head: &mut Vec<u8>) {
        let now = SystemTime::now();
        let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut known = self.0.borrow_mut();
        if known.0 != second || known.1.is_empty() {
            *known = (second, httpdate::fmt_http_date(now));
        }
        head.extend_from_slice(known.1.as_bytes());
    }
}
