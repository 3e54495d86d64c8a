//! A host that is only data: it takes actions and becomes what they say, and checks at every step
//! what the programs rely on.

mod entries;

use std::collections::{BTreeMap, BTreeSet};

use netfwd_common::addr::Addr;
use netfwd_common::maps::{
    FloodKey, Mapping, MappingKey, PeerFlags, PortState, Session, SessionKey,
};

use super::{Action, Gone, PairPeer};
use crate::desired::Desired;
use crate::naming;
use crate::observed::{Attached, HookAt, Inner, Link, Mode, Observed, VxlanLink};

/// The host.
#[derive(Clone, Debug, Default)]
pub struct Sim {
    /// What a plan sees of it.
    pub observed: Observed,
    /// The instance whose links carry its alias.
    pub instance: String,
    /// Sessions, both directions.
    pub sessions: BTreeMap<SessionKey, Session>,
    /// Mappings, both sides.
    pub mappings: BTreeMap<MappingKey, Mapping>,
    last_ifindex: u32,
}

impl Sim {
    /// A host with these links of somebody else.
    pub fn with_links<'a>(instance: &str, names: impl Iterator<Item = &'a str>) -> Self {
        let mut sim = Self {
            instance: instance.to_owned(),
            ..Self::default()
        };
        for name in names {
            let link = Link {
                ifindex: sim.next_ifindex(),
                mtu: 1500,
                up: true,
                ..Link::default()
            };
            sim.observed.links.insert(name.to_owned(), link);
        }
        sim
    }

    /// The ports that a BPDU shut.
    pub fn shut(&self) -> BTreeSet<u32> {
        let ports = self.observed.maps.ports.iter();
        let shut = ports.filter(|(_, port)| port.state == PortState::ShutByBpdu as u8);
        shut.map(|(ifindex, _)| *ifindex).collect()
    }

    /// The peers that are known to be down.
    pub fn down(&self) -> BTreeSet<Addr> {
        let peers = self.observed.maps.peers.iter();
        let down = peers.filter(|(_, peer)| peer.flags.has(PeerFlags::DOWN));
        down.map(|(address, _)| *address).collect()
    }

    fn next_ifindex(&mut self) -> u32 {
        self.last_ifindex += 1;
        self.last_ifindex
    }

    /// Applies a plan.
    pub fn apply(&mut self, actions: &[Action]) {
        for action in actions {
            self.step(action);
            self.flood_lists_have_no_holes();
        }
    }

    /// Applies a plan, and looks at its end alone.
    pub fn apply_at_once(&mut self, actions: &[Action]) {
        for action in actions {
            self.step(action);
        }
        self.flood_lists_have_no_holes();
    }

    /// Programs walk a flood list up to its length: an entry that is missing loses a target.
    fn flood_lists_have_no_holes(&self) {
        let maps = &self.observed.maps;
        for (&network, entry) in &maps.networks {
            for index in 0..entry.flood_len {
                let key = FloodKey { network, index };
                assert!(maps.flood.contains_key(&key), "{key:?} of {entry:?}");
            }
        }
    }

    fn step(&mut self, action: &Action) {
        match action {
            Action::Put(entry) => entries::put(&mut self.observed.maps, *entry),
            Action::Delete(key) => entries::delete(&mut self.observed.maps, *key),
            Action::Attach {
                at,
                ifindex,
                attach,
            } => {
                let attached = Attached {
                    ifindex: *ifindex,
                    mode: Mode::Tcx,
                    program: attach.program,
                    current: true,
                };
                self.observed.hooks.insert(at.clone(), attached);
            }
            Action::Detach { at } => self.detach(at),
            Action::AddNeighbour(neighbour) => {
                self.observed.neighbours.insert(neighbour.clone());
            }
            Action::RemoveNeighbour(neighbour) => {
                self.observed.neighbours.remove(neighbour);
            }
            Action::EndSessions(ended) => self.end_sessions(ended),
            Action::ZeroSlot(_) | Action::FlushFdb(_) | Action::FlushNeighbours(_) => {}
            other => self.device(other),
        }
    }

    fn end_sessions(&mut self, ended: &Gone) {
        let over = |(key, session): (&SessionKey, &Session)| {
            ended
                .ends(key, session)
                .then(|| [*key, key.opposite(session)])
        };
        let over: Vec<_> = self.sessions.iter().filter_map(over).flatten().collect();
        self.sessions.retain(|key, _| !over.contains(key));
        let mappings = &mut self.mappings;
        mappings.retain(|key, mapping| !ended.ends_mapping(key, mapping));
    }

    fn detach(&mut self, at: &HookAt) {
        assert!(
            self.observed.hooks.remove(at).is_some(),
            "{at:?} has nothing attached"
        );
    }

    fn device(&mut self, action: &Action) {
        match action {
            Action::CreatePair { name, mtu, peer } => self.pair(name, *mtu, peer),
            Action::CreateCompanion {
                name,
                port,
                source_ports,
            } => {
                let vxlan = VxlanLink {
                    port: *port,
                    external: true,
                    zero_checksum: true,
                    source_ports: *source_ports,
                };
                self.make(name, 65485);
                self.link(name).vxlan = Some(vxlan);
            }
            Action::DeleteLink { name } => self.delete_link(name),
            Action::SetMac { name, mac } => self.link(name).mac = *mac,
            Action::SetMtu { name, mtu } => self.link(name).mtu = *mtu,
            Action::CreateTap { name, kind } => {
                self.make(name, 1500);
                self.link(name).tap = Some(*kind);
            }
            Action::SetPromiscuous { ifindex, on } => {
                let mut links = self.observed.links.values_mut();
                let link = links.find(|link| link.ifindex == *ifindex);
                link.expect("a link").promiscuous = *on;
            }
            Action::JoinGroup { name, group } => {
                assert!(self.link(name).groups.insert(*group), "{group} is joined");
            }
            Action::LeaveGroup { name, group } => {
                assert!(
                    self.link(name).groups.remove(group),
                    "{group} is not joined"
                );
            }
            Action::SetUp { name } => self.link(name).up = true,
            Action::AddAddress { name, address } => self.link(name).addresses.push(*address),
            Action::RemoveAddress { name, address } => {
                self.link(name).addresses.retain(|known| known != address);
            }
            Action::SetSysctl {
                name,
                sysctl,
                value,
            } => {
                self.link(name).sysctls.insert(*sysctl, *value);
            }
            Action::SetInner { host, inner } => {
                self.observed.inner.insert(host.clone(), inner.clone());
            }
            other => panic!("{other:?} is no step of a device"),
        }
    }

    fn link(&mut self, name: &str) -> &mut Link {
        self.observed.links.get_mut(name).expect(name)
    }

    fn make(&mut self, name: &str, mtu: u32) {
        let link = Link {
            ifindex: self.next_ifindex(),
            alias: Some(naming::alias(&self.instance)),
            mtu,
            ..Link::default()
        };
        let old = self.observed.links.insert(name.to_owned(), link);
        assert!(old.is_none(), "{name} exists");
    }

    fn pair(&mut self, name: &str, mtu: u32, peer: &PairPeer) {
        self.make(name, mtu);
        match peer {
            PairPeer::Here(other) => self.make(other, mtu),
            PairPeer::Into { netns, name: end } => {
                let inner = Inner {
                    netns: netns.clone(),
                    name: end.clone(),
                    mac: Some([2; 6]),
                    mtu,
                    addresses: [].into(),
                    default_routes: [].into(),
                    gro: false,
                    up: false,
                };
                self.link(name).peer_in_other_netns = true;
                self.observed.inner.insert(name.to_owned(), inner);
            }
        }
    }

    fn delete_link(&mut self, name: &str) {
        self.observed.links.remove(name);
        self.observed.inner.remove(name);
    }

    /// Asserts that the host is what it should be, but for what the programs write themselves.
    pub fn is(&self, desired: &Desired) {
        let mut maps = self.observed.maps.clone();
        for port in maps.ports.values_mut() {
            port.state = PortState::Forwarding as u8;
        }
        assert_eq!(maps, desired.maps);
        let hooks: Vec<_> = self.observed.hooks.keys().collect();
        assert_eq!(hooks, desired.hooks.keys().collect::<Vec<_>>());
        assert_eq!(self.observed.neighbours, desired.neighbours);
        let ours = naming::alias(&self.instance);
        let links = self.observed.links.iter();
        let made = links.filter(|(_, link)| link.alias.as_ref() == Some(&ours));
        let made: Vec<_> = made.map(|(name, _)| name).collect();
        assert_eq!(made, desired.devices.keys().collect::<Vec<_>>());
    }
}
