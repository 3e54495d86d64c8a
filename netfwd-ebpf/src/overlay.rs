//! The companion device: frames that the kernel decapsulated.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::{self, UNSPECIFIED},
    maps::{self as layout, NetworkFlags},
    verdict::DropReason,
};

use crate::{
    count,
    exit::{Dropped, Stage, Verdict, from},
    guard::vlan,
    maps,
    parse::Ethernet,
    skb, stage,
    vxlan::{companion, decap},
};

/// What arrives from the companion.
#[inline(always)]
pub fn ingress(ctx: &TcContext) -> Verdict {
    let now = maps::now();
    let tunnel = match admit(ctx, now) {
        Ok(tunnel) => tunnel,
        Err(reason) => return Err(Dropped { slot: 0, reason }),
    };
    count::rx(tunnel.slot, ctx.len() as usize);
    from(tunnel.slot, go_on(ctx, &tunnel))
}

#[inline(always)]
fn admit(ctx: &TcContext, now: u64) -> Result<decap::Tunnel, DropReason> {
    let config = maps::config().ok_or(DropReason::NoNetwork)?;
    let mut peer = UNSPECIFIED;
    let vni = companion::tunnel(ctx, &mut peer).ok_or(DropReason::DecapFailed)?;
    // The companion's socket listens on every address, so a container can reach it through its gateway.
    if !skb::take_from_uplink(ctx) {
        return Err(DropReason::Injected);
    }
    decap::sender(config, vni.get(), &peer, now)
}

#[inline(always)]
fn go_on(ctx: &TcContext, tunnel: &decap::Tunnel) -> Stage {
    let eth = Ethernet::read(ctx, 0).ok_or(DropReason::Malformed)?;
    if addr::is_link_local(&eth.dst) {
        return Err(DropReason::LinkLocal);
    }
    let mut source = decap::source(tunnel);
    if tunnel.network.flags.has(NetworkFlags::VLAN) {
        vlan::from_peer(ctx, &mut source, tunnel.network)?;
    }
    stage::go(layout::Stage::Bridge, &source)
}
