//! VXLAN that somebody inside makes up, on its way out of an uplink.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::{Addr, UNSPECIFIED, from_v4},
    maps::Config,
    nat::proto,
};

use crate::{
    maps::{self, PEERS},
    parse::{ETH_LEN, Ipv4},
    skb,
};

/// Octets of an IPv6 header.
const IP6_LEN: usize = 40;

/// Whether somebody inside sends VXLAN to a peer, which would take it for this host's and let it into any
/// network. The host's own addresses may; nobody inside can use them, the stack drops them as martians
/// (net/ipv4/fib_frontend.c, __fib_validate_source).
#[inline(always)]
pub fn is_v4(ctx: &TcContext, config: &Config, ip: &Ipv4) -> bool {
    ip.proto == proto::UDP
        && is_to_vxlan(ctx, config, ETH_LEN + ip.header_len)
        && is_peer(&from_v4(ip.dst))
        && maps::local(&from_v4(ip.src)).is_none()
}

/// The same over IPv6, whose stack knows no martians: what has this host's address as its source, and came
/// in by an interface that is no port, the host forwards for somebody else, whatever stands between its headers. What came
/// from a port and has outer headers now, the companion has put them on.
#[inline(never)]
pub fn is_v6(ctx: &TcContext, config: &Config) -> bool {
    const SOURCE: usize = ETH_LEN + 8;
    let (mut next_header, mut src, mut dst) = ([0], UNSPECIFIED, UNSPECIFIED);
    let whole = skb::read_into(ctx, ETH_LEN + 6, &mut next_header)
        && skb::read_into(ctx, SOURCE, &mut src.octets)
        && skb::read_into(ctx, SOURCE + 16, &mut dst.octets);
    if !whole || !is_peer(&dst) {
        return false;
    }
    if maps::is_vtep(config, &src) {
        return is_forwarded(ctx);
    }
    next_header[0] == proto::UDP && is_to_vxlan(ctx, config, ETH_LEN + IP6_LEN)
}

#[inline(always)]
fn is_forwarded(ctx: &TcContext) -> bool {
    let from = skb::ingress_ifindex(ctx);
    from != 0 && maps::port(&from).is_none()
}

/// Whether a UDP header that starts there goes to a VXLAN port.
#[inline(always)]
pub fn is_to_vxlan(ctx: &TcContext, config: &Config, udp: usize) -> bool {
    let port = ctx.load::<[u8; 2]>(udp + 2);
    port.is_ok_and(|port| maps::is_vxlan_port(config, u16::from_be_bytes(port)))
}

/// Whether an address is a peer's.
#[inline(always)]
pub fn is_peer(address: &Addr) -> bool {
    PEERS.get_ptr(address).is_some()
}
