//! Whether next hops still answer.
//!
//! `bpf_fib_lookup` takes the MAC of a neighbour that has not been heard for long (`NUD_VALID` has `NUD_STALE`), and
//! `bpf_redirect` never makes the kernel ask it again: a gateway with another MAC, by a fail-over without a gratuitous
//! ARP, would be sent to by its old one for ever. So of the packets to a next hop one a second goes by the kernel's
//! neighbour, which then asks, and is found unresolved where nobody answers (net/core/neighbour.c,
//! `neigh_event_send`).

use aya_ebpf::bindings::bpf_fib_lookup as FibParams;
use netfwd_common::limits::NEXT_HOP_TTL_NS;

/// How many next hops are told apart.
const PLACES: usize = 8;

/// A next hop that packets go to past the kernel's neighbour.
#[repr(C)]
pub struct Hop {
    /// Its address in memory order; of IPv4 the first word.
    address: [u32; 4],
    /// The interface; 0 for no next hop.
    ifindex: u32,
    pad: u32,
    /// When a packet last went by the kernel's neighbour, or was the first.
    since_ns: u64,
}

/// The next hops of this CPU's packets.
#[repr(C)]
pub struct Hops {
    places: [Hop; PLACES],
}

impl Hops {
    /// Whether a packet to the next hop that the FIB has just named is to go by the kernel's neighbour. One that is new
    /// here has been asked for by now.
    #[inline(always)]
    pub fn is_due(&mut self, answer: &FibParams, now: u64) -> bool {
        let hop = self.place(answer);
        if hop.is_of(answer) {
            return now.wrapping_sub(hop.since_ns) >= NEXT_HOP_TTL_NS;
        }
        // SAFETY: the union's larger member, whose first word is the IPv4 address where it is one.
        hop.address = unsafe { answer.__bindgen_anon_4.ipv6_dst };
        hop.ifindex = answer.ifindex;
        hop.since_ns = now;
        false
    }

    /// The same; the packet does so, then.
    #[inline(always)]
    pub fn ask(&mut self, answer: &FibParams, now: u64) -> bool {
        let due = self.is_due(answer, now);
        if due {
            self.place(answer).since_ns = now;
        }
        due
    }

    #[inline(always)]
    fn place(&mut self, answer: &FibParams) -> &mut Hop {
        // SAFETY: as above.
        let [a, .., d] = unsafe { answer.__bindgen_anon_4.ipv6_dst };
        let folded = a ^ d ^ answer.ifindex;
        let folded = folded ^ (folded >> 16);
        let index = (folded ^ (folded >> 8)) as usize % PLACES;
        &mut self.places[index]
    }
}

impl Hop {
    #[inline(always)]
    fn is_of(&self, answer: &FibParams) -> bool {
        // SAFETY: as above.
        self.ifindex == answer.ifindex
            && self.address == unsafe { answer.__bindgen_anon_4.ipv6_dst }
    }
}
