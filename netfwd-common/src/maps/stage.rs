//! Stages in programs of their own, which others tail-call.

/// A stage that most frames do not need: its index in `stages`, a BPF program array, and the program
/// that stands there. A tail call starts with an empty stack, and what is not called costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Stage {
    /// What a guarded port admits: VLAN, bindings.
    Guard = 0,
    /// Learning and forwarding behind [`Stage::Guard`].
    Bridge = 1,
    /// ARP and ND.
    Neighbour = 2,
    /// IP multicast, where the network snoops.
    Multicast = 3,
    /// Telling a sender what fits.
    TooBig = 4,
    /// Packets to a gateway's MAC: translated, routed to another network, or the host's.
    Route = 5,
    /// Packets from outside that are no tunnel's.
    Outside = 6,
    /// What the host's stack sends out of an uplink.
    Leave = 7,
    /// Making the session of a flow's first packet; the stage that asked goes on behind it.
    Open = 8,
    /// ICMP errors about translated packets.
    IcmpError = 9,
    /// Fragments.
    Fragment = 10,
    /// ARP and ND for the outside addresses that are answered for on an uplink.
    External = 11,
}

impl Stage {
    /// How many there may be.
    pub const COUNT: usize = 12;

    /// Every stage that has a program.
    pub const ALL: &'static [Self] = &[
        Self::Guard,
        Self::Bridge,
        Self::Neighbour,
        Self::Multicast,
        Self::TooBig,
        Self::IcmpError,
        Self::Fragment,
        Self::External,
        Self::Route,
        Self::Outside,
        Self::Leave,
        Self::Open,
    ];

    /// Name of the program in the object.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Guard => "port_guard",
            Self::Bridge => "port_bridge",
            Self::Neighbour => "neighbour",
            Self::Multicast => "multicast",
            Self::TooBig => "too_big",
            Self::Route => "route",
            Self::Outside => "outside",
            Self::Leave => "leave",
            Self::Open => "open",
            Self::IcmpError => "icmp_error",
            Self::Fragment => "fragment",
            Self::External => "external",
        }
    }
}
