//! Choices of address and port translation that need no map.

use crate::{
    addr::{self, Addr},
    flow,
    limits::PARITY_TRIES,
    maps::Timeouts,
};

/// IP protocol numbers that NAT knows (IANA).
pub mod proto {
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// `ICMPv6`.
    pub const ICMPV6: u8 = 58;
    /// SCTP.
    pub const SCTP: u8 = 132;
}

/// The l4 port, or ICMP identifier, to try on the outside address for attempt `attempt`, of a range that
/// is not empty.
///
/// It is random, so that nobody outside can guess it (RFC 6056 §3.3.1, algorithm 1), and as even or odd
/// as the inside's in the first tries (RFC 4787 REQ-4); Linux gives clients even ones for as long as it has any
/// (net/ipv4/inet_hashtables.c, `__inet_hash_connect`), and the last tries let them have the odd ones as well.
#[inline(always)]
pub const fn candidate(inside: u16, low: u16, high: u16, hash: u32, attempt: u32) -> u16 {
    let port = flow::scale(flow::mix(hash, attempt), low, high);
    if (port ^ inside) & 1 == 0 || attempt >= PARITY_TRIES {
        return port;
    }
    // The neighbour has the other parity; below the highest it is above, and above the lowest below.
    if port < high {
        port + 1
    } else if port > low {
        port - 1
    } else {
        port
    }
}

/// Whether an l4 port may be chosen for a protocol: the others have no port, or one that is covered by a
/// checksum over the whole packet.
#[inline(always)]
pub const fn has_free_port(protocol: u8) -> bool {
    matches!(
        protocol,
        proto::TCP | proto::UDP | proto::ICMP | proto::ICMPV6
    )
}

/// How long a session or mapping lives without a packet, in nanoseconds.
#[inline(always)]
pub const fn lifetime(timeouts: &Timeouts, protocol: u8, established: bool) -> u64 {
    let seconds = match protocol {
        proto::TCP if established => timeouts.tcp_established,
        proto::TCP => timeouts.tcp_transitory,
        proto::UDP => timeouts.udp,
        proto::ICMP | proto::ICMPV6 => timeouts.icmp,
        proto::SCTP => timeouts.sctp,
        _ => timeouts.other,
    };
    seconds as u64 * 1_000_000_000
}

/// The outside address of an inside one, of `count` from `first` on: always the same (RFC 4787 REQ-2).
#[inline(always)]
pub const fn paired(inside: &Addr, first: &Addr, count: u32) -> Addr {
    let [a, b, c, d] = addr::words(inside);
    let hash = flow::mix(flow::mix(flow::mix(flow::mix(0, a), b), c), d);
    let index = ((hash as u64 * count as u64) >> 32) as u32;
    let [a, b, c, last] = addr::words(first);
    addr::from_words([a, b, c, u32::from_be(last).wrapping_add(index).to_be()])
}
