//! Requests that no handler sees: malformed in a way that hyper lets pass, too large, or on the wrong port.

use http::header::{ALLOW, HOST, HeaderMap, HeaderValue, LOCATION};
use http::{Method, Request, Response, StatusCode, Uri, Version};

use super::answer::text;
use super::body::AnswerBody;

/// The longest target of a request.
pub(super) const MAX_URI: usize = 8 * 1024;
/// Header lines of a request. hyper holds HTTP/1.1 to it before they come here.
pub(super) const MAX_HEADER_LINES: usize = 100;

/// An answer in the handler's place.
pub(super) struct Refusal {
    pub(super) response: Response<AnswerBody>,
    /// Whether the connection should end with it: what follows on it may be misread.
    pub(super) closes: bool,
}

/// Refuses what must not reach a handler.
pub(super) fn refuse<B>(request: &Request<B>) -> Option<Refusal> {
    let refusal = |status, message| Some(Refusal { response: text(status, message), closes: true });
    if length(request.uri()) > MAX_URI {
        return refusal(StatusCode::URI_TOO_LONG, "the address is too long\n");
    }
    if request.headers().len() > MAX_HEADER_LINES {
        return refusal(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "there are too many header lines\n");
    }
    if request.method() == Method::CONNECT {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "this is no proxy\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Some(Refusal { response, closes: true });
    }
    if !has_one_host(request.version(), request.uri(), request.headers()) {
        return refusal(StatusCode::BAD_REQUEST, "exactly one valid host is needed\n");
    }
    None
}

fn length(uri: &Uri) -> usize {
    uri.path().len() + uri.query().map_or(0, str::len) + uri.authority().map_or(0, |authority| authority.as_str().len())
}

/// RFC 9112 section 3.2: HTTP/1.1 needs exactly one Host. RFC 9113 section 8.3.1: HTTP/2 has `:authority` in its place, and
/// a Host beside it has to agree.
fn has_one_host(version: Version, uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    if second.is_some() || first.is_some_and(|host| !host.as_bytes().iter().all(|byte| is_of_host(*byte))) {
        return false;
    }
    match (version, first, uri.authority()) {
        (Version::HTTP_2, Some(host), Some(authority)) => {
            host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes())
        }
        (Version::HTTP_2, None, None) => false,
        (Version::HTTP_11, None, _) => false,
        _ => true,
    }
}

/// RFC 3986 section 3.2.2 and a port: what a name, an address or an address in brackets may have.
pub(super) fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&byte)
}

/// Sends a client that came in clear text to HTTPS, on the port that it came to: that has TLS too. Without a port, as
/// with those of the two schemes, it is the usual one.
pub(super) fn to_https<B>(request: &Request<B>) -> Refusal {
    let host = request.uri().authority().map(http::uri::Authority::as_str);
    let host = host.or_else(|| request.headers().get(HOST)?.to_str().ok());
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let location = host.filter(|host| is_plain_host(host)).and_then(|host| {
        let host = host.strip_suffix(":80").or_else(|| host.strip_suffix(":443")).unwrap_or(host);
        // `OPTIONS *` has no place there.
        let path = if path.starts_with('/') { path } else { "/" };
        HeaderValue::try_from(format!("https://{host}{path}")).ok()
    });
    let Some(location) = location else {
        return Refusal { response: text(StatusCode::BAD_REQUEST, "HTTPS is spoken here\n"), closes: true };
    };
    let mut response = text(StatusCode::PERMANENT_REDIRECT, "HTTPS is spoken here\n");
    response.headers_mut().insert(LOCATION, location);
    Refusal { response, closes: false }
}

