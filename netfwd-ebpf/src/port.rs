//! Ports: what containers, VMs and the host's own stack send into a network.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr,
    maps::{NetworkFlags, Port, PortFlags},
    verdict::DropReason,
};

use crate::{
    bridge::{self, Source},
    count,
    exit::{Action, Stage, Verdict, from},
    maps, nat,
    parse::Ethernet,
    skb,
};

/// What arrives on a port.
#[inline(always)]
pub fn ingress(ctx: &TcContext) -> Verdict {
    let ifindex = skb::ifindex(ctx);
    // An interface that is no port (any more) is the host's.
    let Some(port) = maps::port(&ifindex) else {
        return Ok(Action::Pass);
    };
    count::rx(port.slot, ctx.len() as usize);
    from(port.slot, admitted(ctx, ifindex, port))
}

#[inline(always)]
fn admitted(ctx: &TcContext, ifindex: u32, port: &Port) -> Stage {
    let eth = Ethernet::read(ctx, 0).ok_or(DropReason::Malformed)?;
    if addr::is_link_local(&eth.dst) {
        return Ok(Action::Pass);
    }
    let network = maps::network(&port.network).ok_or(DropReason::NoNetwork)?;
    let now = maps::now();
    let source = Source::port(ifindex, port);
    bridge::learn(&source, &eth.src, now)?;
    let is_gateway = port.flags.has(PortFlags::GATEWAY);
    if !is_gateway && network.flags.has(NetworkFlags::GATEWAY) && eth.dst == network.gateway_mac {
        return nat::egress::from_inside(ctx, &source, network, &eth, now).into();
    }
    bridge::forward(ctx, &source, network, &eth, now)
}
