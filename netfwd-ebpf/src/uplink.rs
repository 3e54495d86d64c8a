//! Uplinks: VXLAN from peers, NAT's outside.

use aya_ebpf::{
    bindings::{
        BPF_F_ADJ_ROOM_DECAP_L3_IPV4, BPF_F_ADJ_ROOM_DECAP_L3_IPV6, BPF_F_ADJ_ROOM_FIXED_GSO,
        bpf_adj_room_mode,
    },
    programs::TcContext,
};
use netfwd_common::{
    addr::{Addr, from_v4},
    maps::{Config, Deliver, Stage as Program, Uplink},
    nat::proto,
    verdict::DropReason,
};

use network_types::ip::Ipv6Hdr;

use crate::{
    arrivals::Lane,
    count,
    exit::{Action, Outcome, Stage, Verdict, from},
    features, flow,
    frame::Frame as _,
    learn::{Standing, learn},
    maps,
    nat::crossing,
    parse::{ETH_LEN, Ethernet, Ipv4, Ipv6, ether_type},
    skb,
    source::Source,
    stage,
    vxlan::{
        decap::{self, Outer},
        encap::Version,
        injection,
    },
};

/// Segments keep their size, only the headers in front go.
const FIXED_GSO: u64 = BPF_F_ADJ_ROOM_FIXED_GSO as u64;
/// What was an IPv6 packet is an IPv4 one without its outer headers.
const DECAP_L3_IPV4: u64 = BPF_F_ADJ_ROOM_DECAP_L3_IPV4 as u64;
/// The other way round.
const DECAP_L3_IPV6: u64 = BPF_F_ADJ_ROOM_DECAP_L3_IPV6 as u64;

/// What arrives on an uplink.
#[inline(always)]
pub fn ingress(ctx: &TcContext) -> Verdict {
    if !is_of_this_link(ctx) {
        return Ok(Action::Pass);
    }
    let mut at = At {
        ifindex: skb::ifindex(ctx),
        uplink_slot: 0,
        slot: 0,
    };
    if let Some(outcome) = express(ctx, &mut at) {
        return from(at.slot, outcome.into());
    }
    if let Some(outcome) = crossing::take(ctx, at.ifindex, &mut at.slot) {
        return from(at.slot, outcome.into());
    }
    let Some(uplink) = maps::uplink(&at.ifindex) else {
        return Ok(Action::Pass);
    };
    count::rx(uplink.slot, ctx.len() as usize);
    at.uplink_slot = uplink.slot;
    at.slot = uplink.slot;
    let for_host = skb::is_for_host(ctx);
    match kind(ctx, for_host) {
        Kind::Tunnel => {
            let outcome = vxlan(ctx, &mut at);
            from(at.slot, outcome.into())
        }
        Kind::Unread => {
            skb::set_from_uplink(ctx);
            Ok(Action::Pass)
        }
        Kind::Other => from(uplink.slot, outside(ctx, uplink, for_host)),
    }
}

/// Whether a frame belongs to the uplink's own link. What a tag puts into a VLAN is of another, for which the
/// host may have an interface; VLAN 0 is none, and its tag goes.
#[inline(always)]
fn is_of_this_link(ctx: &TcContext) -> bool {
    if skb::vlan_present(ctx) == 0 {
        return true;
    }
    skb::vlan_tci(ctx) & u32::from(skb::VID) == 0 && skb::pop(ctx.skb.skb)
}

/// Where a packet came in, and who counts what becomes of it: the peer, once it is known.
struct At {
    ifindex: u32,
    uplink_slot: u32,
    slot: u32,
}

/// A frame of which the last of its kind was decapsulated.
#[inline(never)]
fn express(ctx: &TcContext, at: &mut At) -> Option<Outcome> {
    if !skb::is_for_host(ctx) {
        return None;
    }
    let lane = Lane::of(ctx, at.ifindex)?;
    let (way, seen) = lane.known(ctx)?;
    if !can_shrink(ctx, way.deliver as u8, seen) {
        return None;
    }
    at.slot = way.rx_slot;
    let octets = ctx.len() as usize;
    count::rx(way.uplink_slot, octets);
    count::rx(way.rx_slot, octets - seen.version.octets());
    let stage = shrink(ctx, seen)
        .and_then(|()| skb::deliver(ctx, way.target, way.deliver as u8, way.tx_slot));
    Some(stage.into())
}

/// A packet that is no tunnel's.
#[inline(always)]
fn outside(ctx: &TcContext, uplink: &Uplink, for_host: bool) -> Stage {
    let Some(eth) = Ethernet::read(ctx, 0) else {
        return Ok(Action::Pass);
    };
    let next = match eth.ether_type {
        ether_type::ARP => Program::External,
        // What asks for an address goes to a group, or to the uplink itself.
        ether_type::IPV6 if flow::is_solicitation(ctx) => Program::External,
        ether_type::IPV4 | ether_type::IPV6 if for_host => Program::Outside,
        _ => return Ok(Action::Pass),
    };
    stage::go(next, &Source::uplink(uplink.slot))
}

