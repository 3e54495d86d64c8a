//! What a configuration says, after validation: every value is in range and nothing overlaps.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use netfwd_common::addr::Mac;

use super::Place;

/// A whole configuration: the file with its `conf.d`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// `[host]`.
    pub host: Host,
    /// `[vxlan]`.
    pub vxlan: Vxlan,
    /// `[nat]`.
    pub nat: Nat,
    /// `[[network]]`, in the order of the files.
    pub networks: Vec<Network>,
}

/// `[host]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Name of the instance.
    pub name: Option<String>,
    /// Interfaces that face the underlay or the outside.
    pub uplinks: Vec<String>,
    /// This host's tunnel endpoint; absent: the first global address of the first uplink.
    pub vtep: Option<IpAddr>,
    /// The XDP cache on uplinks.
    pub xdp: XdpPolicy,
}

/// Whether uplinks get the XDP program, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum XdpPolicy {
    /// In the driver where it is a NIC that takes it.
    #[default]
    Auto,
    /// In the driver, or an error.
    Native,
    /// In the stack.
    Generic,
    /// Never.
    Off,
}

/// `[vxlan]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vxlan {
    /// UDP port.
    pub port: u16,
    /// Lowest and highest outer UDP source port.
    pub source_ports: (u16, u16),
    /// Outer TTL.
    pub ttl: u8,
    /// Outer TOS.
    pub tos: Tos,
    /// Whether outer UDP checksums are sent.
    pub udp_checksum: bool,
    /// Whether VXLAN from an address that is no peer is accepted.
    pub accept_unknown: bool,
}

impl Default for Vxlan {
    fn default() -> Self {
        Self {
            port: 4789,
            source_ports: (49152, 65535),
            ttl: 64,
            tos: Tos::Inherit,
            udp_checksum: false,
            accept_unknown: false,
        }
    }
}

/// The outer TOS octet; its ECN bits always follow RFC 6040.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tos {
    /// The inner header's.
    Inherit,
    /// This one.
    Fixed(u8),
}

/// `[nat]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nat {
    /// Lowest and highest l4 port that masquerade may use.
    pub ports: (u16, u16),
    /// `[nat.timeouts]`.
    pub timeouts: Timeouts,
}

impl Default for Nat {
    fn default() -> Self {
        Self {
            ports: (32768, 60999),
            timeouts: Timeouts::default(),
        }
    }
}

/// `[nat.timeouts]`: how long an idle session lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// UDP (RFC 4787 REQ-5).
    pub udp: Duration,
    /// TCP whose handshake is complete (RFC 5382 REQ-5).
    pub tcp_established: Duration,
    /// TCP that opens or closes (RFC 5382 REQ-5).
    pub tcp_transitory: Duration,
    /// ICMP queries (RFC 5508 REQ-2).
    pub icmp: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            udp: Duration::from_mins(5),
            tcp_established: Duration::from_mins(124),
            tcp_transitory: Duration::from_mins(4),
            icmp: Duration::from_mins(1),
        }
    }
}

/// `[[network]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its VNI; absent: it stays on this host.
    pub vni: Option<u32>,
    /// Its MTU; absent: the underlay's less the encapsulation.
    pub mtu: Option<u32>,
    /// How long a learned FDB entry lives unrefreshed.
    pub ageing: Duration,
    /// Whether sources are learned.
    pub learning: bool,
    /// Whether unknown unicast is flooded.
    pub unknown_unicast: bool,
    /// Other hosts' VTEPs.
    pub peers: Vec<(IpAddr, Place)>,
    /// Its gateway.
    pub gateway: Option<Gateway>,
    /// Its ports.
    pub ports: Vec<Port>,
    /// Its published ports.
    pub publishes: Vec<Publish>,
    /// Its static FDB entries.
    pub fdb: Vec<FdbEntry>,
    /// Where it stands.
    pub place: Place,
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

/// Source NAT of a network's subnets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Masquerade {
    /// None.
    #[default]
    Off,
    /// To the uplink's address.
    Uplink,
    /// To this address.
    To(IpAddr),
}

/// `[[network.port]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Which interface.
    pub at: PortAt,
    /// Whether it reaches only ports that are not isolated.
    pub isolated: bool,
    /// Whether sources are learned; absent: as the network.
    pub learning: Option<bool>,
    /// Whether unknown unicast is flooded to it; absent: as the network.
    pub unknown_unicast: Option<bool>,
    /// Where it stands.
    pub place: Place,
}

/// The interface of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortAt {
    /// An existing link in netfwd's namespace.
    Interface(String),
    /// A veth pair that netfwd makes.
    Pair(Pair),
}

/// A veth pair that netfwd makes; all of this is about the end in the other namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Name of the namespace under /run/netns, or a path.
    pub netns: String,
    /// Name of the interface there.
    pub name: String,
    /// Its MAC; absent: the kernel's choice.
    pub mac: Option<Mac>,
    /// Its addresses.
    pub addresses: Vec<IpNet>,
    /// Whether it gets a default route to the gateway.
    pub default_route: bool,
}

/// `[[network.publish]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// What is listened on.
    pub listen: Listen,
    /// The container's address.
    pub to: IpAddr,
    /// The container's l4 port for the first port listened on.
    pub to_port: u16,
    /// Where it stands.
    pub place: Place,
}

/// A listener: `[address:]port[-port]/proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listen {
    /// The address; absent: every address of this host.
    pub address: Option<IpAddr>,
    /// Lowest and highest l4 port.
    pub ports: (u16, u16),
    /// The protocol.
    pub proto: Proto,
}

/// A protocol with l4 ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proto {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// `[[network.fdb]]`: a static FDB entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FdbEntry {
    /// The station.
    pub mac: Mac,
    /// Behind what it is.
    pub target: FdbTarget,
    /// Where it stands.
    pub place: Place,
}

/// Behind what a station is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FdbTarget {
    /// The port with this interface.
    Port(String),
    /// The peer with this address.
    Peer(IpAddr),
}
