//! Sessions: made in pairs, found by either direction's tuple.

use aya_ebpf::bindings::BPF_NOEXIST;
use netfwd_common::{
    addr::Mac,
    limits::STAMP_INTERVAL_NS,
    maps::{Mapping, MappingFlags, MappingKey, Session, SessionFlags, SessionKey},
    nat::{lifetime, proto},
    tcp::{self, TcpState},
    verdict::DropReason,
};

use super::{Packet, mapping};
use crate::{
    event,
    maps::{self, SESSIONS, Scratch},
};

/// `EEXIST`, include/uapi/asm-generic/errno-base.h.
pub const EEXIST: i32 = 17;
/// No session ends sooner: the least floor of the configured timeouts.
pub const LEAST_LIFETIME_NS: u64 = 60_000_000_000;

/// The direction of a session with this key, however old.
#[inline(always)]
pub fn get(key: &SessionKey) -> Option<&'static mut Session> {
    // SAFETY: the element stays valid until this program's RCU section ends. CPUs that write it at
    // once write stamps, flags and counts, for which either's value will do.
    SESSIONS
        .get_ptr_mut(key)
        .map(|session| unsafe { maps::value(session) })
}

/// The direction of a session with this key; one that is over is gone, with its other direction.
#[inline(always)]
pub fn find(key: &SessionKey, now: u64) -> Option<&'static mut Session> {
    let session = get(key)?;
    if now.saturating_sub(session.last_seen_ns) > LEAST_LIFETIME_NS && ends(session, key, now) {
        return None;
    }
    Some(session)
}

/// Removes a session that is over; says whether it was.
#[inline(never)]
fn ends(session: &Session, key: &SessionKey, now: u64) -> bool {
    let over = is_over(session, key, now);
    if over {
        end(session, key);
    }
    over
}

/// Whether both directions have been silent for as long as they may.
#[inline(always)]
fn is_over(session: &Session, key: &SessionKey, now: u64) -> bool {
    let Some(config) = maps::config() else {
        return false;
    };
    let opposite = get(&key.opposite(session));
    let (seen, flags) = opposite
        .as_ref()
        .map_or((0, 0), |other| (other.last_seen_ns, other.tcp_flags));
    let last = if seen > session.last_seen_ns {
        seen
    } else {
        session.last_seen_ns
    };
    let established = TcpState::from_flags(session.tcp_flags, flags) == TcpState::Established;
    now.saturating_sub(last) > lifetime(&config.timeouts, key.proto, established)
}

/// Removes both directions of a session, and voids what is remembered of its packets' way.
#[inline(always)]
pub fn end(session: &Session, key: &SessionKey) {
    let _ = SESSIONS.remove(key.opposite(session));
    let _ = SESSIONS.remove(key);
    maps::renew();
}

/// Inserts a direction that must be new; returns 0 or a negative errno.
#[inline(always)]
pub fn insert(key: &SessionKey, session: &Session) -> i32 {
    match SESSIONS.insert(key, session, u64::from(BPF_NOEXIST)) {
        Ok(()) => 0,
        Err(error) => error,
    }
}

/// Fills in the other direction of the session in the scratch, of a packet with this key, and its key.
#[inline(always)]
pub fn turn_round(scratch: &mut Scratch, key: &SessionKey) {
    let (session, back) = (&scratch.session, &mut scratch.back);
    scratch.reply = key.opposite(session);
    *back = *session;
    back.src = key.dst;
    back.dst = key.src;
    back.src_port = key.dst_port;
    back.dst_port = key.src_port;
    back.enter = key.network;
    back.station = [0; 6];
    back.tcp_flags = 0;
    back.epoch = 0;
    back.port = 0;
    back.next_hop.ifindex = 0;
    back.next_hop.dst_mac = session.station;
    // A session of no network is the host's own.
    back.flags = reversed(session.flags, session.enter != 0)
        .with_if(SessionFlags::TO_HOST, session.network == 0);
}

/// Properties of the other direction.
#[inline(always)]
const fn reversed(flags: SessionFlags, from_inside: bool) -> SessionFlags {
    SessionFlags { bits: 0 }
        .with_if(SessionFlags::FROM_INSIDE, from_inside)
        .with_if(SessionFlags::TO_MAPPED, flags.has(SessionFlags::MAPPED))
        .with_if(SessionFlags::MAPPED, flags.has(SessionFlags::TO_MAPPED))
}

/// Removes the session that has this key where TCP has closed it, or reset it: its ends do not miss it.
#[inline(always)]
pub fn take_over(key: &SessionKey) -> bool {
    let Some(session) = get(key) else {
        return false;
    };
    let closed = key.proto == proto::TCP && tcp::is_closed(session.tcp_flags);
    if closed {
        end(session, key);
    }
    closed
}

