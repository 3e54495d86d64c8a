//! The querier: asks for the members of multicast groups in networks where no router does. Its queries
//! go out of the gateway device, so that the data path floods and hears them like any router's.

mod frames;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::config::{Config, Network};
use crate::links::{Link, LinkError, Links, packet};

/// Time between general queries.
const INTERVAL: Duration = Duration::from_secs(frames::INTERVAL as u64);
/// Queries that follow one another faster in the beginning, and how fast (RFC 3376 §8.6, §8.7).
const STARTUP_QUERIES: u32 = 2;
const STARTUP_INTERVAL: Duration = Duration::from_secs(frames::INTERVAL as u64 / 4);

/// How soon an address is looked for again where there is none: a new one is usable after a moment.
const RETRY: Duration = Duration::from_secs(5);

/// Asks in every network that wants it.
#[derive(Debug, Default)]
pub struct Querier {
    asked: BTreeMap<(String, Protocol), Asked>,
}

/// What is asked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Protocol {
    Igmp,
    Mld,
}

/// How often a network was asked, and when it will be again.
#[derive(Clone, Copy, Debug)]
struct Asked {
    times: u32,
    next: Instant,
}

impl Querier {
    /// Sends the queries that are due; to be called once a second.
    pub async fn tick(&mut self, config: &Config, links: &Links) -> Result<(), LinkError> {
        let asks = |network: &&Network| network.switch.multicast_querier;
        let networks: Vec<&Network> = config.networks.iter().filter(asks).collect();
        self.asked
            .retain(|(name, _), _| networks.iter().any(|network| network.name == *name));
        let now = Instant::now();
        let mut list = None;
        for network in networks {
            let Some(gateway) = &network.gateway else {
                continue;
            };
            for protocol in [Protocol::Igmp, Protocol::Mld] {
                let key = (network.name.clone(), protocol);
                if self.asked.get(&key).is_some_and(|asked| now < asked.next) {
                    continue;
                }
                let list = match &mut list {
                    Some(list) => list,
                    none => none.insert(links.list().await?),
                };
                let device = list.iter().find(|link| link.name == gateway.device);
                let sent = device.map(|link| ask(protocol, link)).transpose()?;
                self.note(key, sent == Some(true), now);
            }
        }
        Ok(())
    }

    fn note(&mut self, key: (String, Protocol), sent: bool, now: Instant) {
        let times = self.asked.get(&key).map_or(0, |asked| asked.times) + u32::from(sent);
        let wait = match times {
            _ if !sent => RETRY,
            ..STARTUP_QUERIES => STARTUP_INTERVAL,
            _ => INTERVAL,
        };
        let next = now + wait;
        self.asked.insert(key, Asked { times, next });
    }
}

/// Sends a general query out of a gateway device, where it has an address to send it from; IGMP does
/// without (RFC 4541 §2.1.1).
fn ask(protocol: Protocol, link: &Link) -> Result<bool, LinkError> {
    let mac = link.mac.unwrap_or_default();
    let frame = match protocol {
        Protocol::Igmp => {
            let src = v4(link).unwrap_or(Ipv4Addr::UNSPECIFIED);
            Some(frames::igmp_query(mac, src))
        }
        Protocol::Mld => link_local(link).map(|src| frames::mld_query(mac, src)),
    };
    if let Some(frame) = &frame {
        packet::send(link.index, frame)?;
    }
    Ok(frame.is_some())
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

    #[test]
    fn the_first_queries_follow_one_another_faster() {
        let mut querier = Querier::default();
        let now = Instant::now();
        let key = ("blue".to_owned(), Protocol::Mld);
        let mut wait = |sent| {
            querier.note(key.clone(), sent, now);
            querier.asked[&key].next - now
        };
        let waits = [false, true, true, true].map(&mut wait);
        assert_eq!(waits, [RETRY, STARTUP_INTERVAL, INTERVAL, INTERVAL]);
    }
}
