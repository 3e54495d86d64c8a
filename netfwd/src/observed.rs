//! What is: links, hooks and the contents of the maps, as plain data.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use netfwd_common::addr::{Addr, Mac};
use netfwd_common::maps;

use crate::config::TapKind;

/// Everything that [`crate::plan`] compares with what should be.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Every link of the namespace netfwd runs in, by name.
    pub links: BTreeMap<String, Link>,
    /// The ends in other namespaces of the pairs that netfwd made, by the name of the end here.
    pub inner: BTreeMap<String, Inner>,
    /// Those of them that could not be looked at, and why: they may be there or not.
    pub unseen: BTreeMap<String, String>,
    /// What is attached by this instance.
    pub hooks: BTreeMap<HookAt, Attached>,
    /// Hooks that were optional and that the kernel or driver refused since this process started.
    pub refused: BTreeSet<HookAt>,
    /// Permanent or managed neighbours on this instance's gateway devices.
    pub neighbours: BTreeSet<Neighbour>,
    /// Contents of the maps.
    pub maps: MapState,
}

/// A link.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the kernel's"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub ifindex: u32,
    /// Its kind as rtnetlink names it (`veth`, `vxlan`, `bridge`, `tun` …); `None` for hardware.
    pub kind: Option<String>,
    /// IFLA_IFALIAS; `netfwd:INSTANCE` on what an instance made.
    pub alias: Option<String>,
    /// Its MAC.
    pub mac: Mac,
    /// Its MTU.
    pub mtu: u32,
    /// Administratively up.
    pub up: bool,
    /// It has a carrier.
    pub carrier: bool,
    /// IFF_LOOPBACK.
    pub loopback: bool,
    /// Its unicast addresses with global scope, in the order the kernel lists them.
    pub addresses: Vec<IpNet>,
    /// Those of them that cannot be used (yet): IPv6 looks first whether somebody else has them.
    pub tentative: BTreeSet<IpAddr>,
    /// The multicast groups that were joined on it by way of an address.
    pub groups: BTreeSet<IpAddr>,
    /// The IPv6 multicast groups that it is a member of, whoever joined them.
    pub members: BTreeSet<IpAddr>,
    /// A veth whose other end is in another network namespace (IFLA_LINK_NETNSID is present).
    pub peer_in_other_netns: bool,
    /// The ifindex of a veth's other end, in its own namespace.
    pub peer_ifindex: Option<u32>,
    /// UDP port and `external` of a vxlan device.
    pub vxlan: Option<VxlanLink>,
    /// How a tap was made.
    pub tap: Option<TapKind>,
    /// It takes frames for any MAC (IFF_PROMISC).
    pub promiscuous: bool,
    /// Values of the [`Sysctl`]s; read for links of this instance only.
    pub sysctls: BTreeMap<Sysctl, u8>,
}

/// A vxlan device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VxlanLink {
    /// UDP port.
    pub port: u16,
    /// Whether it takes its parameters from metadata.
    pub external: bool,
    /// Whether it takes and sends zero UDP checksums over IPv6 (RFC 6935).
    pub zero_checksum: bool,
    /// Lowest and highest UDP source port of what it sends.
    pub source_ports: (u16, u16),
}

/// A setting of one device, under /proc/sys/net.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sysctl {
    /// `ipv4/conf/DEV/forwarding`: bpf_fib_lookup wants it on its input device.
    Forwarding,
    /// `ipv6/conf/DEV/forwarding`: the same for IPv6.
    Forwarding6,
    /// `ipv4/conf/DEV/rp_filter`.
    RpFilter,
    /// `ipv4/conf/DEV/send_redirects`.
    SendRedirects,
    /// `ipv6/conf/DEV/disable_ipv6`.
    DisableIpv6,
}

impl Sysctl {
    /// Every setting.
    pub const ALL: [Self; 5] = [
        Self::Forwarding,
        Self::Forwarding6,
        Self::RpFilter,
        Self::SendRedirects,
        Self::DisableIpv6,
    ];

    /// The file of a device's setting.
    pub fn path(self, device: &str) -> String {
        let (family, name) = match self {
            Self::Forwarding => ("ipv4", "forwarding"),
            Self::Forwarding6 => ("ipv6", "forwarding"),
            Self::RpFilter => ("ipv4", "rp_filter"),
            Self::SendRedirects => ("ipv4", "send_redirects"),
            Self::DisableIpv6 => ("ipv6", "disable_ipv6"),
        };
        format!("/proc/sys/net/{family}/conf/{device}/{name}")
    }

    /// Whether a kernel without IPv6 has no such setting, and needs none.
    pub const fn is_of_ipv6(self) -> bool {
        matches!(self, Self::Forwarding6 | Self::DisableIpv6)
    }
}

