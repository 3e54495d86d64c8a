//! One network's querier.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use netfwd_common::multicast::is_local;

use super::ear::Ear;
use super::frames::{self, igmp_query, mld_query};
use crate::address::to_addr;
use crate::links::{Link, LinkError, packet};

/// Time between general queries.
const INTERVAL: Duration = Duration::from_secs(frames::INTERVAL as u64);
/// Queries that follow one another faster in the beginning, and how fast (RFC 3376 §8.6, §8.7).
const STARTUP_QUERIES: u32 = 2;
const STARTUP_INTERVAL: Duration = Duration::from_secs(frames::INTERVAL as u64 / 4);
/// How soon an address is looked for again where there is none: a new one is usable after a moment.
const RETRY: Duration = Duration::from_secs(5);
/// How often it is asked whether anybody still listens to a group (RFC 3376 §8.9).
const LAST_MEMBER_QUERIES: u32 = 2;
/// Groups that are asked about at the same time; leaves beyond wait for a member's time to run out.
const GROUPS: usize = 1024;
/// Every group, of IPv4 and IPv6.
const GENERAL: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    IpAddr::V6(Ipv6Addr::UNSPECIFIED),
];

/// Asks out of one gateway device.
#[derive(Debug)]
pub(super) struct Asker {
    device: Link,
    ear: Ear,
    general: BTreeMap<IpAddr, Asked>,
    /// Groups that somebody left, and how often it will yet be asked who still listens.
    groups: BTreeMap<IpAddr, u32>,
}

/// How often a general query was sent, and when it will be again.
#[derive(Clone, Copy, Debug)]
struct Asked {
    times: u32,
    next: Instant,
}

impl Asker {
    /// Begins to ask now.
    pub(super) fn new(device: Link, now: Instant) -> Result<Self, LinkError> {
        let asked = Asked {
            times: 0,
            next: now,
        };
        Ok(Self {
            ear: Ear::open(&device)?,
            device,
            general: GENERAL.map(|group| (group, asked)).into(),
            groups: BTreeMap::new(),
        })
    }

    /// The interface's number.
    pub(super) fn index(&self) -> u32 {
        self.device.index
    }

    /// Whether a general query is due, for which the device's addresses are to be looked up.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.general.values().any(|asked| asked.next <= now)
    }

    /// Takes over the device as it is now, and sends the general queries that are due.
    pub(super) fn ask(&mut self, device: Link, now: Instant) -> Result<(), LinkError> {
        self.device = device;
        for group in GENERAL {
            if self.general[&group].next <= now {
                let sent = self.send(group)?;
                self.note(group, sent, now);
            }
        }
        Ok(())
    }

    fn note(&mut self, group: IpAddr, sent: bool, now: Instant) {
        let times = self.general[&group].times + u32::from(sent);
        let wait = match times {
            _ if !sent => RETRY,
            ..STARTUP_QUERIES => STARTUP_INTERVAL,
            _ => INTERVAL,
        };
        let next = now + wait;
        self.general.insert(group, Asked { times, next });
    }

    /// Asks who still listens to the groups that were left; to be called once a second, which is the
    /// time between two such queries (RFC 3376 §8.8).
    pub(super) fn ask_again(&mut self) -> Result<(), LinkError> {
        for group in self.ear.left() {
            if !is_local(&to_addr(group)) && self.groups.len() < GROUPS {
                self.groups.entry(group).or_insert(LAST_MEMBER_QUERIES);
            }
        }
        for group in self.groups.keys() {
            self.send(*group)?;
        }
        self.groups.retain(|_, times| {
            *times -= 1;
            *times != 0
        });
        Ok(())
    }

    /// Sends a query, where the device has an address to send it from; IGMP does without (RFC 4541
    /// §2.1.1). Says whether it did.
    fn send(&self, group: IpAddr) -> Result<bool, LinkError> {
        let mac = self.device.mac.unwrap_or_default();
        let frame = match group {
            IpAddr::V4(group) => {
                let src = v4(&self.device).unwrap_or(Ipv4Addr::UNSPECIFIED);
                Some(igmp_query(mac, src, group))
            }
            IpAddr::V6(group) => {
                let src = link_local(&self.device);
                src.map(|src| mld_query(mac, src, group))
            }
        };
        if let Some(frame) = &frame {
            packet::send(self.device.index, frame)?;
        }
        Ok(frame.is_some())
    }
}

fn v4(link: &Link) -> Option<Ipv4Addr> {
    link.addresses
        .iter()
        .find_map(|address| match address.net.addr() {
            IpAddr::V4(v4) => Some(v4),
            IpAddr::V6(_) => None,
        })
}

fn link_local(link: &Link) -> Option<Ipv6Addr> {
    let mut usable = link.addresses.iter().filter(|address| address.usable);
    usable.find_map(|address| match address.net.addr() {
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some(v6),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{in_new_netns, pair};

    #[test]
    fn the_first_queries_follow_one_another_faster() {
        in_new_netns(|links| async move {
            pair(&links, "gw0", "far", 1500).await;
            let device = links.find("gw0").await.expect("a look");
            let now = Instant::now();
            let mut asker = Asker::new(device.expect("it is there"), now).expect("it listens");
            assert!(asker.is_due(now));
            let mut wait = |sent| {
                asker.note(GENERAL[1], sent, now);
                asker.general[&GENERAL[1]].next - now
            };
            let waits = [false, true, true, true].map(&mut wait);
            assert_eq!(waits, [RETRY, STARTUP_INTERVAL, INTERVAL, INTERVAL]);
        });
    }
}
