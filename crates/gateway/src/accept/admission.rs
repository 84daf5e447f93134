//! How many connections there may be: over all, and from one address. Counted over all workers.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts by address, split so that workers seldom wait for each other.
const SHARDS: usize = 16;

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    all: AtomicU32,
    by_address: [Mutex<HashMap<IpAddr, u32, foldhash::fast::RandomState>>; SHARDS],
}

/// The right to one connection, given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    admission: Arc<Admission>,
    address: IpAddr,
}

impl Admission {
    /// Takes a seat for `address`, or `None` when `all` or `each` is reached.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr, all: u32, each: u32) -> Option<Seat> {
        let address = network_of(address);
        if self.all.fetch_add(1, Ordering::Relaxed) >= all {
            self.all.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let mut counts = self.shard(address)?;
        let count = counts.entry(address).or_insert(0);
        if *count >= each {
            if *count == 0 {
                counts.remove(&address);
            }
            self.all.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Seat { admission: Arc::clone(self), address })
    }

    fn shard(&self, address: IpAddr) -> Option<MutexGuard<'_, HashMap<IpAddr, u32, foldhash::fast::RandomState>>> {
        let last = match address {
            IpAddr::V4(address) => address.octets().last().copied(),
            // The last byte of the network part: the rest has been cut off.
            IpAddr::V6(address) => address.octets().get(7).copied(),
        };
        let shard = self.by_address.get(usize::from(last?) % SHARDS)?;
        // A count stays right even if a thread died while it held the lock: each change is a single step.
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.admission.all.fetch_sub(1, Ordering::Relaxed);
        let Some(mut counts) = self.admission.shard(self.address) else { return };
        if let Some(count) = counts.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// What counts as one address: an IPv6 client owns a /64 (RFC 6177), so all of it is one.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_capped_per_address_and_in_total_and_given_back() {
        let admission = Arc::new(Admission::default());
        let here: IpAddr = "192.0.2.1".parse().unwrap();
        let there: IpAddr = "192.0.2.2".parse().unwrap();
        let first = admission.admit(here, 3, 2).unwrap();
        let _second = admission.admit(here, 3, 2).unwrap();
        assert!(admission.admit(here, 3, 2).is_none(), "third from one address");
        let _third = admission.admit(there, 3, 2).unwrap();
        assert!(admission.admit(there, 3, 2).is_none(), "fourth in all");
        drop(first);
        let _again = admission.admit(here, 3, 2).unwrap();
        assert_eq!(admission.all.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn nothing_is_remembered_of_addresses_that_left() {
        let admission = Arc::new(Admission::default());
        for last in 0..=255 {
            drop(admission.admit(IpAddr::from([198, 51, 100, last]), 1, 1).unwrap());
        }
        assert!(admission.by_address.iter().all(|shard| shard.lock().unwrap().is_empty()));
        assert!(admission.admit(IpAddr::from([198, 51, 100, 1]), 1, 0).is_none());
        assert!(admission.by_address.iter().all(|shard| shard.lock().unwrap().is_empty()));
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let admission = Arc::new(Admission::default());
        let _seat = admission.admit("2001:db8:1:2::1".parse().unwrap(), 9, 1).unwrap();
        assert!(admission.admit("2001:db8:1:2:ffff::7".parse().unwrap(), 9, 1).is_none());
        assert!(admission.admit("2001:db8:1:3::1".parse().unwrap(), 9, 1).is_some());
    }
}