/// What a packet may be that came in by an uplink.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// VXLAN for this host, whose outer header is in the scratch.
    Tunnel,
    /// VXLAN that is the companion's to read.
    Unread,
    /// None for this host.
    Other,
}

#[inline(never)]
fn kind(ctx: &TcContext, for_host: bool) -> Kind {
    let (Some(config), Some(scratch)) = (maps::config(), maps::scratch()) else {
        return Kind::Other;
    };
    let outer = &mut scratch.outer;
    if !outer.read(ctx) {
        return Kind::Other;
    }
    // Sent once to many: the kernel's stack has it for this host because the group was joined.
    match for_host {
        false if outer.is_for_group(ctx, config) => Kind::Unread,
        true if outer.is_unread(config) => Kind::Unread,
        true if outer.is_vxlan(ctx, config) => Kind::Tunnel,
        _ => Kind::Other,
    }
}

/// A packet to the VXLAN port.
#[inline(never)]
fn vxlan(ctx: &TcContext, at: &mut At) -> Outcome {
    match (maps::config(), maps::scratch()) {
        (Some(config), Some(scratch)) => receive(ctx, config, &scratch.outer, at).into(),
        _ => Outcome::Pass,
    }
}

#[inline(always)]
fn receive(ctx: &TcContext, config: &Config, outer: &Outer, at: &mut At) -> Stage {
    let now = maps::now();
    let header = decap::header(ctx, config, outer)?;
    let tunnel = decap::sender(config, header.vni, &outer.src, now)?;
    at.slot = tunnel.slot;
    skb::set_from_uplink(ctx);
    let Some(inner) = decap::inner(ctx, outer)? else {
        return companion(ctx, outer, &header);
    };
    let seen = Seen {
        version: outer.version,
        ether_type: inner.eth.ether_type,
        proto: inner.proto,
    };
    let Some(entry) = decap::local_station(&tunnel, &inner, now) else {
        return companion(ctx, outer, &header);
    };
    if !can_shrink(ctx, entry.deliver, seen) || (header.checksum && !skb::is_verified(ctx)) {
        return companion(ctx, outer, &header);
    }
    let standing = learn(&decap::source(&tunnel), &inner.eth.src, now)?;
    if standing == Standing::AtHome
        && !header.reserved
        && !header.checksum
        && let Some(lane) = Lane::of(ctx, at.ifindex)
    {
        lane.remember(&tunnel, entry, at.uplink_slot, now);
    }
    count::rx(tunnel.slot, ctx.len() as usize - outer.version.octets());
    shrink(ctx, seen)?;
    skb::tag(ctx, entry.tag, 0)?;
    skb::deliver(ctx, entry.ifindex, entry.deliver, entry.slot)
}

/// Leaves the packet to the companion. Its kernel refuses reserved bits, which RFC 7348 §5 has a receiver
/// ignore: they are cleared.
#[inline(always)]
fn companion(ctx: &TcContext, outer: &Outer, header: &decap::Header) -> Stage {
    if header.reserved {
        skb::set_vxlan(ctx, outer.version.octets(), header.vni, header.checksum)
            .map_err(|_| DropReason::DecapFailed)?;
    }
    Ok(Action::Pass)
}

/// What of the headers says whether the outer ones can be taken off here.
#[derive(Clone, Copy)]
pub struct Seen {
    /// IP version of the outer header.
    pub version: Version,
    /// EtherType of the inner frame.
    pub ether_type: u16,
    /// Protocol of an inner IPv4 packet, next header of an IPv6 one.
    pub proto: u8,
}

impl Seen {
    /// Whether the packet is of the other IP version without its outer headers.
    #[inline(always)]
    const fn changes(self) -> bool {
        (self.ether_type == ether_type::IPV6) != matches!(self.version, Version::V6)
    }
}

/// Whether the frame survives losing its outer headers here. A change of the IP version needs a kernel that
/// can be told of it (Linux 6.3). A UDP super-packet does not: it keeps
/// the tunnel's GSO type and is lost later without a counter moving. Nor does any super-packet that
/// is then transmitted, and would be segmented as a tunnel's; the receiving side of a veth never
/// segments.
#[inline(always)]
fn can_shrink(ctx: &TcContext, deliver: u8, seen: Seen) -> bool {
    if seen.changes() && !features::decap_l3() {
        return false;
    }
    let plain = skb::gso_size(ctx) == 0;
    plain || (seen.proto == proto::TCP && deliver == Deliver::Peer as u8)
}

/// An Ethernet header as it was loaded: aligned, so that it is kept in words as well.
#[repr(C)]
struct Words {
    head: u64,
    middle: u32,
    tail: u16,
    pad: u16,
}

impl Words {
    #[inline(always)]
    const fn octets(&self) -> &[u8] {
        // SAFETY: sixteen octets of integers without padding between them, of which these are the first.
        unsafe { core::slice::from_raw_parts(core::ptr::from_ref(self).cast(), ETH_LEN) }
    }
}

