//! The BPF programs under `BPF_PROG_TEST_RUN`: a world of interfaces and maps as the loader would
//! make them, one frame in, and the verdict, the frame and the maps out.
//!
//! What the kernel does there (net/bpf/test_run.c): the frame gets the interface that the context
//! names, which must stand in the caller's namespace; `bpf_redirect` only leaves its verdict behind,
//! while `bpf_clone_redirect` sends at once; frames shorter than [`SHORTEST`] are refused.

mod change;
mod fill;
mod fixture;
pub mod nat;
pub(crate) mod object;
mod random;
mod run;
mod sessions;
mod tables;
mod wires;
mod world;

pub use fixture::{Expect, Fixture, run_all};
pub use object::Sizes;
pub use random::{always, mutated};
pub use run::{Hook, Ran, Verdict};
pub use sessions::Translated;
pub use tables::Tables;
pub use wires::{Wires, mac};
pub use world::{GROUP, Inside, OTHER_PORT, PEER_V6, VTEP_V6, World, monotonic_ns, station};

/// The shortest frame that the kernel takes: it wants a whole header of the protocol that the
/// EtherType announces. Shorter ones can only be sent over a wire, by [`crate::packet::RawSocket`].
pub const SHORTEST: usize = 34;
/// Id of the world's one network.
pub const NETWORK: u32 = 1;
/// The network's VNI.
pub const VNI: u32 = 200;

/// Counter slots of the world, each of one owner.
pub mod slot {
    /// Nobody.
    pub const NONE: u32 = 0;
    /// The network.
    pub const NETWORK: u32 = 1;
    /// Port `p1`.
    pub const P1: u32 = 2;
    /// Port `p2`.
    pub const P2: u32 = 3;
    /// The network's end of the gateway's pair.
    pub const GATEWAY: u32 = 4;
    /// The peer.
    pub const PEER: u32 = 5;
    /// The uplink to the underlay.
    pub const UNDERLAY: u32 = 6;
    /// The uplink to the outside.
    pub const UPLINK: u32 = 7;
    /// Port `p1` in another network, which has VLANs of it.
    pub const P1_ELSEWHERE: u32 = 8;
}
