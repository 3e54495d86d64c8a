//! Rewriting an error and the packet that it quotes, with all checksums that cover them (RFC 5508 REQ-4).

use aya_ebpf::{bindings::BPF_F_RECOMPUTE_CSUM, programs::TcContext};
use netfwd_common::{
    addr::{Addr, low_v4},
    csum,
    icmp_error::{checksum, quoted_identifier, quoted_ports},
    maps::Session,
    nat::proto,
};

use super::Error;
use crate::{parse::ETH_LEN, skb};

/// Octets that were replaced: what that changes in a checksum over them.
struct Change {
    sum: u32,
    failed: bool,
}

impl Change {
    const NONE: Self = Self {
        sum: 0,
        failed: false,
    };

    /// Replaces octets.
    #[inline(always)]
    fn put<const N: usize>(&mut self, ctx: &TcContext, at: u32, new: &[u8; N]) {
        let mut old = [0; N];
        let at = at as usize;
        let written = skb::read_into(ctx, at, &mut old) && skb::write(ctx, at, new, 0);
        self.failed |= !written;
        self.sum = csum::change(self.sum, &old, new);
    }

    /// Brings a checksum up to date with what it covers. A broken one stays so; zero, where it stands for
    /// none, stays zero, and none becomes it.
    #[inline(always)]
    fn update(&mut self, ctx: &TcContext, at: u32, covered: u32, optional: bool) {
        let mut old = [0; 2];
        self.failed |= !skb::read_into(ctx, at as usize, &mut old);
        let check = u16::from_be_bytes(old);
        if optional && check == 0 {
            return;
        }
        let new = match csum::apply(check, covered) {
            0 if optional => 0xffff,
            new => new,
        };
        self.put(ctx, at, &new.to_be_bytes());
    }
}

#[inline(never)]
fn put_address(change: &mut Change, ctx: &TcContext, at: u32, address: &Addr, v4: u32) {
    if v4 == 0 {
        change.put(ctx, at, &address.octets);
    } else {
        change.put(ctx, at, &low_v4(address));
    }
}

/// Where the source address stands in an IP header, and octets of an address.
#[inline(always)]
const fn addresses(v4: u32) -> (u32, u32) {
    if v4 == 0 { (8, 16) } else { (12, 4) }
}

/// Makes an error what it is on the other side of its session, `hops` less to live: from `src`, to who has
/// sent what it quotes. Says whether it could be written.
#[inline(never)]
pub fn translate(ctx: &TcContext, error: &Error, session: &Session, src: &Addr, hops: u8) -> bool {
    let mut message = Change::NONE;
    quoted(&mut message, ctx, error, session);
    let mut outer = Change::NONE;
    let (first, octets) = addresses(error.v4);
    let at = ETH_LEN as u32 + first;
    put_address(&mut outer, ctx, at, src, error.v4);
    put_address(&mut outer, ctx, at + octets, &session.dst, error.v4);
    // ICMPv6's checksum covers the addresses (RFC 4443 §2.3), ICMP's does not.
    let covered = if error.v4 == 0 {
        message.sum + outer.sum
    } else {
        message.sum
    };
    message.update(ctx, error.icmp + 2, covered, false);
    let lived = hop(ctx, error, outer.sum, hops);
    lived && !message.failed && !outer.failed
}

/// The quoted packet as who gets the error has sent it.
#[inline(never)]
fn quoted(message: &mut Change, ctx: &TcContext, error: &Error, session: &Session) {
    const HEADER_CHECKSUM: u32 = 10;
    let (first, octets) = addresses(error.v4);
    put_address(message, ctx, error.quote + first, &session.dst, error.v4);
    let second = error.quote + first + octets;
    put_address(message, ctx, second, &session.src, error.v4);
    let addresses = message.sum;
    if error.v4 != 0 {
        message.update(ctx, error.quote + HEADER_CHECKSUM, addresses, false);
    }
    let mut l4 = Change::NONE;
    match error.key.proto {
        proto::TCP | proto::UDP | proto::SCTP => l4.put(ctx, error.l4, &quoted_ports(session)),
        proto::ICMP | proto::ICMPV6 => l4.put(ctx, error.l4 + 4, &quoted_identifier(session)),
        _ => {}
    }
    let ports = l4.sum;
    if let Some(checksum) = checksum(error.key.proto) {
        let at = error.l4 + checksum.at as u32;
        let covered = if checksum.addresses {
            addresses + ports
        } else {
            ports
        };
        // Errors may quote no more than eight octets of it (RFC 792).
        if at + 2 <= error.end {
            l4.update(ctx, at, covered, checksum.optional);
        }
    }
    message.sum += l4.sum;
    message.failed |= l4.failed;
}

/// Takes hops off what an IP header has left to live, and brings an IPv4 header's checksum up to date with that and
/// with its addresses.
#[inline(always)]
fn hop(ctx: &TcContext, error: &Error, addresses: u32, hops: u8) -> bool {
    const TTL: usize = ETH_LEN + 8;
    const HOPS: usize = ETH_LEN + 7;
    let lived = (error.ttl as u8).wrapping_sub(hops);
    if error.v4 == 0 {
        // Nothing in the packet makes up for it in what a device has summed up.
        return skb::write(ctx, HOPS, &[lived], u64::from(BPF_F_RECOMPUTE_CSUM));
    }
    let mut old = [0; 4];
    let read = skb::read_into(ctx, TTL, &mut old);
    let [ttl, protocol, high, low] = old;
    let change = csum::change(addresses, &[ttl, protocol], &[lived, protocol]);
    let check = csum::apply(u16::from_be_bytes([high, low]), change).to_be_bytes();
    read && skb::write(ctx, TTL, &[lived, protocol, check[0], check[1]], 0)
}