/// Makes the session in the scratch of a packet with this key: the other direction first, which is what
/// may be somebody else's. Another CPU's packet of this flow may have been faster, which is as good.
#[inline(never)]
pub fn make(key: &SessionKey, now: u64) -> u32 {
    let Some(scratch) = maps::scratch() else {
        return DropReason::SessionTableFull.number();
    };
    turn_round(scratch, key);
    let mut error = insert(&scratch.reply, &scratch.back);
    if error == -EEXIST && find(&scratch.reply, now).is_none() {
        error = insert(&scratch.reply, &scratch.back);
    }
    if error == -EEXIST && get(key).is_none() && take_over(&scratch.reply) {
        error = insert(&scratch.reply, &scratch.back);
    }
    match error {
        0 => complete(scratch, key),
        error if error == -EEXIST && get(key).is_some() => 0,
        error if error == -EEXIST => DropReason::SessionConflict.number(),
        _ => DropReason::SessionTableFull.number(),
    }
}

/// Inserts the packet's own direction behind the other, which goes again when that fails: a session has
/// both or none. Returns 0 or a drop reason's number.
#[inline(always)]
pub fn complete(scratch: &Scratch, key: &SessionKey) -> u32 {
    let error = insert(key, &scratch.session);
    if error == 0 {
        event::session_opened(key, &scratch.session);
        return 0;
    }
    let _ = SESSIONS.remove(scratch.reply);
    if error == -EEXIST {
        0
    } else {
        DropReason::SessionTableFull.number()
    }
}

/// Notes a packet of this direction.
#[inline(always)]
pub fn touch(packet: &Packet<'_>, session: &mut Session) {
    let flow = packet.flow;
    if packet.now.wrapping_sub(session.last_seen_ns) > STAMP_INTERVAL_NS {
        stamp(session, &flow.key, packet.now);
    }
    if flow.key.proto == proto::TCP && tcp::is_news(session.tcp_flags, flow.tcp_flags) {
        note_flags(session, &flow.key, flow.tcp_flags);
    }
    count(packet, session);
}

/// Counts a packet of this direction.
#[inline(always)]
pub fn count(packet: &Packet<'_>, session: &mut Session) {
    // Rust's BPF target has no atomic addition. A flow's direction stays on one CPU by RSS or RPS;
    // where it does not, a count may be lost, never a packet.
    session.packets += 1;
    session.bytes += u64::from(packet.flow.total_len);
}

/// Stamps a direction, and the mapping that it keeps alive (RFC 4787 REQ-6).
#[inline(never)]
pub fn stamp(session: &mut Session, key: &SessionKey, now: u64) {
    session.last_seen_ns = now;
    if let Some(mapping) = mapping_of(session, key) {
        mapping.last_seen_ns = now;
    }
}

/// The mapping of the endpoint that a session masquerades.
#[inline(always)]
fn mapping_of(session: &Session, key: &SessionKey) -> Option<&'static mut Mapping> {
    let mapped = MappingKey {
        address: key.src,
        network: key.network,
        port: key.src_port,
        proto: key.proto,
        pad: 0,
    };
    if session.flags.has(SessionFlags::MAPPED) {
        return mapping::get(&mapped);
    }
    if !session.flags.has(SessionFlags::TO_MAPPED) {
        return None;
    }
    mapping::get(&MappingKey {
        address: session.dst,
        network: session.enter,
        port: session.dst_port,
        ..mapped
    })
}

/// Collects the flags that this direction has sent, and tells the mapping whether it may be idle for long.
#[inline(never)]
fn note_flags(session: &mut Session, key: &SessionKey, flags: u8) {
    let opposite = get(&key.opposite(session));
    let other = opposite.as_ref().map_or(0, |other| other.tcp_flags);
    let was = TcpState::from_flags(session.tcp_flags, other) == TcpState::Established;
    let (own, other) = tcp::after(session.tcp_flags, other, flags);
    session.tcp_flags = own;
    if let Some(opposite) = opposite {
        opposite.tcp_flags = other;
    }
    let is = TcpState::from_flags(own, other) == TcpState::Established;
    // Never taken back here: another session of the endpoint may be established and idle. The loader, which
    // sees them all, removes a mapping when the last one is over.
    if is
        && !was
        && let Some(mapping) = mapping_of(session, key)
    {
        mapping.flags = mapping.flags.with(MappingFlags::ESTABLISHED);
    }
}

/// Tells both directions which station sends these packets: it may have moved, or have been unknown while
/// the host's stack carried the flow.
#[inline(never)]
pub fn set_station(session: &mut Session, key: &SessionKey, station: Mac) {
    session.station = station;
    if let Some(opposite) = get(&key.opposite(session)) {
        opposite.next_hop.dst_mac = station;
        opposite.epoch = 0;
    }
}
