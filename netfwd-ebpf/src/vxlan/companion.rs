//! The companion: a kernel vxlan device in metadata mode, which takes any frame.

use core::num::NonZeroU32;

use aya_ebpf::{
    bindings::{__sk_buff, BPF_F_DONT_FRAGMENT, BPF_F_ZERO_CSUM_TX, bpf_tunnel_key},
    helpers::{bpf_skb_get_tunnel_key, bpf_skb_set_tunnel_key},
    programs::TcContext,
};
use netfwd_common::{
    addr::{Addr, from_v4, low_v4},
    maps::{ConfigFlags, Network},
    verdict::DropReason,
};

use crate::{count, exit::Stage, maps, skb};

/// Octets of the key up to `tunnel_label`: the size without a local address, which every kernel from
/// 4.3 on takes (net/core/filter.c, bpf_skb_set_tunnel_key).
const KEY_LEN: u32 = core::mem::offset_of!(bpf_tunnel_key, __bindgen_anon_3) as u32;

/// Sends a frame to a peer through the companion.
#[inline(always)]
pub fn to_peer(ctx: &TcContext, network: &Network, peer: &Addr, slot: u32) -> Stage {
    let config = maps::config().ok_or(DropReason::EncapFailed)?;
    if config.companion_ifindex == 0 {
        return Err(DropReason::EncapFailed);
    }
    set_tunnel(ctx.skb.skb, network.vni, peer).map_err(|_| DropReason::EncapFailed)?;
    count::tx(slot, ctx.len() as usize);
    skb::transmit(config.companion_ifindex)
}

/// Writes the tunnel's destination into the frame's metadata, for the companion to read.
#[inline(always)]
pub fn set_tunnel(skb: *mut __sk_buff, vni: u32, peer: &Addr) -> Result<(), i64> {
    let config = maps::config().ok_or(-1)?;
    let mut key = empty_key();
    key.tunnel_id = vni;
    key.__bindgen_anon_1.remote_ipv4 = u32::from_be_bytes(low_v4(peer));
    key.tunnel_ttl = config.ttl;
    key.tunnel_tos = config.tos;
    let checksum = config.flags.has(ConfigFlags::UDP_CHECKSUM);
    let zero_csum = if checksum {
        0
    } else {
        u64::from(BPF_F_ZERO_CSUM_TX)
    };
    let flags = u64::from(BPF_F_DONT_FRAGMENT) | zero_csum;
    // SAFETY: the key is initialised up to the length given.
    let ret = unsafe { bpf_skb_set_tunnel_key(skb, &raw mut key, KEY_LEN, flags) };
    if ret == 0 { Ok(()) } else { Err(ret) }
}

/// The VNI and the peer of a frame that the companion received. No network has VNI 0.
#[inline(never)]
pub fn tunnel(ctx: &TcContext, peer: &mut Addr) -> Option<NonZeroU32> {
    let mut key = empty_key();
    // SAFETY: the key has at least the length given.
    let ret = unsafe { bpf_skb_get_tunnel_key(ctx.skb.skb, &raw mut key, KEY_LEN, 0) };
    if ret != 0 {
        return None;
    }
    // SAFETY: without BPF_F_TUNINFO_IPV6 the helper fills in the IPv4 address, in host order.
    let address = unsafe { key.__bindgen_anon_1.remote_ipv4 };
    *peer = from_v4(address.to_be_bytes());
    NonZeroU32::new(key.tunnel_id)
}

#[inline(always)]
fn empty_key() -> bpf_tunnel_key {
    // SAFETY: a struct of integers, for which all zero is a value.
    unsafe { core::mem::zeroed() }
}
