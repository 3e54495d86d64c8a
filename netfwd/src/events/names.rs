//! Numbers of events, turned into names.

use std::collections::BTreeMap;

use netfwd_common::addr::{Addr, UNSPECIFIED};
use netfwd_common::maps::{self, EventKind, FdbEntry, FdbKey, Opened};

use super::{Event, Kind, SessionEvent, time};
use crate::address::from_addr;
use crate::config::format_mac;
use crate::dataplane::maps::Ended;
use crate::ids::{Ids, Scope};

/// Names by number. What is gone keeps its name: an event about it may be on its way.
#[derive(Debug, Default)]
pub(super) struct Names {
    networks: BTreeMap<u32, String>,
    ports: BTreeMap<u32, String>,
}

impl Names {
    /// Takes in the names of what is in force now.
    pub(super) fn learn(&mut self, ids: &Ids, ports: &BTreeMap<u32, maps::Port>) {
        for (name, id) in &ids.networks {
            self.networks.insert(*id, name.clone());
        }
        let slots = ids.slots(Scope::Port).iter();
        let slots: BTreeMap<u32, &String> = slots.map(|(name, slot)| (*slot, name)).collect();
        for (ifindex, port) in ports {
            if let Some(name) = slots.get(&port.slot) {
                self.ports.insert(*ifindex, (*name).clone());
            }
        }
    }

    /// The network with an id.
    pub(super) fn network(&self, id: u32) -> String {
        let name = self.networks.get(&id);
        name.cloned().unwrap_or_else(|| format!("#{id}"))
    }

    /// The port on an interface; `None` for no interface.
    pub(super) fn port(&self, ifindex: u32) -> Option<String> {
        let name = self.ports.get(&ifindex);
        (ifindex != 0).then(|| name.cloned().unwrap_or_else(|| format!("#{ifindex}")))
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
