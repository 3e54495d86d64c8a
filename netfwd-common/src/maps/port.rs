//! Ports: what attaches an interface to a network.

use super::{flags, plain};
use crate::addr::{Addr, Mac};

/// How a frame is handed to an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Deliver {
    /// Transmit on it: tap, physical, or a veth whose other end shares its namespace.
    Transmit = 0,
    /// `bpf_redirect_peer`: a veth whose other end is in another network namespace; the helper drops
    /// where both ends share one (net/core/filter.c, `skb_do_redirect`).
    Peer = 1,
    /// Receive on it: the gateway device, behind which the host's stack stands.
    Receive = 2,
}

impl Deliver {
    /// The mode with this number; an unknown one transmits, which is right for every interface.
    #[inline(always)]
    pub const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Peer,
            2 => Self::Receive,
            _ => Self::Transmit,
        }
    }
}

flags! {
    /// Properties of a port.
    PortFlags: u32 {
        /// Sources are learned.
        LEARNING = 1;
        /// Reaches only ports that are not isolated.
        ISOLATED = 1 << 1;
        /// Unknown unicast is flooded to this port.
        UNKNOWN_UNICAST = 1 << 2;
        /// The network's end of the gateway's pair: the host's own frames come in here.
        GATEWAY = 1 << 3;
        /// The receiver takes frames redirected by XDP (its other end has GRO or an XDP program).
        XDP_TARGET = 1 << 4;
        /// Tags are read: a tagged frame's VLAN is looked up in `vlans`. Otherwise tags are payload. On
        /// a peer's flood target: it takes every VLAN, tagged but for the network's own.
        VLAN = 1 << 5;
        /// Untagged frames are taken, as of the port's `vlan`.
        UNTAGGED = 1 << 6;
        /// Frames of the port's own `vlan` leave with their tag all the same.
        TAG_NATIVE = 1 << 7;
        /// Sources must be in `bindings`; what a server or router alone sends is refused.
        ANTI_SPOOF = 1 << 8;
        /// A port without given addresses: the first source of each kind is bound to it.
        FIRST_SEEN = 1 << 9;
        /// Answers of a DHCP server and router advertisements are taken from here.
        SERVER = 1 << 10;
        /// No bridge stands behind it: a BPDU shuts it.
        EDGE = 1 << 11;
        /// Frames may leave by the port that they came in by (VEPA's reflective relay).
        HAIRPIN = 1 << 12;
        /// An interface towards the outside network whose own address stays with the host's stack.
        OUTSIDE = 1 << 13;
        /// A multicast router stands behind it: it takes every group.
        ROUTER = 1 << 14;
        /// `storm_rate` holds for it.
        STORM = 1 << 15;
        /// Its network answers ARP and ND from `neighbours`.
        SUPPRESSION = 1 << 16;
    }
}

/// Value of `ports`, by ifindex.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Port {
    /// How long a learned FDB entry of its network lives unrefreshed, in nanoseconds. This and the
    /// gateway's MAC stand here as well as in `networks`, so that a frame between two ports needs no
    /// look there.
    pub ageing_ns: u64,
    /// The network it belongs to.
    pub network: u32,
    /// Its counters in that network.
    pub slot: u32,
    /// Its properties.
    pub flags: PortFlags,
    /// How frames reach it: a [`Deliver`].
    pub deliver: u8,
    /// A [`PortState`]; the programs write it.
    pub state: u8,
    /// VLAN of its untagged frames: access or native; 0 for the network's untagged frames.
    pub vlan: u16,
    /// Learned FDB entries that it may have, 0 for any number.
    pub max_learned: u32,
    /// Flooded frames a second that it may send, where `STORM` is set.
    pub storm_rate: u32,
    /// MAC of its network's gateway, zero without one.
    pub gateway_mac: Mac,
    /// Zero.
    pub pad: u16,
}
plain!(Port, 40);

/// Whether a port takes frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PortState {
    /// It does.
    Forwarding = 0,
    /// A BPDU came in on an edge port.
    ShutByBpdu = 1,
}

impl PortState {
    /// The state with this number; an unknown one is shut, which forwards nothing on a guess.
    #[inline(always)]
    pub const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Forwarding,
            _ => Self::ShutByBpdu,
        }
    }

    /// As users read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forwarding => "forwarding",
            Self::ShutByBpdu => "shut-by-bpdu",
        }
    }
}

/// Key of `vlans`: a tag on a port's wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct VlanKey {
    /// The port's interface.
    pub ifindex: u32,
    /// The VLAN identifier of the tag, 1 to 4094.
    pub vid: u16,
    /// Zero.
    pub pad: u16,
}
plain!(VlanKey, 8);

/// Value of `vlans`: where frames with the tag belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Vlan {
    /// The network; a trunk may carry several.
    pub network: u32,
    /// Counters of the port in that network.
    pub slot: u32,
    /// The VLAN in that network.
    pub vlan: u16,
    /// The tag with which frames of it leave by the port, 0 for none.
    pub tag: u16,
}
plain!(Vlan, 12);

/// What kind of source address a binding allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum BindingKind {
    /// A MAC, in the first six octets of the address.
    Mac = 1,
    /// An IPv4 address, which ARP may name as well.
    Ipv4 = 2,
    /// A link-local IPv6 address.
    Ipv6LinkLocal = 3,
    /// Any other IPv6 address.
    Ipv6 = 4,
}

/// Key of `bindings`: a source that a port with `ANTI_SPOOF` may use; the value is when it was bound,
/// CLOCK_MONOTONIC in nanoseconds, 0 where it was given. A key with an unspecified address says that
/// the first source of its kind has been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct BindingKey {
    /// The port's interface.
    pub ifindex: u32,
    /// A [`BindingKind`].
    pub kind: u32,
    /// The address.
    pub address: Addr,
}
plain!(BindingKey, 24);
