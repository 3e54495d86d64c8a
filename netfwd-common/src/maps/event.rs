//! Events: what the programs tell whoever watches.

use super::{SessionFlags, SessionKey, plain};
use crate::addr::{Addr, Mac};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum EventKind {
    /// A station was heard for the first time.
    Learned = 1,
    /// A station was heard at another port or peer.
    Moved = 2,
    /// A station moves to and fro too fast; it is held where it was.
    Flapping = 3,
    /// A BPDU came in on an edge port, which is shut now.
    PortShut = 4,
    /// A station was not learned because its port or network has as many as it may.
    LearnLimit = 5,
    /// A session was made; its record is an [`Opened`].
    SessionNew = 6,
}

impl EventKind {
    /// The kind with this number, if there is one.
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Learned),
            2 => Some(Self::Moved),
            3 => Some(Self::Flapping),
            4 => Some(Self::PortShut),
            5 => Some(Self::LearnLimit),
            6 => Some(Self::SessionNew),
            _ => None,
        }
    }
}

/// A record of `events`, a BPF ring buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Event {
    /// When, CLOCK_MONOTONIC in nanoseconds.
    pub time_ns: u64,
    /// An [`EventKind`].
    pub kind: u32,
    /// The network.
    pub network: u32,
    /// The port's interface, 0 for a peer.
    pub ifindex: u32,
    /// The port where the station was before, 0 for a peer or none.
    pub old_ifindex: u32,
    /// The peer, or zero.
    pub peer: Addr,
    /// The peer where the station was before, or zero.
    pub old_peer: Addr,
    /// The station.
    pub mac: Mac,
    /// The VLAN.
    pub vlan: u16,
}
plain!(Event, 64);

/// A record of `events` that tells of a new session, in the direction of its first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Opened {
    /// When, CLOCK_MONOTONIC in nanoseconds.
    pub time_ns: u64,
    /// [`EventKind::SessionNew`].
    pub event: u32,
    /// The network of the inside.
    pub network: u32,
    /// The tuple as packets arrive.
    pub key: SessionKey,
    /// Source address that they leave with.
    pub src: Addr,
    /// Destination address that they leave with.
    pub dst: Addr,
    /// Source l4 port that they leave with.
    pub src_port: u16,
    /// Destination l4 port that they leave with.
    pub dst_port: u16,
    /// A [`super::SessionKind`].
    pub kind: u8,
    /// Properties of this direction.
    pub flags: SessionFlags,
    /// Zero.
    pub pad: [u8; 6],
}
plain!(Opened, 104);
