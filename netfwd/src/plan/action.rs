//! The steps of a plan.

use std::net::IpAddr;

use ipnet::IpNet;
use netfwd_common::addr::{Addr, Mac};
use netfwd_common::maps;

use super::Gone;
use crate::config::TapKind;
use crate::desired::Attach;
use crate::observed::{HookAt, Inner, Neighbour, Prefix, Sysctl};

/// One step. Applying it twice is the same as applying it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Makes a veth pair, with the instance's alias on the ends in this namespace, both ends down.
    CreatePair {
        /// The end in this namespace.
        name: String,
        /// MTU of both ends.
        mtu: u32,
        /// The other end.
        peer: PairPeer,
    },
    /// Makes the companion: a vxlan device with `external`, the alias and no address generation.
    CreateCompanion {
        /// Its name.
        name: String,
        /// UDP port.
        port: u16,
        /// Lowest and highest UDP source port of what it sends.
        source_ports: (u16, u16),
    },
    /// Makes a persistent tap with the instance's alias, down and without address generation.
    CreateTap {
        /// Its name.
        name: String,
        /// How it is made.
        kind: TapKind,
    },
    /// Deletes a link that the instance made.
    DeleteLink {
        /// Its name.
        name: String,
    },
    /// Sets the MAC of a link that the instance made.
    SetMac {
        /// The link.
        name: String,
        /// The MAC.
        mac: Mac,
    },
    /// Sets the MTU of a link that the instance made.
    SetMtu {
        /// The link.
        name: String,
        /// The MTU.
        mtu: u32,
    },
    /// Sets a link that the instance made up.
    SetUp {
        /// The link.
        name: String,
    },
    /// Sets whether an interface takes frames for any MAC (IFF_PROMISC).
    SetPromiscuous {
        /// The interface, whatever its name; that it is gone is no error.
        ifindex: u32,
        /// Whether it does.
        on: bool,
    },
    /// Joins a multicast group on an interface by way of an address.
    JoinGroup {
        /// The interface.
        name: String,
        /// The group.
        group: IpAddr,
    },
    /// Leaves a multicast group that was joined so.
    LeaveGroup {
        /// The interface; that it is gone is no error.
        name: String,
        /// The group.
        group: IpAddr,
    },
    /// Adds an address.
    AddAddress {
        /// The link.
        name: String,
        /// The address.
        address: IpNet,
    },
    /// Removes an address.
    RemoveAddress {
        /// The link.
        name: String,
        /// The address.
        address: IpNet,
    },
    /// Writes a setting of a link that the instance made.
    SetSysctl {
        /// The link.
        name: String,
        /// The setting.
        sysctl: Sysctl,
        /// Its value.
        value: u8,
    },
    /// Makes the inner end of a pair as given: MAC, MTU, addresses, up, default routes, GRO.
    SetInner {
        /// The end in this namespace.
        host: String,
        /// What the inner end should be.
        inner: Inner,
    },
    /// Keeps a neighbour.
    AddNeighbour(Neighbour),
    /// Drops a neighbour.
    RemoveNeighbour(Neighbour),
    /// Attaches a program, or replaces the one that is attached, without a gap.
    Attach {
        /// Where.
        at: HookAt,
        /// Ifindex of the interface.
        ifindex: u32,
        /// What.
        attach: Attach,
    },
    /// Detaches what is attached, and removes its pin.
    Detach {
        /// Where.
        at: HookAt,
    },
    /// Writes a map entry.
    Put(Entry),
    /// Deletes a map entry; that it is absent is no error.
    Delete(EntryKey),
    /// Deletes the learned and sticky FDB entries that match.
    FlushFdb(FdbFilter),
    /// Deletes the learned neighbours that match.
    FlushNeighbours(NeighbourFilter),
    /// Deletes the sessions and mappings that use what is no more, both directions.
    EndSessions(Box<Gone>),
    /// Zeroes the counters and drops of a slot.
    ZeroSlot(u32),
}

impl Action {
    /// Whether it makes a device. A plan that has such a step has nothing else, but for what is in the way.
    pub const fn makes(&self) -> bool {
        matches!(
            self,
            Self::CreatePair { .. } | Self::CreateCompanion { .. } | Self::CreateTap { .. }
        )
    }

