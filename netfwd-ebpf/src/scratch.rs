//! Room for what a packet's way needs, beyond the stack: it outlives a tail call.

use aya_ebpf::{
    bindings::{bpf_fib_lookup, bpf_redir_neigh, bpf_sock_tuple, bpf_tunnel_key},
    btf_maps::PerCpuArray,
    macros::btf_map,
};
use netfwd_common::{
    addr::Addr,
    icmp::Budget,
    maps::{FdbEntry, Mapping, MappingKey, Peer, Session, SessionKey, Wrap},
};

use crate::{
    flow::Flow, fragment::datagram::Datagram, icmp_error::Error, reachable::Hops,
    vxlan::decap::Outer,
};

/// Room for what a packet's way needs: it would not fit the 512 octets of stack.
#[btf_map(name = "scratch")]
static SCRATCH: PerCpuArray<Scratch, 1> = PerCpuArray::new();

/// What the stages at work on this CPU keep of the packet at hand.
#[repr(C)]
pub struct Scratch {
    /// The flow.
    pub flow: Flow,
    /// The outer headers of a frame that is encapsulated.
    pub wrap: Wrap,
    /// The outer header of a packet that may be a tunnel's.
    pub outer: Outer,
    /// The ends of the tunnel of a frame that goes to the companion.
    pub key: bpf_tunnel_key,
    /// A question to the FIB, and its answer.
    pub fib: bpf_fib_lookup,
    /// The next hop that the kernel is to resolve.
    pub neigh: bpf_redir_neigh,
    /// Next hops that are asked for again now and then: of all packets, not of the one at hand.
    pub hops: Hops,
    /// Errors that may be sent: about all packets, too.
    pub errors: Budget,
    /// A question for a socket of this host's.
    pub socket: bpf_sock_tuple,
    /// A session under construction: the direction of the packet at hand.
    pub session: Session,
    /// The other direction.
    pub back: Session,
    /// The key of the other direction, whose l4 port may be searched for.
    pub reply: SessionKey,
    /// The key under which the outside sees a mapping under construction.
    pub outside: MappingKey,
    /// The key of an inside endpoint.
    pub inside: MappingKey,
    /// A mapping under construction.
    pub mapping: Mapping,
    /// The address that a session under construction masquerades as.
    pub address: Addr,
    /// The stage that goes on behind the one it has called.
    pub asked: u32,
    /// Whether the search claims a mapping.
    pub mapped: u32,
    /// A peer that is being learned.
    pub peer: Peer,
    /// A station that is being learned.
    pub station: FdbEntry,
    /// Random start of the search.
    pub hash: u32,
    /// What the last insertion returned.
    pub error: i32,
    /// The l4 port that is kept if it is free.
    pub inside_port: u16,
    /// Lowest l4 port.
    pub low: u16,
    /// Highest l4 port.
    pub high: u16,
    /// Zero.
    pub pad: u16,
    /// An error about a translated packet.
    pub icmp: Error,
    /// A fragment.
    pub datagram: Datagram,
}

/// This CPU's scratch, for the length of a packet's way.
#[inline(always)]
pub fn scratch() -> Option<&'static mut Scratch> {
    // SAFETY: this CPU's own element. Programs that a redirect or clone runs on this CPU come after
    // the stages that filled it have used it.
    SCRATCH
        .get_ptr_mut(0)
        .map(|scratch| unsafe { crate::maps::value(scratch) })
}
