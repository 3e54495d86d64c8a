//! Anti-spoof: a port's stations use the addresses that are bound to it, and no other.

use aya_ebpf::{bindings::BPF_NOEXIST, programs::TcContext};
use netfwd_common::{
    addr::{Addr, Mac, UNSPECIFIED, from_v4},
    arp::{ARP_LEN, Arp},
    maps::{BindingKey, BindingKind, PortFlags},
    multicast::mld,
    nat::proto,
    nd,
    verdict::DropReason,
};

use crate::{
    frame::Frame,
    icmpv6,
    maps::{self, BINDINGS},
    parse::{ETH_LEN, Ethernet, Ipv4, ether_type},
    skb,
    source::Source,
};

/// l4 ports of DHCP servers (RFC 2131 §4.1, RFC 8415 §7.2) and of the IPv4 client.
const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;
const DHCPV6_SERVER: u16 = 547;
/// The EtherType of an 802.1ad tag.
const S_TAG: u16 = 0x88a8;

/// Checks a frame's sources, or says which of them the port may not use.
#[inline(always)]
pub fn check(ctx: &TcContext, source: &Source) -> Result<(), DropReason> {
    let eth = Ethernet::read(ctx, 0).ok_or(DropReason::Malformed)?;
    if !is_bound(source, BindingKind::Mac, &of_mac(&eth.src)) {
        return Err(DropReason::SpoofedMac);
    }
    match eth.ether_type {
        ether_type::ARP => arp(ctx, source, &eth),
        ether_type::IPV4 => ipv4(ctx, source),
        ether_type::IPV6 => ipv6(ctx, source, &eth),
        // Behind a tag that is payload here, nothing could be checked.
        skb::TAG | S_TAG => Err(DropReason::Vlan),
        _ => Ok(()),
    }
}

#[inline(always)]
fn arp(ctx: &TcContext, source: &Source, eth: &Ethernet) -> Result<(), DropReason> {
    let packet = ctx.read::<ARP_LEN>(ETH_LEN).ok_or(DropReason::Malformed)?;
    let arp = Arp::parse(&packet).ok_or(DropReason::SpoofedArp)?;
    let honest = arp.sender_mac == eth.src
        && (arp.sender == [0; 4] || is_bound(source, BindingKind::Ipv4, &from_v4(arp.sender)));
    if honest {
        Ok(())
    } else {
        Err(DropReason::SpoofedArp)
    }
}

#[inline(always)]
fn ipv4(ctx: &TcContext, source: &Source) -> Result<(), DropReason> {
    const CLASS_D: u8 = 224;
    let ip = Ipv4::read(ctx, ETH_LEN).ok_or(DropReason::Malformed)?;
    if !ip.fits(ctx, ETH_LEN) {
        return Err(DropReason::Malformed);
    }
    let ports = udp_ports(ctx, ip.proto, ETH_LEN + ip.header_len);
    if ports.is_some_and(|(src, _)| src == DHCP_SERVER) && !source.flags.has(PortFlags::SERVER) {
        return Err(DropReason::Server);
    }
    let asks_dhcp = ip.src == [0; 4] && ports == Some((DHCP_CLIENT, DHCP_SERVER));
    let unicast = ip.src != [0; 4] && ip.src[0] < CLASS_D;
    if asks_dhcp || (unicast && is_bound(source, BindingKind::Ipv4, &from_v4(ip.src))) {
        Ok(())
    } else {
        Err(DropReason::SpoofedIp)
    }
}

/// The UDP ports of a packet, where it is one. Later fragments show payload here; taken for a server's
/// port it is a fragment that a client of no server sends, and dropped on the safe side.
#[inline(always)]
fn udp_ports(ctx: &TcContext, protocol: u8, offset: usize) -> Option<(u16, u16)> {
    if protocol != proto::UDP {
        return None;
    }
    let b: [u8; 4] = ctx.load(offset).ok()?;
    Some((
        u16::from_be_bytes([b[0], b[1]]),
        u16::from_be_bytes([b[2], b[3]]),
    ))
}

