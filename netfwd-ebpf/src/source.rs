//! Where a frame came into its network.

use netfwd_common::{
    addr::{Addr, UNSPECIFIED, words},
    maps::{Deliver, FdbEntry, FdbFlags, Network, NetworkFlags, Port, PortFlags},
};

/// Where a frame came into its network.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Source {
    /// The network.
    pub network: u32,
    /// The port's interface; 0 for a peer or the router.
    pub ifindex: u32,
    /// The peer; unspecified for a port or the router.
    pub peer: Addr,
    /// Counters of the port or peer.
    pub slot: u32,
    /// Properties of the port.
    pub flags: PortFlags,
    /// The VLAN of the network.
    pub vlan: u16,
    /// The 802.1Q tag with which frames go back to where this one came from, 0 for none.
    pub tag: u16,
    /// The tag control information that the frame had, 0 for none: its priority is kept.
    pub tci: u16,
    /// How frames reach the port: what its stations' FDB entries say.
    pub deliver: u8,
    /// What stages before have done for the next: [`FLOW_STATED`], [`OPENED`].
    pub stated: u8,
}

/// The flow stands in the scratch: the packet is a fragment.
pub const FLOW_STATED: u8 = 1;
/// A session was made for the packet.
pub const OPENED: u8 = 2;

impl Source {
    /// A port.
    #[inline(always)]
    pub fn port(ifindex: u32, port: &Port) -> Self {
        Self {
            network: port.network,
            ifindex,
            peer: UNSPECIFIED,
            slot: port.slot,
            flags: port.flags,
            vlan: port.vlan,
            tag: 0,
            tci: 0,
            deliver: port.deliver,
            stated: 0,
        }
    }

    /// A peer, whose stations are learned where the network learns.
    #[inline(always)]
    pub fn peer(network_id: u32, network: &Network, peer: Addr, slot: u32) -> Self {
        let learning = network.flags.has(NetworkFlags::LEARNING);
        Self {
            peer,
            flags: PortFlags::default().with_if(PortFlags::LEARNING, learning),
            ..Self::router(network_id, network, slot)
        }
    }

    /// The router: a packet that NAT brought in from outside.
    #[inline(always)]
    pub fn router(network_id: u32, network: &Network, slot: u32) -> Self {
        Self {
            network: network_id,
            ifindex: 0,
            peer: UNSPECIFIED,
            slot,
            flags: PortFlags::default(),
            vlan: network.vlan,
            tag: 0,
            tci: 0,
            deliver: Deliver::Transmit as u8,
            stated: 0,
        }
    }

    /// An uplink: a packet from outside, or one that the host's stack sends there.
    #[inline(always)]
    pub const fn uplink(slot: u32) -> Self {
        Self {
            network: 0,
            ifindex: 0,
            peer: UNSPECIFIED,
            slot,
            flags: PortFlags { bits: 0 },
            vlan: 0,
            tag: 0,
            tci: 0,
            deliver: Deliver::Transmit as u8,
            stated: 0,
        }
    }

    /// Whether the frame comes from the router or an uplink: from no station.
    #[inline(always)]
    pub fn is_router(&self) -> bool {
        self.ifindex == 0 && !self.is_peer()
    }

    /// Whether the frame came over the overlay.
    #[inline(always)]
    pub fn is_peer(&self) -> bool {
        self.ifindex == 0 && words(&self.peer)[3] != 0
    }

    /// Whether the frame came from a port that is not the gateway's.
    #[inline(always)]
    pub fn is_station(&self) -> bool {
        self.ifindex != 0 && !self.flags.has(PortFlags::GATEWAY)
    }

    /// Whether a station was heard where this frame came from. A port's interface is enough to tell it
    /// from others; addresses, which BPF compares octet by octet, tell peers apart.
    #[inline(always)]
    pub fn owns(&self, entry: &FdbEntry) -> bool {
        entry.ifindex == self.ifindex && (self.ifindex != 0 || entry.peer == self.peer)
    }

    /// What the entries of this source's stations say of their port.
    #[inline(always)]
    fn marks(&self) -> FdbFlags {
        FdbFlags::default()
            .with_if(FdbFlags::ISOLATED, self.flags.has(PortFlags::ISOLATED))
            .with_if(FdbFlags::XDP_TARGET, self.flags.has(PortFlags::XDP_TARGET))
    }

    /// Notes that the station was heard, and what has changed of its port since.
    #[inline(always)]
    pub fn stamp(&self, entry: &mut FdbEntry, now: u64) {
        let kind = FdbFlags::STATIC
            .with(FdbFlags::STICKY)
            .with(FdbFlags::GATEWAY);
        entry.flags = FdbFlags {
            bits: entry.flags.bits & kind.bits,
        }
        .with(self.marks());
        entry.deliver = self.deliver;
        entry.tag = self.tag;
        entry.last_seen_ns = now;
    }

    /// Makes `entry` a station's that was heard here; when and how often it moved is left as it is.
    #[inline(always)]
    pub fn claim(&self, entry: &mut FdbEntry, now: u64) {
        entry.peer = self.peer;
        entry.ifindex = self.ifindex;
        entry.slot = self.slot;
        entry.flags = FdbFlags::default();
        self.stamp(entry, now);
    }
}
