//! One directive of a policy, and the hosts that it names.

use std::fmt::Write;

/// Other hosts of one kind on a page. With more of them pictures, media and fonts may come from any; of what could run the first ones
/// may.
pub(super) const MAX_HOSTS: usize = 16;

/// Other hosts in the order of the page; of very many the first ones.
#[derive(Clone, Default)]
pub(super) struct Hosts {
    pub(super) first: Vec<String>,
    /// There are more than those.
    pub(super) more: bool,
    /// One of all may be asked in clear text.
    clear: bool,
}

impl Extend<String> for Hosts {
    fn extend<I: IntoIterator<Item = String>>(&mut self, hosts: I) {
        for host in hosts {
            self.clear |= !host.starts_with("https://");
            if self.first.contains(&host) {
                continue;
            }
            match self.first.len() {
                ..MAX_HOSTS => self.first.push(host),
                _ => self.more = true,
            }
        }
    }
}

impl Hosts {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// These, and then the others.
    pub(super) fn and(&self, others: &Self) -> Self {
        let mut all = self.clone();
        all.extend(others.first.iter().cloned());
        Self { more: all.more || others.more, clear: all.clear || others.clear, ..all }
    }
}

/// What the page may take of one kind.
pub(super) struct Directive {
    pub(super) name: &'static str,
    /// What it may take beside the site's own, hosts apart.
    sources: String,
    pub(super) hosts: Hosts,
    /// It can only be looked at or heard: of very many hosts all may be meant.
    pub(super) is_harmless: bool,
}

impl Directive {
    pub(super) fn new(name: &'static str, sources: impl Into<String>, hosts: Hosts) -> Self {
        Self { name, sources: sources.into(), hosts, is_harmless: false }
    }

    pub(super) fn harmless(self) -> Self {
        Self { is_harmless: true, ..self }
    }

    pub(super) fn write(&self, policy: &mut String) {
        // Writing into a String gives no error.
        let _ = write!(policy, "; {} 'self'{}", self.name, self.sources);
        match (self.is_harmless && self.hosts.more, self.hosts.clear) {
            (false, _) => self.hosts.first.iter().for_each(|host| *policy += &format!(" {host}")),
            (true, false) => policy.push_str(" https:"),
            (true, true) => policy.push_str(" https: http:"),
        }
    }
}