/// Takes off the outer headers; the inner Ethernet header is written where the room in front of it ends.
#[inline(always)]
fn shrink(ctx: &TcContext, seen: Seen) -> Result<(), DropReason> {
    // Without NO_CSUM_RESET: what the NIC verified was the outer checksum.
    let flags = match (seen.changes(), seen.version) {
        (false, _) => FIXED_GSO,
        (true, Version::V4) => FIXED_GSO | DECAP_L3_IPV6,
        (true, Version::V6) => FIXED_GSO | DECAP_L3_IPV4,
    };
    let octets = seen.version.octets();
    let (head, middle, tail) = ctx.words(octets).ok_or(DropReason::Malformed)?;
    let inner = Words {
        head,
        middle,
        tail,
        pad: 0,
    };
    let mode = bpf_adj_room_mode::BPF_ADJ_ROOM_MAC;
    let shrunk = ctx.adjust_room(-(octets as i32), mode, flags).is_ok();
    if shrunk && skb::write(ctx, 0, inner.octets(), 0) {
        Ok(())
    } else {
        Err(DropReason::DecapFailed)
    }
}

/// What the host's stack sends out of an uplink.
#[inline(always)]
pub fn egress(ctx: &TcContext) -> Verdict {
    if skb::take_finished(ctx) {
        return Ok(Action::Pass);
    }
    let Some(uplink) = maps::uplink(&skb::ifindex(ctx)) else {
        return Ok(Action::Pass);
    };
    count::tx(uplink.slot, ctx.len() as usize);
    let Some(eth) = Ethernet::read(ctx, 0) else {
        return Ok(Action::Pass);
    };
    let Some(config) = maps::config() else {
        return Ok(Action::Pass);
    };
    match eth.ether_type {
        ether_type::IPV4 => egress_v4(ctx, config, uplink),
        ether_type::IPV6 => egress_v6(ctx, config, uplink),
        _ => Ok(Action::Pass),
    }
}

#[inline(always)]
fn egress_v6(ctx: &TcContext, config: &Config, uplink: &Uplink) -> Verdict {
    if injection::is_v6(ctx, config) {
        return from(uplink.slot, Err(DropReason::Injected));
    }
    let Some(ip) = Ipv6::read(ctx, ETH_LEN) else {
        return Ok(Action::Pass);
    };
    let l4 = ETH_LEN + Ipv6Hdr::LEN;
    // The companion's, as over IPv4. It may be a flood's clone, in the middle of the stage that floods: what is handed
    // over to another stage here would be in the way of that one.
    if ip.next_header == proto::UDP
        && maps::is_vtep(config, &ip.src)
        && injection::is_to_vxlan(ctx, config, l4)
    {
        return Ok(Action::Pass);
    }
    from(
        uplink.slot,
        leave(ctx, config, uplink, &ip.src, (ip.next_header, l4)),
    )
}

/// Has what comes from inside translated, and what is the host's own where it may clash.
#[inline(always)]
fn leave(ctx: &TcContext, config: &Config, uplink: &Uplink, src: &Addr, l4: (u8, usize)) -> Stage {
    // A VLAN of this link's is another one: of what it carries its own interface decides, where that is an uplink.
    if skb::vlan_present(ctx) != 0 && skb::vlan_tci(ctx) & u32::from(skb::VID) != 0 {
        return Ok(Action::Pass);
    }
    let mut source = Source::uplink(uplink.slot);
    if let Some(subnet) = maps::subnet(src)
        && maps::local(src).is_none()
    {
        source.network = subnet.network;
        return stage::go(Program::Leave, &source);
    }
    if is_in_pool(ctx, config, l4) {
        return stage::go(Program::Leave, &source);
    }
    Ok(Action::Pass)
}

/// Whether a packet of the host's own has an l4 port that masquerade may give to a station, or is about
/// packets of stations.
#[inline(always)]
fn is_in_pool(ctx: &TcContext, config: &Config, (proto, l4): (u8, usize)) -> bool {
    let at = match proto {
        proto::TCP | proto::UDP => l4,
        proto::ICMP | proto::ICMPV6 => return true,
        _ => return false,
    };
    let port = ctx.read::<2>(at).map_or(0, u16::from_be_bytes);
    (config.nat_port_low..=config.nat_port_high).contains(&port)
}

#[inline(always)]
fn egress_v4(ctx: &TcContext, config: &Config, uplink: &Uplink) -> Verdict {
    let Some(ip) = Ipv4::read(ctx, ETH_LEN) else {
        return Ok(Action::Pass);
    };
    // What the companion has encapsulated passes here too. The VTEP may also be what the host's own flows
    // and masquerade have as their address.
    if ip.proto == proto::UDP
        && maps::is_vtep(config, &from_v4(ip.src))
        && injection::is_to_vxlan(ctx, config, ETH_LEN + ip.header_len)
    {
        return Ok(Action::Pass);
    }
    if injection::is_v4(ctx, config, &ip) {
        return from(uplink.slot, Err(DropReason::Injected));
    }
    let l4 = ETH_LEN + ip.header_len;
    from(
        uplink.slot,
        leave(ctx, config, uplink, &from_v4(ip.src), (ip.proto, l4)),
    )
}
