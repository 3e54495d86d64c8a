//! What fixtures change of a world, and what they look at.

use anyhow::Result;
use netfwd_common::addr::UNSPECIFIED;
use netfwd_common::maps::{
    BindingKey, BindingKind, FloodKey, FloodTarget, Network, Port, PortFlags,
};

use super::{NETWORK, World, slot};

impl World {
    /// Changes port `p1`.
    pub fn set_p1(&mut self, change: impl FnOnce(&mut Port)) -> Result<()> {
        let ifindex = self.wires.p1;
        self.set_port(ifindex, slot::P1, change)
    }

    /// Changes port `p2`.
    pub fn set_p2(&mut self, change: impl FnOnce(&mut Port)) -> Result<()> {
        let ifindex = self.wires.p2;
        self.set_port(ifindex, slot::P2, change)
    }

    /// Gives `p1` more properties.
    pub fn flag_p1(&mut self, flags: PortFlags) -> Result<()> {
        self.set_p1(|port| port.flags = port.flags.with(flags))
    }

    fn set_port(&mut self, ifindex: u32, slot: u32, change: impl FnOnce(&mut Port)) -> Result<()> {
        let mut port = Self::port(slot);
        change(&mut port);
        self.tables().put("ports", &ifindex, &port)
    }

    /// Changes the network.
    pub fn set_network(&mut self, change: impl FnOnce(&mut Network)) -> Result<()> {
        let mut network = self.network();
        change(&mut network);
        self.tables().put("networks", &NETWORK, &network)
    }

    /// Changes the flood target with an index: `p1`, `p2`, the gateway, the peer.
    pub fn set_target(&mut self, index: u32, change: impl FnOnce(&mut FloodTarget)) -> Result<()> {
        let key = FloodKey {
            network: NETWORK,
            index,
        };
        let target = self.tables().get("flood", &key)?;
        let mut target: FloodTarget = target.expect("the world has it");
        change(&mut target);
        self.tables().put("flood", &key, &target)
    }

    /// Binds an address to `p1`.
    pub fn bind(&mut self, kind: BindingKind, octets: &[u8]) -> Result<()> {
        let key = self.binding(kind, octets);
        self.tables().put("bindings", &key, &0u64)
    }

    /// Has it bound no more; whoever does so renews what is remembered.
    pub fn unbind(&mut self, kind: BindingKind, octets: &[u8]) -> Result<()> {
        let key = self.binding(kind, octets);
        self.tables().remove_unnoticed::<_, u64>("bindings", &key)
    }

    fn binding(&self, kind: BindingKind, octets: &[u8]) -> BindingKey {
        let mut address = UNSPECIFIED;
        address.octets[..octets.len()].copy_from_slice(octets);
        BindingKey {
            ifindex: self.wires.p1,
            kind: kind as u32,
            address,
        }
    }

    /// How many frames went to `p1`, `p2`, the gateway and the peer.
    pub fn sent(&mut self) -> Result<[u64; 4]> {
        let slots = [slot::P1, slot::P2, slot::GATEWAY, slot::PEER];
        let mut sent = [0; 4];
        for (count, slot) in sent.iter_mut().zip(slots) {
            *count = self.counters(slot)?.tx_packets;
        }
        Ok(sent)
    }
}
