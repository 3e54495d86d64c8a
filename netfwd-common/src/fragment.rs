//! Fragments of translated flows (RFC 4787 REQ-14): which are sound, and where those wait that come
//! before the first of their datagram.

use crate::{
    addr::{self, Addr},
    flow::mix,
    maps::{FragmentKey, Held, HeldState},
    nat::proto,
};

/// What stands for the network in the key of what the host's stack sends out of an uplink: it may have come
/// in before as another's.
pub const LEAVING: u32 = u32::MAX;
/// How long the first fragment of a datagram is remembered, as long as Linux waits for the rest
/// (include/net/ip.h, `IP_FRAG_TIME`).
pub const NOTED_NS: u64 = 30_000_000_000;
/// How long a fragment waits for the first of its datagram: what reorders is a path, not a person.
pub const HELD_NS: u64 = 2_000_000_000;
/// Fragments that wait, over all datagrams; a power of two.
pub const HELD: u32 = 128;
/// Fragments of one datagram that wait.
pub const HELD_EACH: u32 = 16;
/// Octets of a frame that waits: jumbo frames, as NICs have them.
pub const HELD_OCTETS: usize = 9216;
/// Least number of octets that every fragment but the last is a multiple of (RFC 791 §3.1).
const UNIT: u32 = 8;
/// Octets that the largest datagram has behind its header.
const MOST: u32 = 65_535;

/// Where the fragment stands in its datagram, and whether others follow, of the 16 bits that an IPv4 header
/// has for it.
#[inline(always)]
#[must_use]
pub const fn place_v4(field: u16) -> (u32, bool) {
    ((field & 0x1fff) as u32 * UNIT, field & 0x2000 != 0)
}

/// The same of an IPv6 fragment header.
#[inline(always)]
#[must_use]
pub const fn place_v6(field: u16) -> (u32, bool) {
    ((field & !7) as u32, field & 1 != 0)
}

/// Whether a fragment of so many octets can stand there: it has some, ends where another can begin, and
/// within the largest datagram.
#[inline(always)]
#[must_use]
pub const fn is_sound(offset: u32, octets: u32, more: bool) -> bool {
    octets != 0 && offset + octets <= MOST && (!more || octets.is_multiple_of(UNIT))
}

/// Octets of the least l4 header, which the first fragment must have whole and none may overwrite
/// (RFC 1858, RFC 3128, RFC 7112); 0 for protocols that are translated by address alone.
#[inline(always)]
#[must_use]
pub const fn header_len(protocol: u8) -> u32 {
    match protocol {
        proto::TCP => 20,
        proto::SCTP => 12,
        proto::UDP | proto::ICMP | proto::ICMPV6 => 8,
        _ => 0,
    }
}

/// Where the fragments of a datagram wait, from this element on.
#[inline(always)]
#[must_use]
pub const fn window(key: &FragmentKey) -> u32 {
    let source = address(key.network, &key.src);
    let destination = address(key.proto as u32, &key.dst);
    mix(mix(source, destination), key.id)
}

#[inline(always)]
const fn address(hash: u32, address: &Addr) -> u32 {
    let [a, b, c, d] = addr::words(address);
    mix(mix(mix(mix(hash, a), b), c), d)
}

/// Whether what was noted then still holds.
#[inline(always)]
#[must_use]
pub const fn is_fresh(noted_ns: u64, now: u64, lives_ns: u64) -> bool {
    now.wrapping_sub(noted_ns) < lives_ns
}

/// Whether an element may take a frame: nobody's, or one that has waited in vain.
#[inline(always)]
#[must_use]
pub const fn is_vacant(state: u32, noted_ns: u64, now: u64) -> bool {
    state == HeldState::Free as u32
        || (state == HeldState::Full as u32 && !is_fresh(noted_ns, now, HELD_NS))
}

/// Whether an element holds a frame of a datagram that may still go on.
#[inline(always)]
#[must_use]
pub fn waits(held: &Held, key: &FragmentKey, now: u64) -> bool {
    held.state == HeldState::Full as u32
        && is_fresh(held.noted_ns, now, HELD_NS)
        && is_same(&held.key, key)
}

/// Whether two fragments are of one datagram; compared as words, as BPF does best.
#[inline(always)]
#[must_use]
pub fn is_same(a: &FragmentKey, b: &FragmentKey) -> bool {
    addr::words(&a.src) == addr::words(&b.src)
        && addr::words(&a.dst) == addr::words(&b.dst)
        && a.network == b.network
        && a.id == b.id
        && a.proto == b.proto
}
