//! Sessions: made in pairs, found by either direction's tuple.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::BPF_NOEXIST,
    helpers::{bpf_get_prandom_u32, bpf_loop},
};
use netfwd_common::{
    addr::{Addr, Mac},
    limits::{PORT_TRIES, STAMP_INTERVAL_NS},
    maps::{Config, Publish, Session, SessionFlags, SessionKey, SessionKind, TargetKey},
    nat::candidate,
    tcp,
    verdict::DropReason,
};

use crate::{
    frame::Frame,
    maps::{self, SESSIONS, Scratch, scratch},
    parse::{Flow, Ipv4},
};

/// `EEXIST`, include/uapi/asm-generic/errno-base.h.
const EEXIST: i32 = 17;

/// The session whose direction has this key.
#[inline(always)]
pub fn find(key: &SessionKey) -> Option<&'static mut Session> {
    // SAFETY: the element stays valid until this program's RCU section ends. CPUs that write it at
    // once write stamps, flags and counts, for which either's value will do.
    SESSIONS
        .get_ptr_mut(key)
        .map(|session| unsafe { &mut *session })
}

/// The flow of a packet, in this CPU's scratch; `None` as [`Flow::read`] has it.
#[inline(always)]
pub fn flow(frame: &impl Frame, ip: &Ipv4, network: u32) -> Option<&'static Flow> {
    let flow = &mut scratch()?.flow;
    flow.read(frame, ip, network)?;
    Some(flow)
}

/// Starts a session in this CPU's scratch with what both of its directions share. The caller adds
/// what it knows of the next hop and the station, then has it made by [`masquerade`] or [`publish`].
#[inline(always)]
pub fn draft(network: u32, kind: SessionKind, now: u64) -> Option<&'static mut Session> {
    let session = &mut scratch()?.session;
    session.created_ns = now;
    session.last_seen_ns = now;
    session.packets = 0;
    session.bytes = 0;
    session.next_hop.ifindex = 0;
    session.network = network;
    session.station = [0; 6];
    session.tcp_flags = 0;
    session.kind = kind as u8;
    session.deliver = 0;
    session.epoch = 0;
    session.slot = 0;
    session.pad = 0;
    Some(session)
}

/// Names the outside address that the drafted session is to masquerade as.
#[inline(always)]
pub fn masquerade_as(address: &Addr) -> Option<()> {
    scratch()?.reply.dst = *address;
    Some(())
}

/// Makes the drafted session, which masquerades as the named address behind the first l4 port that
/// is free towards this destination. The caller finds it under its key.
///
/// Apart from the drafting, because one inside the other is a call too deep: Linux 6.1 rounds each
/// frame up to 32 octets, of the 512 there are, and counts the loop's body as a call.
#[inline(never)]
pub fn masquerade(key: &SessionKey) -> Result<(), DropReason> {
    let (Some(scratch), Some(config)) = (scratch(), maps::config()) else {
        return Err(DropReason::SessionTableFull);
    };
    let reply = &mut scratch.reply;
    reply.src = key.dst;
    reply.network = 0;
    reply.src_port = key.dst_port;
    reply.proto = key.proto;
    reply.pad = [0; 3];
    claim(scratch, key, config)?;
    // An echo has one identifier, on the side that asks.
    scratch.session.src_port = scratch.reply.dst_port;
    scratch.session.dst_port = key.dst_port;
    scratch.session.src = scratch.reply.dst;
    scratch.session.dst = key.dst;
    scratch.session.enter = 0;
    scratch.session.flags = SessionFlags::ORIGINAL.with(SessionFlags::FROM_INSIDE);
    second(scratch, key)
}

/// Inserts the reply's direction under the first free l4 port: inserting is what claims it, so that
/// of CPUs that race for one port a single one gets it.
#[inline(always)]
fn claim(scratch: *mut Scratch, key: &SessionKey, config: &Config) -> Result<(), DropReason> {
    // A pointer, because `attempt` writes what it points to: of a `&mut` the compiler would believe
    // that nobody else does, and fold the error that it reads after the loop.
    // SAFETY: the caller's, and until the loop begins only this borrow is used.
    let draft = unsafe { &mut *scratch };
    turn_round(&mut draft.session, key);
    draft.session.enter = key.network;
    draft.session.flags = SessionFlags::default();
    draft.inside_port = key.src_port;
    draft.low = config.nat_port_low;
    draft.high = config.nat_port_high;
    // SAFETY: the helper takes no argument.
    draft.hash = unsafe { bpf_get_prandom_u32() };
    draft.error = -EEXIST;
    // SAFETY: the body takes no state but this CPU's scratch.
    unsafe { bpf_loop(PORT_TRIES, attempt as *mut c_void, core::ptr::null_mut(), 0) };
    // SAFETY: the loop is over.
    inserted(unsafe { (*scratch).error }, DropReason::NatPortsExhausted)
}

