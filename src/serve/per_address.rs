//! How many connections one address has, if that is limited.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Addresses with their counts, for all threads.
#[derive(Clone, Debug)]
pub(super) struct PerAddress {
    limit: NonZeroU32,
    counts: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

/// The address has its share already.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl PerAddress {
    pub(super) fn new(limit: NonZeroU32) -> Self {
        Self { limit, counts: Arc::default() }
    }

    /// One more of `address`, until the guard is dropped. Whoever has no address is not counted.
    pub(super) fn count(&self, address: Option<IpAddr>) -> Result<Option<Counted>, TooMany> {
        let Some(address) = address.map(household) else { return Ok(None) };
        let mut counts = self.lock();
        let count = counts.entry(address).or_default();
        if *count >= self.limit.get() {
            return Err(TooMany);
        }
        *count += 1;
        Ok(Some(Counted { address, all: self.clone() }))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        // Nothing in here is ever half done.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A household has 2^64 addresses of IPv6: they count as one.
pub(super) fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

/// One that is counted.
#[derive(Debug)]
pub(super) struct Counted {
    address: IpAddr,
    all: PerAddress,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.all.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_share() {
        let all = PerAddress::new(NonZeroU32::new(2).unwrap());
        let address = |text: &str| Some(text.parse().unwrap());
        let first = all.count(address("192.0.2.1")).unwrap();
        let _second = all.count(address("::ffff:192.0.2.1")).unwrap();
        assert_eq!(all.count(address("192.0.2.1")).unwrap_err(), TooMany);
        let _other = all.count(address("192.0.2.2")).unwrap();
        drop(first);
        assert!(all.count(address("192.0.2.1")).is_ok());
        let _six = [all.count(address("2001:db8::1")).unwrap(), all.count(address("2001:db8::2")).unwrap()];
        assert_eq!(all.count(address("2001:db8::3")).unwrap_err(), TooMany);
        assert!(all.count(address("2001:db8:0:1::3")).is_ok());
        assert!(all.count(None).unwrap().is_none());
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let all = PerAddress::new(NonZeroU32::MIN);
        drop(all.count(Some("192.0.2.1".parse().unwrap())).unwrap());
        assert!(all.lock().is_empty());
    }
}
