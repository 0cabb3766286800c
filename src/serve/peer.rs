//! Who is at the other end of a connection.

use std::net::IpAddr;

/// What is known of a connection's other end.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Where the connection comes from; a Unix socket has no address.
    pub address: Option<IpAddr>,
    /// Whether the connection is encrypted.
    pub secure: bool,
}