/// Packets of the reply become what the original's were before translation, turned round.
#[inline(always)]
fn turn_round(session: &mut Session, key: &SessionKey) {
    session.src = key.dst;
    session.dst = key.src;
    session.src_port = key.dst_port;
    session.dst_port = key.src_port;
}

/// Tries one l4 port; returns 0, which goes on, only when it was taken.
unsafe extern "C" fn attempt(index: u64, _: *mut c_void) -> i64 {
    let Some(s) = scratch() else { return 1 };
    s.reply.dst_port = candidate(s.inside_port, s.low, s.high, s.hash, index as u32);
    s.error = insert(&s.reply, &s.session);
    i64::from(s.error != -EEXIST)
}

/// What an insertion's return value means.
#[inline(always)]
fn inserted(error: i32, exists: DropReason) -> Result<(), DropReason> {
    match error {
        0 => Ok(()),
        error if error == -EEXIST => Err(exists),
        _ => Err(DropReason::SessionTableFull),
    }
}

/// Makes the drafted session of a packet from outside to a published port. The caller finds it under
/// its key.
#[inline(never)]
pub fn publish(key: &SessionKey, publish: &Publish) -> Result<(), DropReason> {
    let Some(scratch) = scratch() else {
        return Err(DropReason::SessionTableFull);
    };
    let first = TargetKey {
        group: publish.group,
        index: 0,
    };
    let target = maps::target(&first).ok_or(DropReason::TargetDown)?;
    let port = target.port.wrapping_add(publish.offset);
    let reply = &mut scratch.reply;
    reply.src = target.address;
    reply.dst = key.src;
    reply.network = publish.network;
    reply.src_port = port;
    reply.dst_port = key.src_port;
    reply.proto = key.proto;
    reply.pad = [0; 3];
    turn_round(&mut scratch.session, key);
    scratch.session.enter = 0;
    scratch.session.flags = SessionFlags::FROM_INSIDE;
    let error = insert(&scratch.reply, &scratch.session);
    if error == -EEXIST && find(key).is_some() {
        // Another CPU's packet of this flow was faster.
        return Ok(());
    }
    inserted(error, DropReason::SessionConflict)?;
    scratch.session.src = key.src;
    scratch.session.dst = target.address;
    scratch.session.enter = publish.network;
    scratch.session.src_port = key.src_port;
    scratch.session.dst_port = port;
    scratch.session.flags = SessionFlags::ORIGINAL;
    second(scratch, key)
}

/// Inserts the original's direction behind the reply's, which goes again when that fails: a session
/// has both or none.
#[inline(always)]
fn second(scratch: &mut Scratch, key: &SessionKey) -> Result<(), DropReason> {
    let error = insert(key, &scratch.session);
    if error == 0 {
        return Ok(());
    }
    let _ = SESSIONS.remove(scratch.reply);
    if error == -EEXIST {
        Ok(())
    } else {
        Err(DropReason::SessionTableFull)
    }
}

/// Inserts a direction that must be new; returns 0 or a negative errno.
#[inline(always)]
fn insert(key: &SessionKey, session: &Session) -> i32 {
    match SESSIONS.insert(key, session, u64::from(BPF_NOEXIST)) {
        Ok(()) => 0,
        Err(error) => error,
    }
}

/// Notes a packet of this direction.
#[inline(always)]
pub fn touch(session: &mut Session, flow: &Flow, ip: &Ipv4, now: u64) {
    if now.wrapping_sub(session.last_seen_ns) > STAMP_INTERVAL_NS {
        session.last_seen_ns = now;
    }
    if flow.tcp_flags & !session.tcp_flags != 0 || flow.tcp_flags & tcp::SYN != 0 {
        note_flags(session, &flow.key, flow.tcp_flags);
    }
    // Rust's BPF target has no atomic addition. A flow's direction stays on one CPU by RSS or RPS;
    // where it does not, a count may be lost, never a packet.
    session.packets += 1;
    session.bytes += u64::from(ip.total_len);
}

/// Collects the flags that this direction has sent. A SYN on a session that was ended opens it anew:
/// clients reuse their ports.
#[inline(never)]
fn note_flags(session: &mut Session, key: &SessionKey, flags: u8) {
    const ENDED: u8 = tcp::FIN | tcp::RST;
    let opens = flags & (tcp::SYN | tcp::ACK) == tcp::SYN;
    if !opens {
        session.tcp_flags |= flags;
        return;
    }
    let opposite = find(&key.opposite(session));
    let ended = session.tcp_flags | opposite.as_ref().map_or(0, |o| o.tcp_flags);
    if ended & ENDED == 0 {
        session.tcp_flags |= flags;
        return;
    }
    session.tcp_flags = flags;
    if let Some(opposite) = opposite {
        opposite.tcp_flags = 0;
    }
}

/// Tells both directions which station is inside: it may have moved, or have been unknown while the
/// host's stack carried the flow.
#[inline(never)]
pub fn set_station(session: &mut Session, key: &SessionKey, station: Mac) {
    session.station = station;
    if let Some(opposite) = find(&key.opposite(session)) {
        opposite.station = station;
    }
}
