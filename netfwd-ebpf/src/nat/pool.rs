//! The l4 port that a session masquerades as.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::{
        __sk_buff, BPF_F_CURRENT_NETNS, bpf_sock_tuple,
        bpf_sock_tuple__bindgen_ty_1__bindgen_ty_1 as V4,
        bpf_sock_tuple__bindgen_ty_1__bindgen_ty_2 as V6,
    },
    helpers::{
        bpf_get_prandom_u32, bpf_loop, bpf_sk_lookup_udp, bpf_sk_release, bpf_skc_lookup_tcp,
    },
    programs::TcContext,
};
use netfwd_common::{
    addr,
    limits::PORT_TRIES,
    maps::{ConfigFlags, Mapping, MappingFlags, MappingKey, PublishKey, SessionFlags, SessionKey},
    nat::{candidate, has_free_port, proto},
    verdict::DropReason,
};

use super::{
    mapping,
    session::{self, EEXIST},
};
use crate::maps::{self, Scratch, scratch};

/// What the loop's body sees.
struct Search {
    skb: *mut __sk_buff,
}

/// Makes the session in the scratch, of a packet with this key, masquerade as `scratch.address`: as its
/// endpoint's mapping has it, or else behind an l4 port that is free. Returns 0 or a drop reason's number.
#[inline(always)]
pub fn masquerade(ctx: &TcContext, key: &SessionKey, now: u64) -> u32 {
    let Some(scratch) = scratch() else {
        return DropReason::SessionTableFull.number();
    };
    scratch.session.src = scratch.address;
    scratch.session.src_port = key.src_port;
    if !has_free_port(key.proto) {
        return session::make(key, now);
    }
    // The side that is asked has no identifier to choose. One that asks may have chosen 0.
    let asked = key.src_port == 0 && key.dst_port != 0;
    if asked && matches!(key.proto, proto::ICMP | proto::ICMPV6) {
        return DropReason::NatProtocol.number();
    }
    scratch.inside = MappingKey {
        address: key.src,
        network: key.network,
        port: key.src_port,
        proto: key.proto,
        pad: 0,
    };
    let known = as_mapped(scratch, key, now);
    if known != EXHAUSTED {
        return known;
    }
    // Two functions, one after the other: an l4 port for the endpoint alone, else one that is free
    // towards this destination at least.
    let found = search(ctx, key, 1);
    if found == EXHAUSTED {
        search(ctx, key, 0)
    } else {
        found
    }
}

const EXHAUSTED: u32 = DropReason::NatPortsExhausted.number();

/// Uses the endpoint's mapping, where it has one at this outside address that nobody else has towards this
/// destination.
#[inline(always)]
fn as_mapped(scratch: &mut Scratch, key: &SessionKey, now: u64) -> u32 {
    let Some(mapping) = mapping::find(&scratch.inside, now) else {
        return EXHAUSTED;
    };
    if addr::words(&mapping.address) != addr::words(&scratch.address) {
        return EXHAUSTED;
    }
    mapping.last_seen_ns = now;
    scratch.session.src_port = mapping.port;
    scratch.session.flags = scratch.session.flags.with(SessionFlags::MAPPED);
    let made = session::make(key, now);
    if made == DropReason::SessionConflict.number() {
        return EXHAUSTED;
    }
    made
}

/// Makes the session in the scratch, of a packet of the host's own, have another l4 port.
#[inline(always)]
pub fn other_port(ctx: &TcContext, key: &SessionKey) -> u32 {
    let Some(scratch) = scratch() else {
        return EXHAUSTED;
    };
    if !has_free_port(key.proto) || key.src_port == 0 {
        return DropReason::SessionConflict.number();
    }
    scratch.session.src = scratch.address;
    search(ctx, key, 0)
}

/// Searches a free l4 port; `mapped` is 1 where it is to be the endpoint's mapping.
#[inline(never)]
fn search(ctx: &TcContext, key: &SessionKey, mapped: u32) -> u32 {
    let (Some(scratch), Some(config)) = (scratch(), maps::config()) else {
        return DropReason::SessionTableFull.number();
    };
    let flags = scratch.session.flags.without(SessionFlags::MAPPED);
    scratch.session.flags = flags.with_if(SessionFlags::MAPPED, mapped != 0);
    session::turn_round(scratch, key);
    scratch.outside = MappingKey {
        address: scratch.address,
        network: 0,
        port: 0,
        proto: key.proto,
        pad: 0,
    };
    scratch.mapping = Mapping {
        last_seen_ns: scratch.session.created_ns,
        address: key.src,
        network: key.network,
        port: key.src_port,
        flags: MappingFlags::default(),
        pad: 0,
    };
    scratch.mapped = mapped;
    scratch.inside_port = key.src_port;
    scratch.low = config.nat_port_low;
    scratch.high = config.nat_port_high;
    // SAFETY: the helper takes no argument.
    scratch.hash = unsafe { bpf_get_prandom_u32() };
    scratch.error = -EEXIST;
    claim(ctx, core::ptr::from_mut(scratch), key)
}

