//! The kernel's FIB, and the next hops cached from it.

use aya_ebpf::{
    EbpfContext,
    bindings::{BPF_FIB_LKUP_RET_SUCCESS, bpf_fib_lookup as FibParams},
    helpers::bpf_fib_lookup,
    programs::TcContext,
};
use netfwd_common::{limits::NEXT_HOP_TTL_NS, maps::NextHop};

use crate::parse::IP_LEN;

/// `AF_INET`, include/linux/socket.h.
const AF_INET: u8 = 2;

/// A question to the FIB.
pub struct Query {
    /// The interface that the packet is taken to have come in on.
    pub ifindex: u32,
    /// Source address.
    pub src: [u8; 4],
    /// Destination address.
    pub dst: [u8; 4],
}

/// Whether a cached next hop may still be used.
#[inline(always)]
pub fn is_fresh(next_hop: &NextHop, now: u64) -> bool {
    next_hop.ifindex != 0 && now.wrapping_sub(next_hop.resolved_ns) < NEXT_HOP_TTL_NS
}

/// Asks the FIB. `false` stands for what the host's stack must see to: the packet is for this host,
/// there is no route or none that may be taken, or the neighbour is yet to be resolved. The input
/// interface must have forwarding on (net/core/filter.c, bpf_ipv4_fib_lookup), which the loader sees
/// to on the devices that it makes.
#[inline(never)]
pub fn lookup(ctx: &TcContext, query: &Query, now: u64, next_hop: &mut NextHop) -> bool {
    // SAFETY: a struct of integers, for which all zero is a value.
    let mut params: FibParams = unsafe { core::mem::zeroed() };
    params.family = AF_INET;
    params.ifindex = query.ifindex;
    // Any length that fits every path: without one the helper tells the device's MTU rather than the
    // route's or the path's, and fails where this very frame exceeds it (net/core/filter.c,
    // bpf_skb_fib_lookup).
    params.__bindgen_anon_1.tot_len = IP_LEN as u16;
    params.__bindgen_anon_3.ipv4_src = u32::from_ne_bytes(query.src);
    params.__bindgen_anon_4.ipv4_dst = u32::from_ne_bytes(query.dst);
    let size = size_of::<FibParams>() as i32;
    // SAFETY: the parameters are initialised and have the size given.
    let ret = unsafe { bpf_fib_lookup(ctx.as_ptr(), &raw mut params, size, 0) };
    if ret != i64::from(BPF_FIB_LKUP_RET_SUCCESS) {
        return false;
    }
    next_hop.resolved_ns = now;
    next_hop.ifindex = params.ifindex;
    // SAFETY: after a successful lookup the union holds the route's MTU.
    next_hop.mtu = u32::from(unsafe { params.__bindgen_anon_1.mtu_result });
    next_hop.src_mac = params.smac;
    next_hop.dst_mac = params.dmac;
    true
}
