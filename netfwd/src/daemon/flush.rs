//! What changes the maps at once and is no state: FDB entries that age, and flushes.

use std::net::IpAddr;

use netfwd_common::maps::{self, FdbEntry, FdbFlags, FdbKey, MemberKey};

use super::{Core, CoreError};
use crate::address::to_addr;
use crate::api::{FdbQuery, SessionQuery};
use crate::apply::flush_sessions;
use crate::config::{FdbTarget, Network};
use crate::dataplane::maps::now_ns;
use crate::desired::fdb_flags;
use crate::ids::{Scope, part};
use crate::plan::{Action, Entry, EntryKey, FdbFilter};
use crate::runtime::{Change, ChangeError, FdbKind, FdbSpec, Object, Op};

impl Core {
    /// The actions of a change to an FDB entry that is no state, if it is one.
    pub(super) fn fdb_change(&self, change: &Change) -> Result<Option<Vec<Action>>, CoreError> {
        let Object::Fdb(spec) = &change.object else {
            return Ok(None);
        };
        let key = self.fdb_key(spec)?;
        let known = self.dataplane.maps().fdb.get(&key)?;
        let fixed = known.is_some_and(|entry| entry.flags.has(FdbFlags::STATIC));
        if known.is_some() && !fixed && change.op == Op::Add {
            return Err(ChangeError::Exists(spec.what()).into());
        }
        if known.is_some_and(|entry| entry.flags.has(FdbFlags::GATEWAY)) {
            let (mac, network) = (&spec.mac, &spec.network);
            let message = format!("{mac} is the gateway of network {network}; use another MAC");
            return Err(ChangeError::Bad(message).into());
        }
        if fixed || (spec.kind == FdbKind::Static && change.op != Op::Del) {
            return Ok(None);
        }
        match (change.op, known) {
            (Op::Del, Some(_)) => Ok(Some(vec![Action::Delete(EntryKey::Fdb(key))])),
            (Op::Del, None) => Ok(None),
            _ => Ok(Some(vec![Action::Put(Entry::Fdb(
                key,
                self.fdb_entry(spec)?,
            ))])),
        }
    }

    /// What is learned, or sticky, in the place of a static entry that a change takes out.
    pub(super) fn fdb_successor(&self, change: &Change) -> Result<Option<Action>, CoreError> {
        match &change.object {
            Object::Fdb(spec) if change.op == Op::Replace && spec.kind != FdbKind::Static => {
                let entry = Entry::Fdb(self.fdb_key(spec)?, self.fdb_entry(spec)?);
                Ok(Some(Action::Put(entry)))
            }
            _ => Ok(None),
        }
    }

    fn fdb_key(&self, spec: &FdbSpec) -> Result<FdbKey, CoreError> {
        Ok(FdbKey {
            network: self.network_id(&spec.network)?,
            vlan: self.fdb_vlan(spec)?,
            mac: spec.station()?,
        })
    }

    /// The VLAN that a command means; a deletion that names none means where the station is.
    fn fdb_vlan(&self, spec: &FdbSpec) -> Result<u16, CoreError> {
        let network = self.network(&spec.network)?;
        let aware = network.is_vlan_aware(&self.merged.shared());
        if spec.vlan.is_some() && !aware {
            let name = &spec.network;
            let message = format!("network {name} has no VLANs; leave --vlan out");
            return Err(ChangeError::Bad(message).into());
        }
        let named = spec.vlan.is_some() || spec.port.is_some() || spec.peer.is_some();
        if named || !aware {
            return Ok(spec.vlan_in(network)?);
        }
        let (id, mac) = (self.network_id(&spec.network)?, spec.station()?);
        let here = |key: &FdbKey, _: &FdbEntry| key.network == id && key.mac == mac;
        let found = self.dataplane.maps().fdb.matching(here)?;
        let mut vlans = found.keys().map(|key| key.vlan);
        match (vlans.next(), vlans.next()) {
            (Some(_), Some(_)) => {
                let what = spec.what();
                let message = format!("{what} is in several VLANs; say with --vlan which is meant");
                Err(ChangeError::Bad(message).into())
            }
            (vlan, _) => Ok(vlan.unwrap_or(network.own_vlan())),
        }
    }

    pub(super) fn network(&self, name: &str) -> Result<&Network, ChangeError> {
        let mut networks = self.merged.networks.iter();
        let network = networks.find(|network| network.name == name);
        network.ok_or_else(|| ChangeError::Absent(format!("network {name}")))
    }

    pub(super) fn network_id(&self, name: &str) -> Result<u32, ChangeError> {
        let id = self.ids.networks.get(name).copied();
        id.ok_or_else(|| ChangeError::Absent(format!("network {name}")))
    }

