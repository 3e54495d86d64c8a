//! What the maps hold of a network's peers and of its group.

use std::net::IpAddr;

use netfwd_common::addr::UNSPECIFIED;
use netfwd_common::maps::{FloodTarget, Member, MemberKey, Peer, PeerFlags, PortFlags};

use super::underlay::Vtep;
use super::{Builder, DesiredError, Numbered};
use crate::address::{from_addr, to_addr};
use crate::config::Place;
use crate::naming;

/// Who is sent to.
struct Target<'a> {
    address: IpAddr,
    port: u16,
    flags: PeerFlags,
    place: &'a Place,
}

impl<'a> Builder<'a> {
    /// The peers of a network and its group, as flood targets.
    pub(super) fn peers(
        &mut self,
        network: &Numbered<'a>,
    ) -> Result<Vec<FloodTarget>, DesiredError> {
        let (config, own) = (network.config, self.config.vxlan.port);
        if let Some(vni) = config.vni {
            self.out.maps.vnis.insert(vni, network.id);
        }
        self.own_vtep(network);
        let peers = config.peers.iter().map(|peer| Target {
            address: peer.at.address,
            port: self.config.port_of(peer),
            flags: PeerFlags::default(),
            place: &peer.place,
        });
        let group = config.group.iter().map(|(group, place)| Target {
            address: *group,
            port: own,
            flags: PeerFlags::GROUP,
            place,
        });
        let all: Vec<Target<'_>> = peers.chain(group).collect();
        all.iter()
            .map(|target| self.peer(network, target))
            .collect()
    }

    /// Says where the network's VTEP is none of the host's.
    fn own_vtep(&mut self, network: &Numbered<'_>) {
        let known = self.vteps.first();
        if let (Some((vtep, place)), Some(known)) = (&network.config.vtep, known)
            && !self.vteps.iter().any(|known| known.address == *vtep)
        {
            let error = DesiredError::NotAVtep {
                vtep: *vtep,
                network: network.config.name.clone(),
                known: known.address,
                place: place.clone(),
            };
            self.lacking(error);
        }
    }

    /// Enters a peer or group.
    fn peer(
        &mut self,
        network: &Numbered<'a>,
        target: &Target<'_>,
    ) -> Result<FloodTarget, DesiredError> {
        let slot = self.peer_slot(network, target.address)?;
        let vtep = self.vtep_towards(network, target)?;
        let name = naming::companion(target.port, self.config.vxlan.port);
        let entry = Peer {
            source: vtep.map_or(UNSPECIFIED, |vtep| to_addr(vtep.address)),
            companion_ifindex: self.ifindex(&name).unwrap_or(0),
            slot,
            port: target.port,
            flags: target.flags,
            ..Peer::default()
        };
        self.enter(network, target, entry)?;
        if let (Some(vtep), true) = (vtep, target.flags.has(PeerFlags::GROUP)) {
            self.join(target.address, vtep);
        }
        Ok(flood_target(network, target, slot))
    }

    fn vtep_towards(
        &mut self,
        network: &Numbered<'a>,
        target: &Target<'_>,
    ) -> Result<Option<Vtep<'a>>, DesiredError> {
        let mut vteps = self.vteps.iter();
        if vteps.any(|vtep| vtep.address == target.address) {
            return Err(DesiredError::OwnPeer {
                peer: target.address,
                place: target.place.clone(),
            });
        }
        let vtep = self.towards(network.config, target.address);
        // Without any VTEP that is said once, not for every peer.
        if vtep.is_none() && !self.vteps.is_empty() {
            let error = DesiredError::NoVtepTowards {
                address: target.address,
                network: network.config.name.clone(),
                vteps: self.vteps.iter().map(|vtep| vtep.address).collect(),
                place: target.place.clone(),
            };
            self.lacking(error);
        }
        Ok(vtep)
    }

    /// Writes what is the same in all of its networks, and that it takes part in this one.
    fn enter(
        &mut self,
        network: &Numbered<'_>,
        target: &Target<'_>,
        entry: Peer,
    ) -> Result<(), DesiredError> {
        let peer = to_addr(target.address);
        if let Some(other) = self.out.maps.peers.insert(peer, entry)
            && other.source != entry.source
        {
            return Err(DesiredError::TwoVteps {
                peer: target.address,
                network: network.config.name.clone(),
                vtep: from_addr(&entry.source),
                other: from_addr(&other.source),
                place: target.place.clone(),
            });
        }
        let key = MemberKey {
            network: network.id,
            peer,
        };
        let member = Member {
            slot: entry.slot,
            ..Member::default()
        };
        self.out.maps.members.insert(key, member);
        Ok(())
    }
}

fn flood_target(network: &Numbered<'_>, target: &Target<'_>, slot: u32) -> FloodTarget {
    let unknown = network.config.switch.unknown_unicast;
    FloodTarget {
        peer: to_addr(target.address),
        slot,
        flags: PortFlags::default()
            .with_if(PortFlags::UNKNOWN_UNICAST, unknown)
            .with_if(PortFlags::VLAN, network.aware),
        ..FloodTarget::default()
    }
}
