//! The companion device: frames that the kernel decapsulated.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::{self, UNSPECIFIED},
    maps::NetworkFlags,
    verdict::DropReason,
};

use crate::{
    bridge, count,
    exit::{Action, Dropped, Stage, Verdict, from},
    maps, nat,
    parse::Ethernet,
    vxlan::{companion, decap},
};

/// What arrives from the companion. Nothing passes from here to the host's stack but by a gateway
/// device: the companion belongs to no network of the host's.
#[inline(always)]
pub fn ingress(ctx: &TcContext) -> Verdict {
    let now = maps::now();
    let tunnel = match admit(ctx, now) {
        Ok(tunnel) => tunnel,
        Err(reason) => return Err(Dropped { slot: 0, reason }),
    };
    count::rx(tunnel.slot, ctx.len() as usize);
    match bridge_in(ctx, &tunnel, now) {
        Ok(Action::Pass) => from(tunnel.slot, Err(DropReason::NoTarget)),
        stage => from(tunnel.slot, stage),
    }
}

#[inline(always)]
fn admit(ctx: &TcContext, now: u64) -> Result<decap::Tunnel, DropReason> {
    let config = maps::config().ok_or(DropReason::NoNetwork)?;
    let mut peer = UNSPECIFIED;
    let vni = companion::tunnel(ctx, &mut peer).ok_or(DropReason::DecapFailed)?;
    decap::sender(config, vni.get(), peer, now)
}

#[inline(always)]
fn bridge_in(ctx: &TcContext, tunnel: &decap::Tunnel, now: u64) -> Stage {
    let eth = Ethernet::read(ctx, 0).ok_or(DropReason::Malformed)?;
    if addr::is_link_local(&eth.dst) {
        return Err(DropReason::LinkLocal);
    }
    let source = decap::source(tunnel);
    bridge::learn(&source, &eth.src, now)?;
    let network = tunnel.network;
    if network.flags.has(NetworkFlags::GATEWAY) && eth.dst == network.gateway_mac {
        return nat::egress::from_inside(ctx, &source, network, &eth, now).into();
    }
    bridge::forward(ctx, &source, network, &eth, now)
}
