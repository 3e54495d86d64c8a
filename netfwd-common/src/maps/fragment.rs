//! Fragments of datagrams: what their first said, and those that wait for it.

use super::plain;
use crate::{addr::Addr, fragment::HELD_OCTETS};

/// Key of `fragments`: what the fragments of a datagram share (RFC 791 §3.2, RFC 8200 §4.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct FragmentKey {
    /// Source address.
    pub src: Addr,
    /// Destination address.
    pub dst: Addr,
    /// The network that it comes from, 0 for the outside, [`crate::fragment::LEAVING`] for what the host's
    /// stack sends out of an uplink.
    pub network: u32,
    /// Identification.
    pub id: u32,
    /// IP protocol.
    pub proto: u8,
    /// Zero.
    pub pad: [u8; 3],
}
plain!(FragmentKey, 44);

/// Whose a datagram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FragmentKind {
    /// A flow's that may be translated.
    Flow = 0,
    /// The host's stack's to put together: a tunnel's, or ICMP that is no query.
    Host = 1,
}

/// Value of `fragments`: what the first fragment of a datagram said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Fragment {
    /// When it came, CLOCK_MONOTONIC in nanoseconds.
    pub noted_ns: u64,
    /// Source l4 port, as a session's key has it.
    pub src_port: u16,
    /// Destination l4 port.
    pub dst_port: u16,
    /// A [`FragmentKind`].
    pub kind: u8,
    /// Zero.
    pub pad: [u8; 3],
}
plain!(Fragment, 16);

/// Element of `held`: a fragment that came before the first of its datagram.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Held {
    /// When it came, CLOCK_MONOTONIC in nanoseconds.
    pub noted_ns: u64,
    /// Who has the element: a [`HeldState`].
    pub state: u32,
    /// Octets of the frame.
    pub len: u32,
    /// Counters of where it came from.
    pub slot: u32,
    /// The datagram.
    pub key: FragmentKey,
    /// The frame.
    pub octets: [u8; HELD_OCTETS],
}
plain!(Held, 9280);

/// Who has an element of `held`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum HeldState {
    /// Nobody.
    Free = 0,
    /// A program that writes or reads it.
    Busy = 1,
    /// A frame.
    Full = 2,
}