/// Claims a port. A pointer, because `attempt` writes what it points to: of a `&mut` the compiler would
/// believe that nobody else does, and fold the error that it reads after the loop.
#[inline(always)]
fn claim(ctx: &TcContext, scratch: *mut Scratch, key: &SessionKey) -> u32 {
    let mut search = Search { skb: ctx.skb.skb };
    let state = core::ptr::from_mut(&mut search).cast::<c_void>();
    // SAFETY: the body takes the state that is passed here, and this CPU's scratch.
    unsafe { bpf_loop(PORT_TRIES, attempt as *mut c_void, state, 0) };
    // SAFETY: the loop is over.
    let scratch = unsafe { &mut *scratch };
    match scratch.error {
        0 => {}
        error if error == -EEXIST => return EXHAUSTED,
        _ => return DropReason::SessionTableFull.number(),
    }
    scratch.session.src_port = scratch.reply.dst_port;
    if scratch.mapped != 0 {
        map(scratch);
    }
    session::complete(scratch, key)
}

/// Notes the mapping for its inside. Where another CPU has done so meanwhile, its mapping stays, and
/// this session has an l4 port of its own.
#[inline(always)]
fn map(scratch: &mut Scratch) {
    scratch.mapping.address = scratch.outside.address;
    scratch.mapping.port = scratch.outside.port;
    if !mapping::insert(&scratch.inside, &scratch.mapping) {
        mapping::remove(&scratch.outside);
        scratch.session.flags = scratch.session.flags.without(SessionFlags::MAPPED);
    }
}

/// Tries one l4 port; returns 0, which goes on, only when it was taken. Inserting is what claims it, so that
/// of CPUs that race for one port a single one gets it.
unsafe extern "C" fn attempt(index: u64, state: *mut c_void) -> i64 {
    let Some(s) = scratch() else { return 1 };
    // SAFETY: `claim` passes its own state, which outlives the loop.
    let search = unsafe { &*state.cast::<Search>() };
    let port = candidate(s.inside_port, s.low, s.high, s.hash, index as u32);
    s.reply.dst_port = port;
    s.outside.port = port;
    if is_listened_to(&s.outside) || is_own(search.skb, s) {
        return 0;
    }
    if s.mapped != 0 && !mapping::insert(&s.outside, &s.mapping) {
        return 0;
    }
    s.error = session::insert(&s.reply, &s.back);
    if s.error == 0 {
        return 1;
    }
    if s.mapped != 0 {
        mapping::remove(&s.outside);
    } else if s.error == -EEXIST && session::take_over(&s.reply) {
        s.error = session::insert(&s.reply, &s.back);
    }
    i64::from(s.error != -EEXIST)
}

/// Whether an outside l4 port is published, or VXLAN's.
#[inline(always)]
fn is_listened_to(key: &MappingKey) -> bool {
    let config = maps::config();
    if key.proto == proto::UDP && config.is_some_and(|config| maps::is_vxlan_port(config, key.port))
    {
        return true;
    }
    if !config.is_some_and(|config| config.flags.has(ConfigFlags::PUBLISHED_IN_POOL)) {
        return false;
    }
    let any = PublishKey {
        address: addr::any_like(&key.address),
        port: key.port,
        proto: key.proto,
        pad: 0,
    };
    let exact = PublishKey {
        address: key.address,
        ..any
    };
    maps::publish(&any).is_some() || maps::publish(&exact).is_some()
}

/// Whether a socket of this host's has the reply's tuple, or listens to its l4 port.
#[inline(always)]
fn is_own(skb: *mut __sk_buff, scratch: &mut Scratch) -> bool {
    has_socket(skb, &scratch.reply, &mut scratch.socket)
}

/// Whether a socket of this host's takes packets with this tuple, as they come from outside.
#[inline(always)]
pub fn has_socket(skb: *mut __sk_buff, key: &SessionKey, tuple: &mut bpf_sock_tuple) -> bool {
    if !matches!(key.proto, proto::TCP | proto::UDP) {
        return false;
    }
    let size = ask(key, tuple);
    // SAFETY: the tuple is initialised up to the size given, and the context is the program's own.
    let socket = unsafe {
        if key.proto == proto::TCP {
            bpf_skc_lookup_tcp(skb.cast(), tuple, size, BPF_F_CURRENT_NETNS as u64, 0)
        } else {
            bpf_sk_lookup_udp(skb.cast(), tuple, size, BPF_F_CURRENT_NETNS as u64, 0)
        }
    };
    if socket.is_null() {
        return false;
    }
    // SAFETY: the lookup gave a reference, which is given back once.
    unsafe { bpf_sk_release(socket.cast()) };
    true
}

/// Fills in the tuple; its size says its family.
#[inline(always)]
fn ask(key: &SessionKey, tuple: &mut bpf_sock_tuple) -> u32 {
    let (sport, dport) = (key.src_port.to_be(), key.dst_port.to_be());
    if addr::is_v4(&key.dst) {
        let v4 = V4 {
            saddr: u32::from_ne_bytes(addr::low_v4(&key.src)),
            daddr: u32::from_ne_bytes(addr::low_v4(&key.dst)),
            sport,
            dport,
        };
        tuple.__bindgen_anon_1.ipv4 = v4;
        return size_of_val(&v4) as u32;
    }
    let v6 = V6 {
        saddr: addr::words(&key.src),
        daddr: addr::words(&key.dst),
        sport,
        dport,
    };
    tuple.__bindgen_anon_1.ipv6 = v6;
    size_of_val(&v6) as u32
}
