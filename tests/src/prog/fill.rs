//! The maps of a world as the loader would fill them.

use anyhow::Result;
use netfwd_common::{
    addr::{UNSPECIFIED, from_v4},
    maps::{
        Deliver, FdbEntry, FdbFlags, FloodKey, FloodTarget, Member, MemberKey, Neighbour,
        NeighbourFlags, NeighbourKey, Peer, Port, PortFlags, Publish, PublishFlags, PublishKey,
        Subnet, Target, TargetFlags, TargetKey, Uplink, Vtep, VtepFlags,
    },
    nat::proto,
};

use super::{
    GROUP, NETWORK, OTHER_PORT, PEER_V6, VNI, VTEP_V6, Wires, World, mac, slot, station,
    world::PEER,
};

impl World {
    /// Fills the maps of ports, peers and NAT.
    pub(super) fn fill(&mut self) -> Result<()> {
        self.ports()?;
        self.overlay()?;
        self.nat()
    }

    fn ports(&mut self) -> Result<()> {
        let network = self.network();
        let Wires {
            p1,
            p2,
            gateway,
            gateway_port,
            ..
        } = self.wires;
        let gateway_flags = PortFlags::GATEWAY.with(PortFlags::UNKNOWN_UNICAST);
        let of_gateway = Port {
            flags: gateway_flags,
            deliver: Deliver::Transmit as u8,
            ..Self::port(slot::GATEWAY)
        };
        let gateway_entry = FdbEntry {
            flags: FdbFlags::STATIC.with(FdbFlags::GATEWAY),
            deliver: Deliver::Receive as u8,
            ..station(gateway, slot::GATEWAY)
        };
        let mut tables = self.tables();
        tables.put("networks", &NETWORK, &network)?;
        tables.put("ports", &p1, &Self::port(slot::P1))?;
        tables.put("ports", &p2, &Self::port(slot::P2))?;
        tables.put("ports", &gateway_port, &of_gateway)?;
        tables.put("fdb", &Self::fdb_key(mac::GATEWAY), &gateway_entry)?;
        let key = NeighbourKey {
            network: NETWORK,
            vlan: 0,
            pad: 0,
            ip: from_v4([10, 0, 3, 1]),
        };
        let neighbour = Neighbour {
            last_seen_ns: 0,
            mac: mac::GATEWAY,
            flags: NeighbourFlags::STATIC.with(NeighbourFlags::GATEWAY),
        };
        tables.put("neighbours", &key, &neighbour)?;
        for (index, target) in (0..).zip(self.flood_list()) {
            self.tables().put(
                "flood",
                &FloodKey {
                    network: NETWORK,
                    index,
                },
                &target,
            )?;
        }
        Ok(())
    }

    fn flood_list(&self) -> [FloodTarget; 4] {
        let Wires {
            p1,
            p2,
            gateway,
            gateway_port,
            ..
        } = self.wires;
        let port = |ifindex, slot| FloodTarget {
            peer: UNSPECIFIED,
            ifindex,
            ingress_ifindex: ifindex,
            slot,
            flags: PortFlags::LEARNING.with(PortFlags::UNKNOWN_UNICAST),
            deliver: Deliver::Transmit as u8,
            ..FloodTarget::default()
        };
        let of_gateway = FloodTarget {
            ingress_ifindex: gateway_port,
            flags: PortFlags::GATEWAY,
            deliver: Deliver::Receive as u8,
            ..port(gateway, slot::GATEWAY)
        };
        let peer = FloodTarget {
            peer: PEER,
            flags: PortFlags::UNKNOWN_UNICAST,
            ..port(0, slot::PEER)
        };
        [port(p1, slot::P1), port(p2, slot::P2), of_gateway, peer]
    }

    fn overlay(&mut self) -> Result<()> {
        let peer = Peer {
            source: from_v4([172, 31, 0, 1]),
            companion_ifindex: self.wires.companion,
            slot: slot::PEER,
            port: 4789,
            ..Peer::default()
        };
        let peer_v6 = Peer {
            source: VTEP_V6,
            ..peer
        };
        let (companion, underlay) = (self.wires.companion, self.wires.underlay);
        let vtep = Vtep {
            ifindex: underlay,
            ..Vtep::default()
        };
        let group = Vtep {
            flags: VtepFlags::GROUP,
            ..vtep
        };
        let mut tables = self.tables();
        tables.put("vnis", &VNI, &NETWORK)?;
        tables.put("vteps", &VTEP_V6, &vtep)?;
        tables.put("vteps", &GROUP, &group)?;
        tables.put("vxlan_ports", &u32::from(OTHER_PORT), &companion)?;
        for (address, peer) in [(PEER, peer), (PEER_V6, peer_v6)] {
            let key = MemberKey {
                network: NETWORK,
                peer: address,
            };
            let member = Member {
                slot: slot::PEER,
                ..Member::default()
            };
            tables.put("peers", &address, &peer)?;
            tables.put("members", &key, &member)?;
        }
        Ok(())
    }

    fn nat(&mut self) -> Result<()> {
        let outside = from_v4([192, 168, 99, 1]);
        let Wires {
            underlay, uplink, ..
        } = self.wires;
        let mut tables = self.tables();
        let of_underlay = Uplink {
            address: from_v4([172, 31, 0, 1]),
            address_v6: UNSPECIFIED,
            slot: slot::UNDERLAY,
            mtu: 1500,
            mac: mac::UNDERLAY,
            pad: 0,
        };
        tables.put("uplinks", &underlay, &of_underlay)?;
        tables.put(
            "uplinks",
            &uplink,
            &Uplink {
                address: outside,
                address_v6: UNSPECIFIED,
                slot: slot::UPLINK,
                mtu: 1500,
                mac: mac::UPLINK,
                pad: 0,
            },
        )?;
        tables.put("locals", &outside, &uplink)?;
        tables.put("locals", &of_underlay.address, &underlay)?;
        let subnet = Subnet {
            source: UNSPECIFIED,
            sources: 0,
            network: NETWORK,
            masquerade: 1,
            pad: 0,
        };
        tables.put_subnet(24, from_v4([10, 0, 3, 0]), subnet)?;
        let listener = PublishKey {
            address: from_v4([0; 4]),
            port: 8080,
            proto: proto::TCP,
            pad: 0,
        };
        let to = Publish {
            network: NETWORK,
            group: 0,
            flags: PublishFlags::default(),
            targets: 1,
            offset: 0,
        };
        let target = Target {
            address: from_v4([10, 0, 3, 11]),
            port: 80,
            flags: TargetFlags::default(),
        };
        tables.put("targets", &TargetKey { group: 0, index: 0 }, &target)?;
        tables.put("publishes", &listener, &to)
    }
}