#[inline(always)]
fn ipv6(ctx: &TcContext, source: &Source, eth: &Ethernet) -> Result<(), DropReason> {
    const SRC: usize = ETH_LEN + 8;
    const MULTICAST: u8 = 0xff;
    let src = Addr::new(ctx.read(SRC).ok_or(DropReason::Malformed)?);
    let l4 = icmpv6::locate(ctx).ok_or(DropReason::Malformed)?;
    if l4.proto == nd::ICMPV6 {
        discovery(ctx, source, eth, l4.offset)?;
    }
    let ports = udp_ports(ctx, l4.proto, l4.offset);
    if ports.is_some_and(|(src, _)| src == DHCPV6_SERVER) && !source.flags.has(PortFlags::SERVER) {
        return Err(DropReason::Server);
    }
    let bound = if src == UNSPECIFIED {
        l4.proto == nd::ICMPV6 && may_lack_source(ctx, l4.offset)
    } else {
        src.octets[0] != MULTICAST && is_bound(source, ipv6_kind(&src), &src)
    };
    if bound {
        Ok(())
    } else {
        Err(DropReason::SpoofedIp)
    }
}

/// What a station says that has no address yet.
#[inline(always)]
fn may_lack_source(ctx: &TcContext, offset: usize) -> bool {
    matches!(
        ctx.load::<u8>(offset),
        Ok(nd::SOLICITATION
            | nd::ROUTER_SOLICITATION
            | mld::REPORT_V1
            | mld::DONE
            | mld::REPORT_V2)
    )
}

/// Router advertisements and redirects are for servers; an advertised target and the link-layer address
/// of the sender must be the sender's.
#[inline(always)]
fn discovery(
    ctx: &TcContext,
    source: &Source,
    eth: &Ethernet,
    offset: usize,
) -> Result<(), DropReason> {
    let kind: u8 = ctx.load(offset).map_err(|_| DropReason::Malformed)?;
    if matches!(kind, nd::ROUTER_ADVERTISEMENT | nd::REDIRECT) {
        let served = source.flags.has(PortFlags::SERVER);
        return if served {
            Ok(())
        } else {
            Err(DropReason::Server)
        };
    }
    if !matches!(kind, nd::SOLICITATION | nd::ADVERTISEMENT) {
        return Ok(());
    }
    let target: Addr = ctx.load(offset + 8).map_err(|_| DropReason::Malformed)?;
    let foreign = kind == nd::ADVERTISEMENT && !is_bound(source, ipv6_kind(&target), &target);
    if foreign || names_another(ctx, eth, offset) {
        return Err(DropReason::SpoofedArp);
    }
    Ok(())
}

/// Whether the first option of a solicitation or advertisement names another MAC than the frame's.
#[inline(always)]
fn names_another(ctx: &TcContext, eth: &Ethernet, offset: usize) -> bool {
    match ctx.load::<[u8; nd::OPTION_LEN]>(offset + nd::MESSAGE_LEN) {
        Ok(b) => {
            let mac = nd::option(nd::SOURCE_LINK_LAYER, &b);
            mac.or(nd::option(nd::TARGET_LINK_LAYER, &b))
                .is_some_and(|mac| mac != eth.src)
        }
        Err(_) => false,
    }
}

/// A MAC as a binding's address.
#[inline(always)]
fn of_mac(mac: &Mac) -> Addr {
    let mut address = UNSPECIFIED;
    address.octets[..6].copy_from_slice(mac);
    address
}

#[inline(always)]
fn ipv6_kind(address: &Addr) -> BindingKind {
    match (address.octets[0], address.octets[1] & 0xc0) {
        (0xfe, 0x80) => BindingKind::Ipv6LinkLocal,
        _ => BindingKind::Ipv6,
    }
}

/// Whether a port may use a source. The first of a kind is bound to a port that has none of it: who
/// inserts the claim has won, whichever CPU that is.
#[inline(never)]
fn is_bound(source: &Source, kind: BindingKind, address: &Addr) -> bool {
    let key = BindingKey {
        ifindex: source.ifindex,
        kind: kind as u32,
        address: *address,
    };
    if BINDINGS.get_ptr(key).is_some() {
        return true;
    }
    if !source.flags.has(PortFlags::FIRST_SEEN) {
        return false;
    }
    let claim = BindingKey {
        address: UNSPECIFIED,
        ..key
    };
    let now = maps::now();
    BINDINGS.insert(claim, now, u64::from(BPF_NOEXIST)).is_ok()
        && BINDINGS.insert(key, now, 0).is_ok()
}
