//! Writing what a session says into a packet's headers, in words; checksums are brought up to date as the
//! helpers of TC would (RFC 1624 §3 eqn. 3), whatever the order of octets (RFC 1071 §2 B).

use aya_ebpf::programs::XdpContext;
use netfwd_common::{
    addr::{self, Addr},
    csum,
    maps::{Session, SessionKey},
    nat::proto,
};

use super::{L4_V6, TCP_LEN};
use crate::{
    frame::Room,
    parse::{ETH_LEN, L4},
};

/// Where an IPv4 packet's TTL and protocol stand, in front of its checksum.
const TTL: usize = ETH_LEN + 8;
/// Where an IPv6 packet's next header and hop limit stand, in front of its addresses.
const HOPS: usize = ETH_LEN + 6;

/// A packet over IPv4 without options.
#[inline(always)]
pub fn v4(ctx: &XdpContext, room: &Room, key: &SessionKey, session: &Session) {
    let [.., old_src] = addr::words(&key.src);
    let [.., old_dst] = addr::words(&key.dst);
    let [.., src] = addr::words(&session.src);
    let [.., dst] = addr::words(&session.dst);
    let addresses = csum::exchange(csum::exchange(0, old_src, src), old_dst, dst);
    let ttl = room.u16(TTL);
    let lived = one_less(ttl, 0);
    let header = csum::exchange(addresses, ttl.into(), lived.into());
    let check = csum::exchanged(room.u16(TTL + 2), header);
    let change = ports(room, L4, session, addresses);
    l4_checksum(ctx, room, (L4, key.proto), change);
    macs(room, session);
    room.set_u16(TTL, lived);
    room.set_u16(TTL + 2, check);
    room.set_u32(TTL + 4, src);
    room.set_u32(TTL + 8, dst);
}

/// A packet over IPv6 without extension headers.
#[inline(always)]
pub fn v6(ctx: &XdpContext, room: &Room, key: &SessionKey, session: &Session) {
    let change = address(room, HOPS + 2, (&key.src, &session.src), 0);
    let change = address(room, HOPS + 18, (&key.dst, &session.dst), change);
    let change = ports(room, L4_V6, session, change);
    l4_checksum(ctx, room, (L4_V6, key.proto), change);
    macs(room, session);
    room.set_u16(HOPS, one_less(room.u16(HOPS), 1));
}

/// Writes an address; what that changes is added to a running sum of changes. Written out: Linux 6.1 refuses a
/// loop that is entered from its middle (kernel/bpf/verifier.c, `push_insn`).
#[inline(always)]
fn address(room: &Room, at: usize, (old, new): (&Addr, &Addr), change: u64) -> u64 {
    let (old, new) = (addr::words(old), addr::words(new));
    room.set_u32(at, new[0]);
    room.set_u32(at + 4, new[1]);
    room.set_u32(at + 8, new[2]);
    room.set_u32(at + 12, new[3]);
    let change = csum::exchange(csum::exchange(change, old[0], new[0]), old[1], new[1]);
    csum::exchange(csum::exchange(change, old[2], new[2]), old[3], new[3])
}

/// Two octets in memory order, of which one, a hop count above zero, is one less.
#[inline(always)]
const fn one_less(octets: u16, at: usize) -> u16 {
    let mut octets = octets.to_ne_bytes();
    octets[at] = octets[at].wrapping_sub(1);
    u16::from_ne_bytes(octets)
}

#[inline(always)]
fn macs(room: &Room, session: &Session) {
    let (src, dst) = (&session.next_hop.src_mac, &session.next_hop.dst_mac);
    // As the session has them aligned.
    room.set_u16(0, u16::from_ne_bytes([dst[0], dst[1]]));
    room.set_u32(2, u32::from_ne_bytes([dst[2], dst[3], dst[4], dst[5]]));
    room.set_u32(6, u32::from_ne_bytes([src[0], src[1], src[2], src[3]]));
    room.set_u16(10, u16::from_ne_bytes([src[4], src[5]]));
}

/// Writes the l4 ports; what that changes is added to a running sum of changes.
#[inline(always)]
fn ports(room: &Room, l4: usize, session: &Session, change: u64) -> u64 {
    let ([a, b], [c, d]) = (
        session.src_port.to_be_bytes(),
        session.dst_port.to_be_bytes(),
    );
    let (old, new) = (room.u32(l4), u32::from_ne_bytes([a, b, c, d]));
    room.set_u32(l4, new);
    csum::exchange(change, old, new)
}

/// Brings the l4 checksum up to date. Of UDP zero stands for none, and stays (RFC 768).
#[inline(always)]
fn l4_checksum(ctx: &XdpContext, room: &Room, (l4, protocol): (usize, u8), change: u64) {
    if protocol == proto::TCP {
        // Which was read already: only the verifier does not know.
        if let Some(room) = Room::of(ctx, l4 + TCP_LEN) {
            let at = l4 + 16;
            room.set_u16(at, csum::exchanged(room.u16(at), change));
        }
        return;
    }
    let at = l4 + 6;
    let old = room.u16(at);
    if old != 0 {
        let check = csum::exchanged(old, change);
        room.set_u16(at, if check == 0 { 0xffff } else { check });
    }
}
