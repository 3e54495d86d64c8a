//! What a configuration says of its networks, after validation: every value is in range and nothing
//! overlaps.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use netfwd_common::addr::Mac;

use super::{Floating, Masquerade, PeerAt, Place, Publish};

/// `[[network]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its VNI; absent: it stays on this host.
    pub vni: Option<u32>,
    /// Its MTU; absent: the underlay's less the encapsulation.
    pub mtu: Option<u32>,
    /// How it learns and floods.
    pub switch: Switch,
    /// Other hosts' VTEPs.
    pub peers: Vec<Peer>,
    /// The multicast group by which it floods.
    pub group: Option<(IpAddr, Place)>,
    /// The VTEP that its peers of that family see; absent: the nearest of their family.
    pub vtep: Option<(IpAddr, Place)>,
    /// Whether VXLAN from an address that is no peer is accepted; absent: where it has a group, or as
    /// the instance.
    pub accept_unknown: Option<bool>,
    /// Its gateway.
    pub gateway: Option<Gateway>,
    /// Its ports.
    pub ports: Vec<Port>,
    /// Its published ports.
    pub publishes: Vec<Publish>,
    /// Its floating addresses.
    pub floatings: Vec<Floating>,
    /// Its static FDB entries.
    pub fdb: Vec<FdbEntry>,
    /// Its static neighbours.
    pub neighbours: Vec<Neighbour>,
    /// Where it stands.
    pub place: Place,
}

/// A peer of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address, and its UDP port where that is one of its own.
    pub at: PeerAt,
    /// Where it stands.
    pub place: Place,
}

/// How a network learns and floods.
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Its own VLAN: the default of its ports, its gateway's, and the one that goes over the overlay
    /// untagged; absent: untagged frames have none.
    pub vlan: Option<u16>,
    /// How long a learned FDB entry lives unrefreshed.
    pub ageing: Duration,
    /// Whether sources are learned.
    pub learning: bool,
    /// Whether unknown unicast is flooded.
    pub unknown_unicast: bool,
    /// Learned FDB entries that each of its ports may have; 0 for any number.
    pub max_learned: u32,
    /// Learned FDB entries that it may have in all; 0 for any number.
    pub max_learned_total: u32,
    /// Flooded frames a second that each of its ports may send; 0 for any number.
    pub storm_control: u32,
    /// Whether ARP and ND are answered from the neighbours.
    pub arp_suppression: bool,
    /// Whether IP multicast goes to members and routers alone.
    pub multicast_snooping: bool,
    /// Whether netfwd asks for members where no router does.
    pub multicast_querier: bool,
}

impl Default for Switch {
    fn default() -> Self {
        Self {
            vlan: None,
            ageing: Duration::from_mins(5),
            learning: true,
            unknown_unicast: true,
            max_learned: 0,
            max_learned_total: 0,
            storm_control: 0,
            arp_suppression: false,
            multicast_snooping: true,
            multicast_querier: false,
        }
    }
}

/// `[network.gateway]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Name of the device that the host's stack sees.
    pub device: String,
    /// Its addresses.
    pub addresses: Vec<IpNet>,
    /// Its MAC; absent: derived from the network's name, the same on every host.
    pub mac: Option<Mac>,
    /// Source NAT of its subnets.
    pub masquerade: Masquerade,
    /// Where it stands.
    pub place: Place,
}

/// `[[network.port]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Which interface.
    pub at: PortAt,
    /// The station's MAC: set on the far end of a pair, and what `anti_spoof` allows.
    pub mac: Option<Mac>,
    /// The station's addresses: set on the far end of a pair, and what `anti_spoof` allows.
    pub addresses: Vec<IpNet>,
    /// What it takes and sends.
    pub options: PortOptions,
    /// Where it stands.
    pub place: Place,
}

/// What a port takes and sends.
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortOptions {
    /// VLAN of its untagged frames; absent: the network's, or none on a trunk.
    pub vlan: Option<u16>,
    /// VLANs that it takes and sends tagged.
    pub trunk: BTreeSet<u16>,
    /// Whether frames of `vlan` leave a trunk with their tag.
    pub tag_native: bool,
    /// Whether it reaches only ports that are not isolated.
    pub isolated: bool,
    /// Whether sources are learned; absent: as the network.
    pub learning: Option<bool>,
    /// Whether unknown unicast is flooded to it; absent: as the network.
    pub unknown_unicast: Option<bool>,
    /// Learned FDB entries that it may have, 0 for any number; absent: as the network.
    pub max_learned: Option<u32>,
    /// Flooded frames a second that it may send, 0 for any number; absent: as the network.
    pub storm_control: Option<u32>,
    /// Whether only the station's MAC and addresses may be sources.
    pub anti_spoof: bool,
    /// Whether a DHCP server or router stands behind it.
    pub server: bool,
    /// Whether no bridge may stand behind it.
    pub edge: bool,
    /// Whether frames may leave by the port that they came in by.
    pub hairpin: bool,
    /// Whether a multicast router stands behind it.
    pub multicast_router: bool,
    /// Whether the interface's own address stays with the host's stack; absent: unless it is a veth
    /// or a tap.
    pub outside: Option<bool>,
}

/// The interface of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortAt {
    /// An existing link in netfwd's namespace.
    Interface(String),
    /// A veth pair that netfwd makes.
    Pair(Pair),
    /// A tap that netfwd makes.
    Tap(Tap),
}

/// A veth pair that netfwd makes; all of this is about the end in the other namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Name of the namespace under /run/netns, or a path.
    pub netns: String,
    /// Name of the interface there.
    pub name: String,
    /// Whether it gets a default route to the gateway.
    pub default_route: bool,
}

/// A persistent tap that netfwd makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tap {
    /// Its name.
    pub name: String,
    /// How it is made.
    pub kind: TapKind,
}

/// How a tap is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TapKind {
    /// Whether it takes several queues (IFF_MULTI_QUEUE).
    pub multi_queue: bool,
    /// Whether frames have a virtio-net header before them (IFF_VNET_HDR), which carries offloads.
    pub vnet_header: bool,
    /// The user who may open it besides root; absent: root alone.
    pub owner: Option<u32>,
}

impl Default for TapKind {
    fn default() -> Self {
        Self {
            multi_queue: false,
            vnet_header: true,
            owner: None,
        }
    }
}

/// `[[network.fdb]]`: a static FDB entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FdbEntry {
    /// The station.
    pub mac: Mac,
    /// Its VLAN; absent: that of the port's untagged frames, else the network's.
    pub vlan: Option<u16>,
    /// Behind what it is.
    pub target: FdbTarget,
    /// Where it stands.
    pub place: Place,
}

/// Behind what a station is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FdbTarget {
    /// The port with this interface.
    Port(String),
    /// The peer with this address.
    Peer(IpAddr),
}

/// `[[network.neighbour]]`: a static neighbour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its address.
    pub ip: IpAddr,
    /// Its MAC.
    pub mac: Mac,
    /// Its VLAN; absent: the network's.
    pub vlan: Option<u16>,
    /// Where it stands.
    pub place: Place,
}
