//! Behaviour from outside: the program as users run it, and the library's doors. Everything here runs with a Rust
//! toolchain and a C compiler alone; real registries and engines are in tests/e2e.

// A test that can't go on should say where; that is what unwrap does.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod architecture;
mod bad_image;
mod bad_input;
mod bad_place;
mod changes;
mod channels;
mod cli;
mod connections;
mod content;
mod control;
mod crashes;
mod diff;
mod direct;
mod dockerfiles;
mod double;
mod drains;
mod engine;
mod failures;
mod follow;
mod frames;
mod handover;
mod health;
mod history;
mod hooks;
mod http;
mod http2;
mod image;
mod incremental;
mod inspect;
mod kept;
mod layouts;
mod limits;
mod log;
mod media;
mod metrics;
mod notices;
mod offers;
mod outages;
mod outputs;
mod package;
mod paths;
mod permits;
mod pictures;
mod preview;
mod proxy;
mod ranges;
mod readme;
mod registry;
mod releases;
mod render;
mod repair;
mod rights;
mod rules;
mod server;
mod signature;
mod stalled;
#[path = "../support/mod.rs"]
mod support;
mod theme;
mod tls;
mod vouching;
