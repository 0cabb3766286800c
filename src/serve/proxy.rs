//! The PROXY protocol, versions 1 and 2 (haproxy.org, doc/proxy-protocol.txt): a proxy that only passes bytes on says
//! before them whose they are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Version 1 begins with this.
pub(super) const TEXT: &[u8] = b"PROXY ";
/// Version 2 begins with this.
pub(super) const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// "A 108-byte buffer is always enough to store all the line and a trailing zero."
const LONGEST_TEXT: usize = 107;
/// Of version 2, behind the fixed part: addresses, and fields that are passed over.
const LONGEST_BINARY: usize = 2048;
const FIXED: usize = 16;

/// Whose bytes follow.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A client's that is there.
    Client(IpAddr),
    /// A client's of which the proxy knows nothing.
    Unknown,
    /// The proxy's own.
    Proxy,
}

/// What a preface of the PROXY protocol says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Preface {
    pub(super) source: Source,
    /// Bytes that it takes.
    pub(super) length: usize,
}

/// What the first bytes come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    Complete(Preface),
    /// More bytes are needed.
    Partial,
    /// It begins like a preface, and is none.
    Bad,
}

/// Reads a preface at the beginning of `bytes`, which begin with [`TEXT`] or [`BINARY`].
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    if bytes.starts_with(BINARY) { parse_binary(bytes) } else { parse_text(bytes) }
}

fn parse_text(bytes: &[u8]) -> Parsed {
    let bounded = &bytes[..bytes.len().min(LONGEST_TEXT)];
    let Some(end) = bounded.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() < LONGEST_TEXT { Parsed::Partial } else { Parsed::Bad };
    };
    let Some(source) = std::str::from_utf8(&bytes[..end]).ok().and_then(source_of_text) else { return Parsed::Bad };
    Parsed::Complete(Preface { source, length: end + 2 })
}

/// `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443`, or `PROXY UNKNOWN` with anything behind it.
fn source_of_text(line: &str) -> Option<Source> {
    let parts: Vec<&str> = line.split(' ').skip(1).collect();
    if parts.first() == Some(&"UNKNOWN") {
        return Some(Source::Unknown);
    }
    let [family, source, target, source_port, target_port] = parts[..] else { return None };
    let (source, target): (IpAddr, IpAddr) = (source.parse().ok()?, target.parse().ok()?);
    let (_, _): (u16, u16) = (source_port.parse().ok()?, target_port.parse().ok()?);
    let fits = match family {
        "TCP4" => source.is_ipv4() && target.is_ipv4(),
        "TCP6" => source.is_ipv6() && target.is_ipv6(),
        _ => false,
    };
    fits.then_some(Source::Client(source))
}