    /// The interface here of the port that alone suffers when the step fails, where it reaches into a
    /// container's namespace: who has that can make it fail.
    pub fn port_alone(&self) -> Option<&str> {
        match self {
            Self::CreatePair {
                name,
                peer: PairPeer::Into { .. },
                ..
            } => Some(name),
            Self::SetInner { host, .. } => Some(host),
            _ => None,
        }
    }
}

/// The other end of a new pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PairPeer {
    /// A device in the same namespace.
    Here(String),
    /// An interface in another one.
    Into {
        /// Name of the namespace under /run/netns, or a path.
        netns: String,
        /// Name of the interface there.
        name: String,
    },
}

/// A map entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// `config`.
    Config(maps::Config),
    /// `ports`.
    Port(u32, maps::Port),
    /// `networks`.
    Network(u32, maps::Network),
    /// `vnis`.
    Vni(u32, u32),
    /// `fdb`.
    Fdb(maps::FdbKey, maps::FdbEntry),
    /// `flood`.
    Flood(maps::FloodKey, maps::FloodTarget),
    /// `peers`.
    Peer(Addr, maps::Peer),
    /// `members`.
    Member(maps::MemberKey, maps::Member),
    /// `vteps`.
    Vtep(Addr, maps::Vtep),
    /// `vxlan_ports`.
    VxlanPort(u32, u32),
    /// `targets`.
    Target(maps::TargetKey, maps::Target),
    /// `floatings`.
    Floating(maps::FloatingKey, maps::Floating),
    /// `externals`.
    External(Addr, u32),
    /// `pairs`.
    Pair(maps::PairKey, u32),
    /// `uplinks`.
    Uplink(u32, maps::Uplink),
    /// `locals`.
    Local(Addr, u32),
    /// `subnets`.
    Subnet(Prefix, maps::Subnet),
    /// `publishes`.
    Publish(maps::PublishKey, maps::Publish),
    /// `vlans`.
    Vlan(maps::VlanKey, maps::Vlan),
    /// `bindings`.
    Binding(maps::BindingKey, u64),
    /// `neighbours`.
    Neighbour(maps::NeighbourKey, maps::Neighbour),
}

/// The key of a map entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKey {
    /// `ports`.
    Port(u32),
    /// `networks`.
    Network(u32),
    /// `vnis`.
    Vni(u32),
    /// `fdb`.
    Fdb(maps::FdbKey),
    /// `flood`.
    Flood(maps::FloodKey),
    /// `peers`.
    Peer(Addr),
    /// `members`.
    Member(maps::MemberKey),
    /// `vteps`.
    Vtep(Addr),
    /// `vxlan_ports`.
    VxlanPort(u32),
    /// `targets`.
    Target(maps::TargetKey),
    /// `floatings`.
    Floating(maps::FloatingKey),
    /// `externals`.
    External(Addr),
    /// `pairs`.
    Pair(maps::PairKey),
    /// `uplinks`.
    Uplink(u32),
    /// `locals`.
    Local(Addr),
    /// `subnets`.
    Subnet(Prefix),
    /// `publishes`.
    Publish(maps::PublishKey),
    /// `vlans`.
    Vlan(maps::VlanKey),
    /// `bindings`.
    Binding(maps::BindingKey),
    /// `neighbours`.
    Neighbour(maps::NeighbourKey),
}

/// Which FDB entries; what is absent matches all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FdbFilter {
    /// Of this network.
    pub network: Option<u32>,
    /// Behind the port with this ifindex.
    pub ifindex: Option<u32>,
    /// Behind this peer.
    pub peer: Option<Addr>,
    /// This station.
    pub mac: Option<Mac>,
    /// In this VLAN.
    pub vlan: Option<u16>,
}

/// Which neighbours; what is absent matches all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NeighbourFilter {
    /// Of this network.
    pub network: Option<u32>,
    /// Whose MAC is behind the port with this ifindex.
    pub ifindex: Option<u32>,
    /// With this MAC.
    pub mac: Option<Mac>,
    /// In this VLAN.
    pub vlan: Option<u16>,
}
