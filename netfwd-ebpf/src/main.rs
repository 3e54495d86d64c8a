//! netfwd's TC and XDP programs: the entry points, which sequence the stages.
#![no_std]
#![no_main]
// Core offers atomics only where the target declares compare-and-swap, which BPF's does not.
#![cfg_attr(target_arch = "bpf", feature(core_intrinsics))]
#![cfg_attr(
    target_arch = "bpf",
    expect(
        internal_features,
        reason = "an atomic addition is one instruction of BPF"
    )
)]
#![expect(
    missing_docs,
    clippy::needless_pass_by_value,
    reason = "aya's macros make functions without docs, and hand the programs their context by value"
)]

mod arrivals;
mod balance;
mod bridge;
mod count;
mod event;
mod exit;
mod express;
mod external;
mod features;
mod flood;
mod flow;
mod fragment;
mod frame;
mod guard;
mod icmp_error;
mod icmpv6;
mod learn;
mod maps;
mod mtu;
mod multicast;
mod nat;
mod neighbour;
mod overlay;
mod parse;
mod port;
mod reachable;
mod route;
mod scratch;
mod skb;
mod sock;
mod source;
mod stage;
mod uplink;
mod vxlan;
mod xdp;

use aya_ebpf::{
    macros::{cgroup_sock_addr, classifier, xdp},
    programs::{SockAddrContext, TcContext, XdpContext},
};

/// TC ingress of a port: what a container, a VM or the host's own stack sends.
#[classifier]
pub fn port_ingress(ctx: TcContext) -> i32 {
    let verdict = port::ingress(&ctx);
    exit::tc(&ctx, verdict)
}

/// Stage: what a guarded port admits.
#[classifier]
pub fn port_guard(ctx: TcContext) -> i32 {
    let verdict = guard::admit(&ctx);
    exit::tc(&ctx, verdict)
}

/// Stage: learning and forwarding behind [`port_guard`].
#[classifier]
pub fn port_bridge(ctx: TcContext) -> i32 {
    let verdict = guard::bridge(&ctx);
    exit::tc(&ctx, verdict)
}

/// Stage: ARP and ND.
#[classifier]
pub fn neighbour(ctx: TcContext) -> i32 {
    let verdict = neighbour::handle(&ctx);
    exit::tc(&ctx, verdict)
}

/// Stage: IP multicast.
#[classifier]
pub fn multicast(ctx: TcContext) -> i32 {
    let verdict = multicast::handle(&ctx);
    exit::tc(&ctx, verdict)
}

/// Stage: telling the sender of a frame that does not fit what does.
#[classifier]
pub fn too_big(ctx: TcContext) -> i32 {
    let verdict = mtu::too_big::handle(&ctx);
    exit::tc(&ctx, verdict)
}

/// Stage: ICMP errors about translated packets.
#[classifier]
pub fn icmp_error(ctx: TcContext) -> i32 {
    let verdict = icmp_error::handle(&ctx);
    exit::tc(&ctx, verdict)
}

/// Stage: fragments.
#[classifier]
pub fn fragment(ctx: TcContext) -> i32 {
    let verdict = fragment::handle(&ctx);
    exit::tc(&ctx, verdict)
}

/// Stage: ARP and ND for the outside addresses that are answered for on an uplink.
#[classifier]
pub fn external(ctx: TcContext) -> i32 {
    let verdict = external::handle(&ctx);
    exit::tc(&ctx, verdict)
}

/// Stage: packets to a gateway's MAC.
#[classifier]
pub fn route(ctx: TcContext) -> i32 {
    let verdict = nat::inside::route(&ctx);
    exit::tc(&ctx, verdict)
}

/// Stage: packets from outside that are no tunnel's.
#[classifier]
pub fn outside(ctx: TcContext) -> i32 {
    let verdict = nat::outside::arrive(&ctx);
    exit::tc(&ctx, verdict)
}

/// Stage: what the host's stack sends out of an uplink.
#[classifier]
pub fn leave(ctx: TcContext) -> i32 {
    let verdict = nat::leave::leave(&ctx);
    exit::tc(&ctx, verdict)
}

/// Stage: making the session of a flow's first packet.
#[classifier]
pub fn open(ctx: TcContext) -> i32 {
    let verdict = nat::open::open(&ctx);
    exit::tc(&ctx, verdict)
}

/// TC ingress of an uplink: VXLAN from peers, and packets from outside that NAT knows.
#[classifier]
pub fn uplink_ingress(ctx: TcContext) -> i32 {
    let verdict = uplink::ingress(&ctx);
    exit::tc(&ctx, verdict)
}

/// TC egress of an uplink: what the host's stack routed out of a masqueraded network.
#[classifier]
pub fn uplink_egress(ctx: TcContext) -> i32 {
    let verdict = uplink::egress(&ctx);
    exit::tc(&ctx, verdict)
}

/// TC ingress of the companion device: what the kernel decapsulated because the fast path could not.
#[classifier]
pub fn overlay_ingress(ctx: TcContext) -> i32 {
    let verdict = overlay::ingress(&ctx);
    exit::tc(&ctx, verdict)
}

/// XDP on an uplink: a cache in front of [`uplink_ingress`] for VXLAN to known unicast.
#[xdp(frags)]
pub fn uplink_xdp(ctx: XdpContext) -> u32 {
    xdp::ingress(&ctx)
}

/// A process connects: IPv4.
#[cgroup_sock_addr(connect4)]
pub fn sock_connect4(ctx: SockAddrContext) -> i32 {
    sock::send::<sock::V4>(&ctx)
}

/// A process connects: IPv6.
#[cgroup_sock_addr(connect6)]
pub fn sock_connect6(ctx: SockAddrContext) -> i32 {
    sock::send::<sock::V6>(&ctx)
}

/// A process sends a datagram: IPv4.
#[cgroup_sock_addr(sendmsg4)]
pub fn sock_sendmsg4(ctx: SockAddrContext) -> i32 {
    sock::send::<sock::V4>(&ctx)
}

/// A process sends a datagram: IPv6.
#[cgroup_sock_addr(sendmsg6)]
pub fn sock_sendmsg6(ctx: SockAddrContext) -> i32 {
    sock::send::<sock::V6>(&ctx)
}

/// A process receives a datagram: IPv4.
#[cgroup_sock_addr(recvmsg4)]
pub fn sock_recvmsg4(ctx: SockAddrContext) -> i32 {
    sock::receive::<sock::V4>(&ctx)
}

/// A process receives a datagram: IPv6.
#[cgroup_sock_addr(recvmsg6)]
pub fn sock_recvmsg6(ctx: SockAddrContext) -> i32 {
    sock::receive::<sock::V6>(&ctx)
}

/// A process asks whom it is connected to: IPv4.
#[cgroup_sock_addr(getpeername4)]
pub fn sock_getpeername4(ctx: SockAddrContext) -> i32 {
    sock::receive::<sock::V4>(&ctx)
}

/// A process asks whom it is connected to: IPv6.
#[cgroup_sock_addr(getpeername6)]
pub fn sock_getpeername6(ctx: SockAddrContext) -> i32 {
    sock::receive::<sock::V6>(&ctx)
}

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // Nothing here panics: the verifier would have to find this loop reachable, and refuses it.
    loop {}
}

// The kernel lets only programs that say so call its GPL-only helpers; "Dual MIT/GPL" does.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
