//! Numbers of events, turned into names.

use std::collections::{BTreeMap, VecDeque};

use netfwd_common::addr::{Addr, UNSPECIFIED};
use netfwd_common::maps::{self, EventKind, FdbEntry, FdbKey, Opened};

use super::{Event, Kind, SessionEvent, time};
use crate::address::from_addr;
use crate::config::format_mac;
use crate::dataplane::maps::Ended;
use crate::ids::{Ids, Scope, parts};

/// How many names of what is gone are kept: events about it may be on their way, and containers come and go
/// for as long as netfwd runs.
const GONE: usize = 4096;

/// Names by number.
#[derive(Debug, Default)]
pub(super) struct Names {
    networks: Recent,
    ports: Recent,
}

/// Names by number of what is there, and of what went last.
#[derive(Debug, Default)]
struct Recent {
    now: BTreeMap<u32, String>,
    /// The last to go is the last.
    gone: VecDeque<(u32, String)>,
}

impl Recent {
    fn become_that(&mut self, now: BTreeMap<u32, String>) {
        let before = std::mem::replace(&mut self.now, now);
        let before = before.into_iter();
        let lost = before.filter(|(number, _)| !self.now.contains_key(number));
        self.gone.extend(lost);
        let excess = self.gone.len().saturating_sub(GONE);
        self.gone.drain(..excess);
    }

    fn name(&self, number: u32) -> Option<String> {
        let mut gone = self.gone.iter().rev();
        let gone = || gone.find(|(old, _)| *old == number).map(|(_, name)| name);
        self.now.get(&number).or_else(gone).cloned()
    }
}

impl Names {
    /// Takes in the names of what is in force now.
    pub(super) fn learn(&mut self, ids: &Ids, ports: &BTreeMap<u32, maps::Port>) {
        let networks = ids.networks.iter();
        let networks = networks.map(|(name, id)| (*id, name.clone()));
        self.networks.become_that(networks.collect());
        let slots = ids.slots(Scope::Port).iter();
        let slots: BTreeMap<u32, &str> = slots.map(|(part, slot)| (*slot, parts(part).0)).collect();
        let name = |port: &maps::Port| Some((*slots.get(&port.slot)?).to_owned());
        let ports = ports.iter();
        let ports = ports.filter_map(|(ifindex, port)| Some((*ifindex, name(port)?)));
        self.ports.become_that(ports.collect());
    }

    /// The network with an id.
    pub(super) fn network(&self, id: u32) -> String {
        let name = self.networks.name(id);
        name.unwrap_or_else(|| format!("#{id}"))
    }

    /// The port on an interface; `None` for no interface.
    pub(super) fn port(&self, ifindex: u32) -> Option<String> {
        let name = || self.ports.name(ifindex);
        (ifindex != 0).then(|| name().unwrap_or_else(|| format!("#{ifindex}")))
    }

    /// An event of the programs; `None` where it is of a newer kind.
    pub(super) fn event(&self, event: &maps::Event) -> Option<Event> {
        let kind = match EventKind::from_number(event.kind)? {
            EventKind::Learned => Kind::Learned,
            EventKind::Moved => Kind::Moved,
            EventKind::Flapping => Kind::Flapping,
            EventKind::PortShut => Kind::PortShut,
            EventKind::LearnLimit => Kind::LearnLimit,
            // Its record is another one.
            EventKind::SessionNew => return None,
        };
        Some(Event {
            time: time::format(time::of_stamp(event.time_ns)),
            network: Some(self.network(event.network)),
            mac: Some(format_mac(&event.mac)),
            vlan: (event.vlan != 0).then_some(event.vlan),
            port: self.port(event.ifindex),
            peer: peer(&event.peer),
            old_port: self.port(event.old_ifindex),
            old_peer: peer(&event.old_peer),
            ..Event::now(kind)
        })
    }

    /// A session that was made.
    pub(super) fn opened(&self, opened: &Opened) -> Event {
        Event {
            time: time::format(time::of_stamp(opened.time_ns)),
            network: Some(self.network(opened.network)),
            session: Some(SessionEvent::opened(opened)),
            ..Event::now(Kind::SessionNew)
        }
    }

    /// A session that has ended.
    pub(super) fn ended(&self, ended: &Ended) -> Event {
        Event {
            network: Some(self.network(ended.session.network)),
            session: Some(SessionEvent::ended(ended)),
            ..Event::now(Kind::SessionClosed)
        }
    }

    /// A station that was forgotten.
    pub(super) fn aged(&self, key: &FdbKey, entry: &FdbEntry) -> Event {
        Event {
            network: Some(self.network(key.network)),
            mac: Some(format_mac(&key.mac)),
            vlan: (key.vlan != 0).then_some(key.vlan),
            port: self.port(entry.ifindex),
            peer: peer(&entry.peer),
            ..Event::now(Kind::Aged)
        }
    }
}

fn peer(address: &Addr) -> Option<String> {
    (*address != UNSPECIFIED).then(|| from_addr(address).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_remembered_for_a_while_and_no_longer() {
        let mut recent = Recent::default();
        for number in 0..3 * GONE as u32 {
            recent.become_that(BTreeMap::from([(number, format!("v{number}"))]));
        }
        let last = 3 * GONE as u32 - 1;
        assert_eq!(recent.name(last).as_deref(), Some("v12287"));
        assert_eq!(recent.name(last - 1).as_deref(), Some("v12286"));
        assert_eq!(recent.name(0), None);
        assert_eq!(recent.now.len() + recent.gone.len(), GONE + 1);
        recent.become_that(BTreeMap::from([(last - 1, "anew".into())]));
        assert_eq!(recent.name(last - 1).as_deref(), Some("anew"));
    }
}
