//! The companions: kernel vxlan devices in metadata mode, one a UDP port, which take any frame.

use core::num::NonZeroU32;

use aya_ebpf::{
    bindings::{
        __sk_buff, BPF_F_DONT_FRAGMENT, BPF_F_TUNINFO_IPV6, BPF_F_ZERO_CSUM_TX, bpf_tunnel_key,
    },
    helpers::{bpf_skb_get_tunnel_key, bpf_skb_load_bytes, bpf_skb_set_tunnel_key},
    programs::TcContext,
};
use netfwd_common::{
    addr::{self, Addr, from_v4},
    maps::{Config, ConfigFlags, Network},
    verdict::DropReason,
};

use crate::{
    exit::Outcome,
    maps::{self, PEERS},
    parse::{ETH_LEN, ether_type},
    skb,
};

/// The whole key, this host's address included (Linux 6.0).
const KEY_LEN: u32 = size_of::<bpf_tunnel_key>() as u32;
/// Where the TOS of an IPv4 packet, or the end of an IPv6 one's traffic class stands.
const TOS: usize = ETH_LEN + 1;

/// Sends a frame to a peer through the companion of its UDP port.
#[inline(always)]
pub fn to_peer(ctx: &TcContext, network: &Network, peer: &Addr) -> Outcome {
    match set_tunnel(ctx.skb.skb, network.vni, peer) {
        0 => Outcome::Drop(DropReason::EncapFailed),
        ifindex => skb::transmit(ifindex).into(),
    }
}

/// Writes the tunnel's ends into the frame's metadata, for the companion to read; gives the companion's
/// interface, or 0 where there is none.
#[inline(never)]
pub fn set_tunnel(skb: *mut __sk_buff, vni: u32, address: &Addr) -> u32 {
    let (Some(config), Some(scratch)) = (maps::config(), maps::scratch()) else {
        return 0;
    };
    let key = &mut scratch.key;
    *key = empty_key();
    key.tunnel_id = vni;
    key.tunnel_ttl = config.ttl;
    let mut flags = looks(skb, config, &mut key.tunnel_tos);
    let is_v4 = addr::is_v4(address);
    if is_v4 {
        key.__bindgen_anon_1.remote_ipv4 = u32::from_be_bytes(addr::low_v4(address));
    } else {
        key.__bindgen_anon_1.remote_ipv6 = addr::words(address);
        flags |= u64::from(BPF_F_TUNINFO_IPV6);
    }
    let mut ifindex = config.companion_ifindex;
    if let Some(peer) = PEERS.get_ptr(address) {
        // SAFETY: the element stays readable until this program's RCU section ends.
        let peer = unsafe { maps::shared(peer) };
        if is_v4 {
            key.__bindgen_anon_3.local_ipv4 = u32::from_be_bytes(addr::low_v4(&peer.source));
        } else {
            key.__bindgen_anon_3.local_ipv6 = addr::words(&peer.source);
        }
        ifindex = peer.companion_ifindex;
    }
    // SAFETY: the key is initialised up to the length given.
    let ret = unsafe { bpf_skb_set_tunnel_key(skb, core::ptr::from_mut(key), KEY_LEN, flags) };
    if ret == 0 { ifindex } else { 0 }
}

/// How the outer header looks: the flags of its key, and its TOS. Its ECN field the device sets (net/ipv4/ip_tunnel_core.c,
/// ip_tunnel_ecn_encap), the rest of what is inherited it does not.
#[inline(always)]
fn looks(skb: *mut __sk_buff, config: &Config, tos: &mut u8) -> u64 {
    let mut flags = 0;
    if !config.flags.has(ConfigFlags::UDP_CHECKSUM) {
        flags |= u64::from(BPF_F_ZERO_CSUM_TX);
    }
    let (inner_tos, inner_df) = inner(skb);
    *tos = if config.flags.has(ConfigFlags::TOS_INHERIT) {
        inner_tos
    } else {
        config.tos
    };
    let inherits = config.flags.has(ConfigFlags::DF_INHERIT);
    if config.flags.has(ConfigFlags::DF) || (inherits && inner_df) {
        flags |= u64::from(BPF_F_DONT_FRAGMENT);
    }
    flags
}

/// TOS and DF of the inner packet; what is not IP has neither.
#[inline(always)]
fn inner(skb: *mut __sk_buff) -> (u8, bool) {
    let mut b = [0_u8; 10];
    let offset = TOS as u32 - 3;
    // SAFETY: `b` has room for the octets asked for.
    let ret = unsafe { bpf_skb_load_bytes(skb.cast(), offset, b.as_mut_ptr().cast(), 10) };
    let ether_type = u16::from_be_bytes([b[0], b[1]]);
    match ether_type {
        _ if ret != 0 => (0, false),
        ether_type::IPV4 => (b[3], b[8] & 0x40 != 0),
        ether_type::IPV6 => ((b[2] << 4) | (b[3] >> 4), true),
        _ => (0, false),
    }
}

/// The VNI and the peer of a frame that the companion received. No network has VNI 0.
#[inline(never)]
pub fn tunnel(ctx: &TcContext, peer: &mut Addr) -> Option<NonZeroU32> {
    let mut key = empty_key();
    // SAFETY: the key has at least the length given.
    let ret = unsafe { bpf_skb_get_tunnel_key(ctx.skb.skb, &raw mut key, KEY_LEN, 0) };
    if ret == 0 {
        // SAFETY: without BPF_F_TUNINFO_IPV6 the helper fills in the IPv4 address, in host order.
        let address = unsafe { key.__bindgen_anon_1.remote_ipv4 };
        *peer = from_v4(address.to_be_bytes());
        return NonZeroU32::new(key.tunnel_id);
    }
    let flags = u64::from(BPF_F_TUNINFO_IPV6);
    // SAFETY: the key has at least the length given.
    let ret = unsafe { bpf_skb_get_tunnel_key(ctx.skb.skb, &raw mut key, KEY_LEN, flags) };
    if ret != 0 {
        return None;
    }
    // SAFETY: with it, the IPv6 address in wire order.
    *peer = addr::from_words(unsafe { key.__bindgen_anon_1.remote_ipv6 });
    NonZeroU32::new(key.tunnel_id)
}

#[inline(always)]
fn empty_key() -> bpf_tunnel_key {
    // SAFETY: a struct of integers, for which all zero is a value.
    unsafe { core::mem::zeroed() }
}