/// The end of a pair in another namespace, as it should be and as it is. Of what it is, addresses and
/// default routes are those that netfwd set or should set: others are whose the namespace is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inner {
    /// Name of the namespace under /run/netns, or a path.
    pub netns: String,
    /// Name of the interface there.
    pub name: String,
    /// Its MAC; desired `None` leaves it.
    pub mac: Option<Mac>,
    /// Its MTU.
    pub mtu: u32,
    /// Its addresses with global scope.
    pub addresses: BTreeSet<IpNet>,
    /// Its default routes: the gateways.
    pub default_routes: BTreeSet<IpAddr>,
    /// Whether GRO is on, so that XDP can redirect to it.
    pub gro: bool,
    /// Administratively up.
    pub up: bool,
}

/// A hook of an interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HookAt {
    /// The interface.
    pub interface: String,
    /// The hook.
    pub hook: Hook,
}

/// Where a program can be attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// TC ingress.
    Ingress,
    /// TC egress.
    Egress,
    /// XDP.
    Xdp,
}

impl Hook {
    /// As pins name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
            Self::Xdp => "xdp",
        }
    }
}

/// A program of the data path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    /// Frames from a port.
    PortIngress,
    /// Packets from an uplink.
    UplinkIngress,
    /// Packets that the host's stack sends on an uplink.
    UplinkEgress,
    /// Frames that the companion decapsulated.
    OverlayIngress,
    /// The cache in front of `UplinkIngress`.
    UplinkXdp,
}

impl Program {
    /// Its name in the object.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PortIngress => "port_ingress",
            Self::UplinkIngress => "uplink_ingress",
            Self::UplinkEgress => "uplink_egress",
            Self::OverlayIngress => "overlay_ingress",
            Self::UplinkXdp => "uplink_xdp",
        }
    }
}

/// The mode in force of a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A TCX link.
    Tcx,
    /// A filter of the clsact qdisc.
    Clsact,
    /// XDP in the driver.
    XdpNative,
    /// XDP in the stack.
    XdpGeneric,
}

impl Mode {
    /// As users read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcx => "tcx",
            Self::Clsact => "clsact",
            Self::XdpNative => "xdp-native",
            Self::XdpGeneric => "xdp-generic",
        }
    }
}

/// What is attached to a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attached {
    /// The interface it is attached to; it differs from the link's when that was made anew.
    pub ifindex: u32,
    /// How.
    pub mode: Mode,
    /// Which program.
    pub program: Program,
    /// It is the program that this process loaded; otherwise an attach replaces it.
    pub current: bool,
}

/// A neighbour entry that netfwd keeps, so that bpf_fib_lookup finds the MAC.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Neighbour {
    /// The interface.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
    /// The MAC of a permanent entry; `None` for one that the kernel resolves and keeps
    /// (NTF_EXT_MANAGED, Linux 5.16).
    pub mac: Option<Mac>,
}

/// A prefix in `subnets`: bits (96 more for IPv4) and address.
pub type Prefix = (u32, Addr);

/// Contents of the maps: as they are, and as they should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapState {
    /// `config`, when it has been written.
    pub config: Option<maps::Config>,
    /// `ports`.
    pub ports: BTreeMap<u32, maps::Port>,
    /// `networks`.
    pub networks: BTreeMap<u32, maps::Network>,
    /// `vnis`.
    pub vnis: BTreeMap<u32, u32>,
    /// The static entries of `fdb`.
    pub fdb: BTreeMap<maps::FdbKey, maps::FdbEntry>,
    /// `flood`.
    pub flood: BTreeMap<maps::FloodKey, maps::FloodTarget>,
    /// `peers`.
    pub peers: BTreeMap<Addr, maps::Peer>,
    /// `members`.
    pub members: BTreeMap<maps::MemberKey, maps::Member>,
    /// `vteps`.
    pub vteps: BTreeMap<Addr, maps::Vtep>,
    /// `vxlan_ports`.
    pub vxlan_ports: BTreeMap<u32, u32>,
    /// `targets`.
    pub targets: BTreeMap<maps::TargetKey, maps::Target>,
    /// `floatings`.
    pub floatings: BTreeMap<maps::FloatingKey, maps::Floating>,
    /// `externals`.
    pub externals: BTreeMap<Addr, u32>,
    /// `pairs`.
    pub pairs: BTreeMap<maps::PairKey, u32>,
    /// `uplinks`.
    pub uplinks: BTreeMap<u32, maps::Uplink>,
    /// `locals`.
    pub locals: BTreeMap<Addr, u32>,
    /// `subnets`.
    pub subnets: BTreeMap<Prefix, maps::Subnet>,
    /// `publishes`.
    pub publishes: BTreeMap<maps::PublishKey, maps::Publish>,
    /// `vlans`.
    pub vlans: BTreeMap<maps::VlanKey, maps::Vlan>,
    /// `bindings`, those that the programs made included: when each was bound, 0 where it was given.
    pub bindings: BTreeMap<maps::BindingKey, u64>,
    /// The static entries of `neighbours`.
    pub neighbours: BTreeMap<maps::NeighbourKey, maps::Neighbour>,
}
