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
}

impl Stage {
    /// Every stage, in the order of the indexes.
    pub const ALL: [Self; 5] = [
        Self::Guard,
        Self::Bridge,
        Self::Neighbour,
        Self::Multicast,
        Self::TooBig,
    ];

    /// Name of the program in the object.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Guard => "port_guard",
            Self::Bridge => "port_bridge",
            Self::Neighbour => "neighbour",
            Self::Multicast => "multicast",
            Self::TooBig => "too_big",
        }
    }
}
