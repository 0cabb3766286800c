//! Who is at the other end of a connection, and which proxies are believed when they say who is behind them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::HeaderMap;
use ipnet::IpNet;

use super::per_address::household;

/// Not in the `http` crate's list.
const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// The networks of the proxies that are believed.
#[derive(Clone, Debug, Default)]
pub struct Trust(Option<Arc<[IpNet]>>);

impl Trust {
    /// Believes the proxies in `networks`, and those that connect to a Unix socket if there is any network at all.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        let networks: Arc<[IpNet]> = networks.into_iter().collect();
        Self(Some(networks).filter(|networks| !networks.is_empty()))
    }

    fn contains(&self, address: Option<IpAddr>) -> bool {
        let Some(networks) = &self.0 else { return false };
        // A Unix socket has no address: who may reach it is for its file's mode to say.
        address.is_none_or(|address| networks.iter().any(|network| network.contains(&address)))
    }
}

/// What is known of a connection's other end.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Where the connection comes from, by its proxy's word if that spoke the PROXY protocol; a Unix socket has no address.
    pub address: Option<IpAddr>,
    /// Whether the connection is encrypted.
    pub secure: bool,
    /// Set if what it says of those behind it is believed.
    trust: Option<Trust>,
}

impl Peer {
    pub(super) fn new(address: Option<IpAddr>, trust: &Trust) -> Self {
        // A socket for both families shows IPv4 addresses in their IPv6 form.
        let address = address.map(|address| address.to_canonical());
        Self { address, secure: false, trust: Some(trust.clone()).filter(|trust| trust.contains(address)) }
    }

    /// Somebody behind the proxy that this is: of the same address as far as anybody knows, and believed in nothing.
    pub(super) fn unknown_behind(self) -> Self {
        Self { trust: None, ..self }
    }

    /// Whether it is a proxy that is believed.
    pub(super) fn is_trusted(&self) -> bool {
        self.trust.is_some()
    }

    /// The address of the client: the last one of `X-Forwarded-For` that is no trusted proxy's, if the peer itself is
    /// one; else the peer's own.
    pub fn client(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let Some(trust) = &self.trust else { return self.address };
        let mut client = self.address;
        // Each proxy adds the address that it sees at the end, and all lines are one list.
        for line in headers.get_all(FORWARDED_FOR).iter().rev() {
            for entry in line.to_str().unwrap_or_default().rsplit(',') {
                // Behind what can't be read nobody is known.
                let Some(address) = parse(entry.trim()) else { return client };
                client = Some(address);
                if !trust.contains(client) {
                    return client;
                }
            }
        }
        client
    }

    /// The client's address as the one that it is counted by: a household has more than one of IPv6.
    pub fn source(&self, headers: &HeaderMap) -> Option<IpAddr> {
        self.client(headers).map(household)
    }

    /// Whether the client's connection is encrypted: this one, or the one to the trusted proxy by its word.
    pub fn is_secure(&self, headers: &HeaderMap) -> bool {
        self.secure || self.trust.is_some() && is_forwarded_secure(headers)
    }
}

/// The last word counts: the proxy that is trusted said it.
fn is_forwarded_secure(headers: &HeaderMap) -> bool {
    let last = headers.get_all(FORWARDED_PROTO).iter().next_back();
    let last = last.and_then(|line| line.to_str().ok()?.rsplit(',').next());
    last.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
}

/// An address as proxies write it: with or without a port, IPv6 with or without brackets.
fn parse(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim_matches('"');
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let address = bare.parse().ok().or_else(|| Some(entry.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn headers(name: &'static str, lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        headers
    }

    fn trust() -> Trust {
        Trust::new(["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()])
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn the_client_is_the_last_one_that_is_no_trusted_proxy() {
        for (from, lines, client) in [
            ("10.0.0.1", &["203.0.113.7"][..], "203.0.113.7"),
            ("10.0.0.1", &["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["198.51.100.1, 203.0.113.7", "10.1.1.1,10.2.2.2"], "203.0.113.7"),
            ("10.0.0.1", &["203.0.113.7:1234"], "203.0.113.7"),
            ("10.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("10.0.0.1", &["\"2001:db8::1\""], "2001:db8::1"),
            ("10.0.0.1", &["::ffff:203.0.113.7"], "203.0.113.7"),
            ("::ffff:10.0.0.1", &["203.0.113.7"], "203.0.113.7"),
            ("fd00::1", &["203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["10.3.3.3"], "10.3.3.3"),
            ("10.0.0.1", &["203.0.113.7, unknown, 10.3.3.3"], "10.3.3.3"),
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("192.0.2.1", &["203.0.113.7"], "192.0.2.1"),
        ] {
            let peer = Peer::new(address(from), &trust());
            assert_eq!(peer.client(&headers(FORWARDED_FOR, lines)), address(client), "{from} {lines:?}");
        }
    }

    #[test]
    fn a_unix_peer_is_believed_only_if_any_proxy_is() {
        let forwarded = headers(FORWARDED_FOR, &["203.0.113.7"]);
        assert_eq!(Peer::new(None, &trust()).client(&forwarded), address("203.0.113.7"));
        assert_eq!(Peer::new(None, &Trust::default()).client(&forwarded), None);
        assert_eq!(Peer::new(None, &Trust::new([])).client(&forwarded), None);
    }

    #[test]
    fn the_scheme_is_the_trusted_proxys_word() {
        for (from, lines, secure) in [
            ("10.0.0.1", &["https"][..], true),
            ("10.0.0.1", &["HTTPS"], true),
            ("10.0.0.1", &["http, https"], true),
            ("10.0.0.1", &["https, http"], false),
            ("10.0.0.1", &["https", "http"], false),
            ("10.0.0.1", &[], false),
            ("192.0.2.1", &["https"], false),
        ] {
            let peer = Peer::new(address(from), &trust());
            assert_eq!(peer.is_secure(&headers(FORWARDED_PROTO, lines)), secure, "{from} {lines:?}");
        }
    }

    proptest! {
        #[test]
        fn any_field_gives_an_address(line in "[ -~]{0,60}") {
            let peer = Peer::new(address("10.0.0.1"), &trust());
            prop_assert!(peer.client(&headers(FORWARDED_FOR, &[&line])).is_some());
        }

        #[test]
        fn what_an_untrusted_client_forges_changes_nothing(forged in "[ -~]{0,60}", real: [u8; 4]) {
            prop_assume!(real[0] != 10);
            let real = IpAddr::from(real);
            let peer = Peer::new(address("10.0.0.1"), &trust());
            prop_assert_eq!(peer.client(&headers(FORWARDED_FOR, &[&format!("{forged}, {real}")])), Some(real));
        }
    }
}
