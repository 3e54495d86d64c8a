//! XDP on an uplink: a cache in front of TC, which is complete. It takes what it can finish, VXLAN for known
//! stations and packets of sessions whose way TC has found, and leaves whatever else arrives to TC.

mod nat;
mod vxlan;

use aya_ebpf::{bindings::xdp_action::XDP_REDIRECT, helpers::bpf_redirect, programs::XdpContext};
use netfwd_common::maps::Deliver;

use crate::frame::Frame as _;

/// What arrives on an uplink.
#[inline(always)]
pub fn ingress(ctx: &XdpContext) -> u32 {
    // SAFETY: the kernel hands the program a valid context.
    let ifindex = unsafe { (*ctx.ctx).ingress_ifindex };
    // No verdict of a packet that is taken is 0, which is XDP_ABORTED.
    match vxlan::express(ctx, ifindex) {
        0 => {}
        verdict => return verdict,
    }
    match nat::take(ctx, ifindex) {
        0 => vxlan::take(ctx, ifindex),
        verdict => verdict,
    }
}

/// Whether a target that is delivered to so takes a frame of several buffers, where this is one: a veth
/// does, a tap does not (drivers/net/tun.c has no NETDEV_XDP_ACT_NDO_XMIT_SG), and would lose it.
#[inline(always)]
fn is_taken(ctx: &XdpContext, deliver: u32, octets: usize) -> bool {
    let (start, end) = ctx.linear();
    deliver == Deliver::Peer as u32 || end - start == octets
}

/// Sends the frame out of an interface.
#[inline(always)]
fn redirect(ifindex: u32) -> u32 {
    // SAFETY: takes two integers; the kernel looks the interface up itself.
    let ret = unsafe { bpf_redirect(ifindex, 0) };
    u32::try_from(ret).unwrap_or(XDP_REDIRECT)
}
