//! The way of a frame as the last one took it: what spares the next of its kind all lookups.

use super::plain;

/// The one value of `epoch`: what makes everything remembered void. Whoever changes what a remembered
/// way follows from counts here, *after* the change; what was looked up before was remembered with the
/// count before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Epoch {
    /// Changes by programs.
    pub programs: u32,
    /// Changes by the loader. It writes both and may undo a program's count; that change was before its own.
    pub loader: u32,
}
plain!(Epoch, 8);

/// Value of `express`, per CPU, by a hash of `ifindex` and the destination: a known station that sends
/// to a known one, from port to port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Express {
    /// The first 8 octets of the frame, in memory order: the destination and the start of the source.
    pub head: u64,
    /// The next 4: the rest of the source.
    pub tail: u32,
    /// The port's interface; 0 in an element that was never written.
    pub ifindex: u32,
    /// The epoch in which it was looked up.
    pub epoch: u64,
    /// When it was looked up, in jiffies.
    pub since: u64,
    /// The port's counters.
    pub rx_slot: u32,
    /// The destination's counters.
    pub tx_slot: u32,
    /// The destination's interface.
    pub target: u32,
    /// How it takes frames: a [`super::Deliver`].
    pub deliver: u32,
    /// Zero.
    pub pad: [u64; 2],
}
plain!(Express, 64);