fn parse_binary(bytes: &[u8]) -> Parsed {
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED>() else { return Parsed::Partial };
    let [.., version_and_command, family, high, low] = *fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if version_and_command >> 4 != 2 || length > LONGEST_BINARY {
        return Parsed::Bad;
    }
    let Some(addresses) = rest.get(..length) else { return Parsed::Partial };
    let source = match (version_and_command & 0xf, family) {
        // LOCAL: a look at whether we live.
        (0, _) => Source::Proxy,
        (1, 0x11) => match addresses.first_chunk::<12>() {
            Some(&[a, b, c, d, ..]) => Source::Client(Ipv4Addr::new(a, b, c, d).into()),
            None => return Parsed::Bad,
        },
        (1, 0x21) => match addresses.first_chunk::<36>().and_then(|all| all.first_chunk::<16>()) {
            Some(source) => Source::Client(Ipv6Addr::from(*source).into()),
            None => return Parsed::Bad,
        },
        // No stream of an internet family.
        (1, _) => Source::Unknown,
        _ => return Parsed::Bad,
    };
    Parsed::Complete(Preface { source, length: FIXED + length })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn binary(version_and_command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [BINARY, &[version_and_command, family], &length, addresses].concat()
    }

    fn complete(client: &str, length: usize) -> Parsed {
        Parsed::Complete(Preface { source: Source::Client(client.parse().unwrap()), length })
    }

    fn without(source: Source, length: usize) -> Parsed {
        Parsed::Complete(Preface { source, length })
    }

    #[test]
    fn version_1() {
        let four = b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n";
        for (bytes, parsed) in [
            (&four[..], complete("192.0.2.1", four.len())),
            (b"PROXY TCP6 2001:db8::1 ::1 56324 443\r\nGET /", complete("2001:db8::1", 38)),
            (b"PROXY UNKNOWN\r\n", without(Source::Unknown, 15)),
            (b"PROXY UNKNOWN ffff::1 ffff::1 65535 65535\r\n", without(Source::Unknown, 43)),
            (b"PROXY TCP4 192.0.2.1", Parsed::Partial),
            (b"PROXY TCP4 192.0.2.1 ::1 1 2\r\n", Parsed::Bad),
            (b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", Parsed::Bad),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n", Parsed::Bad),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", Parsed::Bad),
            (b"PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n", Parsed::Bad),
            (b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", Parsed::Bad),
            (b"PROXY TCP4 \xff 192.0.2.2 1 2\r\n", Parsed::Bad),
            (&[b"PROXY ", &[b'x'; 101][..]].concat(), Parsed::Bad),
        ] {
            assert_eq!(parse(bytes), parsed, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn version_2() {
        let four = [192, 0, 2, 1, 198, 51, 100, 1, 0, 80, 1, 187];
        let six = [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[1], &[0; 16], &[0, 80, 1, 187]].concat();
        let with_field = [&four[..], &[4, 0, 2, 9, 9]].concat();
        for (bytes, parsed) in [
            (binary(0x21, 0x11, &four), complete("192.0.2.1", 28)),
            (binary(0x21, 0x21, &six), complete("2001:db8::1", 52)),
            (binary(0x21, 0x11, &with_field), complete("192.0.2.1", 33)),
            (binary(0x20, 0, &[]), without(Source::Proxy, 16)),
            (binary(0x20, 0x11, &four), without(Source::Proxy, 28)),
            (binary(0x21, 0x31, &[0; 216]), without(Source::Unknown, 232)),
            (binary(0x21, 0x11, &four)[..27].to_vec(), Parsed::Partial),
            (binary(0x21, 0x11, &four)[..15].to_vec(), Parsed::Partial),
            (binary(0x21, 0x11, &four[..11]), Parsed::Bad),
            (binary(0x21, 0x21, &six[..35]), Parsed::Bad),
            (binary(0x11, 0x11, &four), Parsed::Bad),
            (binary(0x22, 0x11, &four), Parsed::Bad),
            (binary(0x21, 0x11, &[0; 2049]), Parsed::Bad),
        ] {
            assert_eq!(parse(&bytes), parsed, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(text in prop::collection::vec(any::<u8>(), 0..130), binary: bool) {
            let bytes = [if binary { BINARY } else { TEXT }, &text].concat();
            if let Parsed::Complete(preface) = parse(&bytes) {
                prop_assert!(preface.length <= bytes.len());
            }
        }

        /// Cut anywhere, a good preface waits for the rest; whole, it is the same whatever follows.
        #[test]
        fn a_preface_is_read_in_any_pieces(source: [u8; 4], port: u16, cut in 6_usize..28, behind in prop::collection::vec(any::<u8>(), 0..40)) {
            let source = Ipv4Addr::from(source);
            let text = format!("PROXY TCP4 {source} 192.0.2.1 {port} 80\r\n").into_bytes();
            let binary = binary(0x21, 0x11, &[&source.octets()[..], &[192, 0, 2, 1], &port.to_be_bytes(), &[0, 80]].concat());
            for whole in [text, binary] {
                prop_assert_eq!(parse(&[&whole[..], &behind].concat()), complete(&source.to_string(), whole.len()));
                if cut >= 12 {
                    prop_assert_eq!(parse(&whole[..cut.min(whole.len() - 1)]), Parsed::Partial);
                }
            }
        }
    }
}
