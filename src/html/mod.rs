//! HTML as it is read, not made: a tolerant tokenizer and what the standard says of single elements.
//!
//! Two rooms read what rendering made: check looks for mistakes, snapshot for what a content security policy has to allow.

pub(crate) mod element;
mod reference;
mod token;

pub(crate) use reference::{character, resolve_references};
pub(crate) use token::{Attribute, Tag, Token, Tokens};
