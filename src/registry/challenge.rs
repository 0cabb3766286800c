//! What a 401 asks for (RFC 9110 section 11; distribution's token specification).

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What a 401 asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Challenge {
    /// User name and password.
    Basic,
    /// A token from `realm`.
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

/// Reads `WWW-Authenticate`; schemes that galley does not know are passed over.
pub(super) fn challenge(field: &str) -> Option<Challenge> {
    let (scheme, parameters) = field.trim().split_once(' ').unwrap_or((field.trim(), ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let mut parameters = parse_parameters(parameters);
    let realm = parameters.remove("realm")?;
    Some(Challenge::Bearer { realm, service: parameters.remove("service"), scope: parameters.remove("scope") })
}

/// `name="value"` pairs; a comma within quotes separates nothing.
fn parse_parameters(text: &str) -> HashMap<String, String> {
    let mut parameters = HashMap::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        parameters.insert(name.trim_matches([',', ' ']).to_ascii_lowercase(), value.trim().to_owned());
        rest = next;
    }
    parameters
}

/// The rights that tokens are asked for: the actions of each resource, as `repository:a/b:pull,push`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Scopes(BTreeMap<String, BTreeSet<String>>);

impl Scopes {
    /// Adds what `text` names: scopes with spaces between.
    pub(super) fn add(&mut self, text: &str) {
        for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
            // The resource may have a port in its name.
            let (resource, actions) = scope.rsplit_once(':').unwrap_or((scope, ""));
            let known = self.0.entry(resource.to_owned()).or_default();
            known.extend(actions.split(',').filter(|action| !action.is_empty()).map(str::to_owned));
        }
    }

    /// All of them in one string, as one request has them.
    pub(super) fn text(&self) -> String {
        let actions = |set: &BTreeSet<String>| set.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let scopes: Vec<_> = self.0.iter().map(|(resource, set)| format!("{resource}:{}", actions(set))).collect();
        scopes.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn challenges_are_read() {
        let bearer = "Bearer realm=\"https://auth.example/token\",service=\"r, s\",scope=\"repository:a/b:pull,push\"";
        let expected = Challenge::Bearer {
            realm: "https://auth.example/token".to_owned(),
            service: Some("r, s".to_owned()),
            scope: Some("repository:a/b:pull,push".to_owned()),
        };
        assert_eq!(challenge(bearer), Some(expected));
        assert_eq!(challenge("basic realm=\"x\""), Some(Challenge::Basic));
        assert_eq!(challenge("Negotiate"), None);
        assert_eq!(challenge("Bearer service=x"), None);
    }

    #[test]
    fn rights_are_gathered_by_what_they_are_about() {
        let mut scopes = Scopes::default();
        scopes.add("repository:me/blog:pull");
        scopes.add("repository:me/base:pull repository:me/blog:push,pull");
        assert_eq!(scopes.text(), "repository:me/base:pull repository:me/blog:pull,push");
        assert_eq!(Scopes::default().text(), "");
    }

    proptest! {
        #[test]
        fn no_challenge_panics(text in "[ -~]{0,80}") {
            challenge(&text);
        }
    }
}