    /// An entry as if it had just been learned.
    fn fdb_entry(&self, spec: &FdbSpec) -> Result<FdbEntry, ChangeError> {
        let sticky = FdbFlags::default().with_if(FdbFlags::STICKY, spec.kind == FdbKind::Sticky);
        let entry = FdbEntry {
            last_seen_ns: now_ns(),
            flags: sticky,
            ..FdbEntry::default()
        };
        let target = spec.entry()?.target;
        let entry = match &target {
            FdbTarget::Peer(peer) => FdbEntry {
                peer: to_addr(*peer),
                slot: self.peer_slot(&spec.network, *peer)?,
                ..entry
            },
            FdbTarget::Port(name) => self.behind_port(&spec.network, name, entry)?,
        };
        let tag = self.tag(spec, &target)?;
        Ok(FdbEntry { tag, ..entry })
    }

    /// The tag by which frames of the entry's VLAN go to its target.
    fn tag(&self, spec: &FdbSpec, target: &FdbTarget) -> Result<u16, ChangeError> {
        let network = self.network(&spec.network)?;
        let vlan = spec.vlan_in(network)?;
        network.tag(target, vlan).ok_or_else(|| {
            let message =
                format!("{target} does not carry VLAN {vlan}; give --vlan one that it has");
            ChangeError::Bad(message)
        })
    }

    fn behind_port(
        &self,
        network: &str,
        name: &str,
        entry: FdbEntry,
    ) -> Result<FdbEntry, ChangeError> {
        let absent = || ChangeError::Absent(format!("port {name} of network {network}"));
        let (ifindex, port) = self.port(network, name).ok_or_else(absent)?;
        Ok(FdbEntry {
            ifindex,
            slot: port.slot,
            flags: entry.flags.with(fdb_flags(port.flags)),
            deliver: port.deliver,
            ..entry
        })
    }

    /// A port that is in force, with its ifindex, and the slot that it has in the network.
    fn port(&self, network: &str, name: &str) -> Option<(u32, maps::Port)> {
        let mut networks = self.merged.networks.iter();
        let network = networks.find(|known| known.name == network)?;
        let port = network.ports.iter().find(|port| port.is(name))?;
        let interface = port.interface();
        let slots: Vec<u32> = self.ids.slots_of(Scope::Port, &interface).collect();
        let mut ports = self.desired.maps.ports.iter();
        let (ifindex, port) = ports.find(|(_, port)| slots.contains(&port.slot))?;
        let own = self.ids.slots(Scope::Port);
        let own = own.get(&part(&interface, &network.name)).copied();
        let slot = own.unwrap_or(port.slot);
        Some((*ifindex, maps::Port { slot, ..*port }))
    }

    /// What a peer of a network counts in.
    fn peer_slot(&self, network: &str, peer: IpAddr) -> Result<u32, ChangeError> {
        let key = MemberKey {
            network: self.network_id(network)?,
            peer: to_addr(peer),
        };
        let member = self.desired.maps.members.get(&key);
        let absent = || ChangeError::Absent(format!("peer {peer} of network {network}"));
        Ok(member.ok_or_else(absent)?.slot)
    }

    /// Forgets the FDB entries that match, but for static ones.
    pub async fn flush_fdb(&mut self, query: &FdbQuery) -> Result<(), CoreError> {
        let filter = self.fdb_filter(query)?;
        self.apply(&[Action::FlushFdb(filter)]).await?;
        Ok(())
    }

    fn fdb_filter(&self, query: &FdbQuery) -> Result<FdbFilter, ChangeError> {
        let spec = FdbSpec {
            mac: query.mac.clone().unwrap_or_default(),
            ..FdbSpec::default()
        };
        if let Some(peer) = query.peer {
            let known = self.ids.has(Scope::Peer, &peer.to_string());
            known
                .then_some(())
                .ok_or_else(|| ChangeError::Absent(format!("peer {peer}")))?;
        }
        Ok(FdbFilter {
            network: query
                .network
                .as_deref()
                .map(|name| self.network_id(name))
                .transpose()?,
            ifindex: query
                .port
                .as_deref()
                .map(|name| self.any_port(name))
                .transpose()?,
            peer: query.peer.map(to_addr),
            mac: query.mac.as_ref().map(|_| spec.station()).transpose()?,
            vlan: query.vlan,
        })
    }

    pub(super) fn any_port(&self, name: &str) -> Result<u32, ChangeError> {
        let mut networks = self.merged.networks.iter();
        let found = networks.find_map(|network| self.port(&network.name, name));
        let found = found.map(|(ifindex, _)| ifindex);
        found.ok_or_else(|| ChangeError::Absent(format!("port {name}")))
    }

    /// Forgets the sessions that match; says how many.
    pub fn flush_sessions(&mut self, query: &SessionQuery) -> Result<usize, CoreError> {
        let filter = query.filter(&self.ids)?;
        Ok(flush_sessions(self.dataplane.maps_mut(), &filter)?)
    }
}
