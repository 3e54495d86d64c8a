//! The kernel's FIB, and the next hops cached from it.

use aya_ebpf::{
    EbpfContext,
    bindings::{BPF_FIB_LKUP_RET_NO_NEIGH, BPF_FIB_LKUP_RET_SUCCESS, bpf_fib_lookup as FibParams},
    helpers::bpf_fib_lookup,
    programs::TcContext,
};
use netfwd_common::{
    addr::{self, Addr},
    limits::NEXT_HOP_TTL_NS,
    maps::{NextHop, SessionKey},
};

use crate::{exit::Stage, maps, skb};

/// `AF_INET`, include/linux/socket.h.
const AF_INET: u8 = 2;
/// `AF_INET6`, include/linux/socket.h.
const AF_INET6: u8 = 10;

/// What the FIB knows of a way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The next hop, whole.
    Found,
    /// The interface and the next hop's address, whose MAC the kernel does not know yet: [`resolve`] sends.
    Unresolved,
    /// The host's stack must see to it: the packet is for this host, or there is no route or none that
    /// may be taken.
    Host,
}

/// Whether a cached next hop may still be used.
#[inline(always)]
pub fn is_fresh(next_hop: &NextHop, now: u64) -> bool {
    next_hop.ifindex != 0 && now.wrapping_sub(next_hop.resolved_ns) < NEXT_HOP_TTL_NS
}

/// Prepares a question about IPv4 addresses. `ifindex` is the interface that the packet is taken to have
/// come in on; it must have forwarding on (net/core/filter.c, bpf_ipv4_fib_lookup), which the loader sees to
/// on the devices that it makes.
#[inline(always)]
pub fn ask_v4(ifindex: u32, src: [u8; 4], dst: [u8; 4]) {
    if let Some(params) = asked(AF_INET, ifindex) {
        params.__bindgen_anon_3.ipv4_src = u32::from_ne_bytes(src);
        params.__bindgen_anon_4.ipv4_dst = u32::from_ne_bytes(dst);
    }
}

/// Prepares a question about addresses of either family, both of the same.
#[inline(never)]
pub fn ask(ifindex: u32, src: &Addr, dst: &Addr) {
    if addr::is_v4(dst) {
        ask_v4(ifindex, addr::low_v4(src), addr::low_v4(dst));
    } else if let Some(params) = asked(AF_INET6, ifindex) {
        params.__bindgen_anon_3.ipv6_src = addr::words(src);
        params.__bindgen_anon_4.ipv6_dst = addr::words(dst);
    }
}

/// Prepares a question about a flow: rules and multipath routes may look at its l4 ports.
#[inline(never)]
pub fn ask_flow(ifindex: u32, key: &SessionKey) {
    ask(ifindex, &key.src, &key.dst);
    if let Some(scratch) = maps::scratch() {
        scratch.fib.l4_protocol = key.proto;
        scratch.fib.sport = key.src_port.to_be();
        scratch.fib.dport = key.dst_port.to_be();
    }
}

#[inline(always)]
fn asked(family: u8, ifindex: u32) -> Option<&'static mut FibParams> {
    let params = &mut maps::scratch()?.fib;
    // SAFETY: a struct of integers, for which all zero is a value.
    *params = unsafe { core::mem::zeroed() };
    params.family = family;
    params.ifindex = ifindex;
    // Any length has the kernel look at the route's MTU and its exceptions, and tell it; of 0 it tells
    // the device's (net/core/filter.c, bpf_skb_fib_lookup).
    params.__bindgen_anon_1.tot_len = 1;
    Some(params)
}

/// Asks the FIB what was prepared; `false` for what is not [`Answer::Found`].
#[inline(never)]
pub fn lookup(ctx: &TcContext, now: u64, next_hop: &mut NextHop) -> bool {
    find(ctx, now, next_hop) == Answer::Found
}

/// Asks the FIB what was prepared.
#[inline(always)]
pub fn find(ctx: &impl EbpfContext, now: u64, next_hop: &mut NextHop) -> Answer {
    let Some(scratch) = maps::scratch() else {
        return Answer::Host;
    };
    let params = &mut scratch.fib;
    let size = size_of::<FibParams>() as i32;
    // SAFETY: the parameters are initialised and have the size given.
    let ret = unsafe { bpf_fib_lookup(ctx.as_ptr(), core::ptr::from_mut(params), size, 0) };
    // The interface is told before the neighbour is looked for (net/core/filter.c, bpf_ipv4_fib_lookup).
    if ret == i64::from(BPF_FIB_LKUP_RET_NO_NEIGH) {
        next_hop.ifindex = params.ifindex;
        return Answer::Unresolved;
    }
    if ret != i64::from(BPF_FIB_LKUP_RET_SUCCESS) {
        return Answer::Host;
    }
    next_hop.resolved_ns = now;
    next_hop.ifindex = params.ifindex;
    // SAFETY: after a successful lookup the union holds the route's MTU.
    next_hop.mtu = u32::from(unsafe { params.__bindgen_anon_1.mtu_result });
    next_hop.src_mac = params.smac;
    next_hop.dst_mac = params.dmac;
    Answer::Found
}

/// Whether the packet whose next hop was found is to go by [`resolve`] all the same: [`crate::reachable`].
#[inline(always)]
pub fn asks_again(now: u64) -> bool {
    maps::scratch().is_some_and(|scratch| scratch.hops.ask(&scratch.fib, now))
}

/// What [`asks_again`] is going to say.
#[inline(always)]
pub fn would_ask_again(now: u64) -> bool {
    maps::scratch().is_some_and(|scratch| scratch.hops.is_due(&scratch.fib, now))
}

/// Sends a packet to the next hop that was found, by the kernel's neighbour: it resolves it where it is not, and keeps
/// the packet meanwhile.
#[inline(never)]
pub fn resolve() -> crate::exit::Outcome {
    send_by_neighbour().into()
}

#[inline(always)]
fn send_by_neighbour() -> Stage {
    let scratch = maps::scratch().ok_or(netfwd_common::verdict::DropReason::NoTarget)?;
    let (params, neigh) = (&scratch.fib, &mut scratch.neigh);
    neigh.nh_family = params.family.into();
    // SAFETY: the union's larger member, whose first word is the IPv4 address where it is one.
    neigh.__bindgen_anon_1.ipv6_nh = unsafe { params.__bindgen_anon_4.ipv6_dst };
    skb::transmit_to(params.ifindex, neigh)
}
