//! Counters, one copy a CPU.

use super::plain;

/// Value of `counters`, by slot. `rx` is what came from a port, peer or uplink; `tx` what went to it.
/// A segmentation-offloaded super-packet counts as one packet with all its octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Counters {
    /// Frames in.
    pub rx_packets: u64,
    /// Octets in.
    pub rx_bytes: u64,
    /// Frames out.
    pub tx_packets: u64,
    /// Octets out.
    pub tx_bytes: u64,
}
plain!(Counters, 32);

impl Counters {
    /// What both have counted.
    #[must_use]
    pub const fn plus(&self, other: &Self) -> Self {
        Self {
            rx_packets: self.rx_packets + other.rx_packets,
            rx_bytes: self.rx_bytes + other.rx_bytes,
            tx_packets: self.tx_packets + other.tx_packets,
            tx_bytes: self.tx_bytes + other.tx_bytes,
        }
    }
}

/// Key of `drops`; the value is a number of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct DropKey {
    /// Slot of the port, peer, network or uplink that the frame came from; 0 for none.
    pub slot: u32,
    /// A [`crate::verdict::DropReason`].
    pub reason: u32,
}
plain!(DropKey, 8);