/// A name or an address with or without a port, and nothing that could make another place of it.
fn is_plain_host(host: &str) -> bool {
    let (name, port) = match host.rfind(']') {
        Some(end) => (&host[..=end], host[end + 1..].strip_prefix(':')),
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_name = match bare {
        Some(address) => {
            address.parse::<std::net::Ipv6Addr>().is_ok()
                && host.len() == name.len() + port.map_or(0, |port| port.len() + 1)
        }
        None => !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)),
    };
    is_name && port.is_none_or(|port| port.parse::<u16>().is_ok() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A client that has too many requests open.
pub(super) fn too_many() -> Response<AnswerBody> {
    text(StatusCode::TOO_MANY_REQUESTS, "too many requests at a time\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(version: Version, uri: &str, hosts: &[&str]) -> Request<()> {
        let mut request = Request::builder().version(version).uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        request.body(()).unwrap()
    }

    fn status(request: &Request<()>) -> u16 {
        refuse(request).map_or(0, |refusal| refusal.response.status().as_u16())
    }

    #[test]
    fn a_request_has_one_host() {
        for (version, uri, hosts, expected) in [
            (Version::HTTP_11, "/", &["a"][..], 0),
            (Version::HTTP_11, "/", &["[::1]:80"], 0),
            (Version::HTTP_11, "/", &[""], 0),
            (Version::HTTP_11, "/", &[], 400),
            (Version::HTTP_11, "/", &["a", "a"], 400),
            (Version::HTTP_11, "/", &["a b"], 400),
            (Version::HTTP_11, "/", &["a@b"], 400),
            (Version::HTTP_11, "/", &["a/b"], 400),
            (Version::HTTP_11, "http://a/", &["a"], 0),
            (Version::HTTP_11, "http://a/", &[], 400),
            (Version::HTTP_10, "/", &[], 0),
            (Version::HTTP_10, "/", &["a", "b"], 400),
            (Version::HTTP_2, "http://a/", &[], 0),
            (Version::HTTP_2, "http://a/", &["A"], 0),
            (Version::HTTP_2, "http://a/", &["b"], 400),
            (Version::HTTP_2, "/", &["a"], 0),
            (Version::HTTP_2, "/", &[], 400),
        ] {
            assert_eq!(status(&request(version, uri, hosts)), expected, "{version:?} {uri} {hosts:?}");
        }
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let long = |length: usize| format!("/{}", "a".repeat(length - 1));
        assert_eq!(status(&request(Version::HTTP_11, &long(MAX_URI), &["a"])), 0);
        assert_eq!(status(&request(Version::HTTP_11, &long(MAX_URI + 1), &["a"])), 414);
        let mut many = request(Version::HTTP_2, "http://a/", &[]);
        for _ in 0..=MAX_HEADER_LINES {
            many.headers_mut().append("x", HeaderValue::from_static("y"));
        }
        assert_eq!(status(&many), 431);
    }

    #[test]
    fn the_way_to_https_keeps_host_port_and_path() {
        for (uri, host, location) in [
            ("/a?b=c", "blog.example", "https://blog.example/a?b=c"),
            ("/", "blog.example:80", "https://blog.example/"),
            ("/", "blog.example:443", "https://blog.example/"),
            ("/", "blog.example:8443", "https://blog.example:8443/"),
            ("/", "[::1]:8080", "https://[::1]:8080/"),
            ("/", "[::1]", "https://[::1]/"),
            ("//evil.example/", "blog.example", "https://blog.example//evil.example/"),
            ("http://other.example/x", "blog.example", "https://other.example/x"),
            ("*", "blog.example", "https://blog.example/"),
            ("/", "blog.example:x", ""),
            ("/", "blog.example:+80", ""),
            ("/", "[::1]x", ""),
            ("/", "[x]", ""),
            ("/", "a%0d%0ab", ""),
            ("/", "a,b", ""),
            ("/", "", ""),
        ] {
            let answer = to_https(&request(Version::HTTP_11, uri, &[host])).response;
            let found = answer.headers().get(LOCATION).map_or("", |value| value.to_str().unwrap());
            assert_eq!(found, location, "{host} {uri}");
            assert_eq!(answer.status().as_u16(), if location.is_empty() { 400 } else { 308 }, "{host}");
        }
    }

    proptest! {
        #[test]
        fn the_way_to_https_leads_nowhere_else(host in "[ -~]{0,30}", path in "/[!-~]{0,30}") {
            let Ok(host) = HeaderValue::try_from(host) else { return Ok(()) };
            let Ok(uri) = path.parse::<Uri>() else { return Ok(()) };
            let mut request = Request::new(());
            *request.uri_mut() = uri;
            request.headers_mut().insert(HOST, host.clone());
            if let Some(location) = to_https(&request).response.headers().get(LOCATION) {
                let location: Uri = location.to_str().unwrap().parse().unwrap();
                let named = host.to_str().unwrap().split(':').next().unwrap();
                prop_assert!(location.host().unwrap().starts_with(named));
                prop_assert_eq!(location.path(), request.uri().path());
            }
        }
    }
}
