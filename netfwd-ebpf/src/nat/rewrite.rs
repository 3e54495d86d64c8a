//! Rewriting a packet to what its session says.

use aya_ebpf::{
    bindings::{BPF_F_MARK_MANGLED_0, BPF_F_PSEUDO_HDR, BPF_F_RECOMPUTE_CSUM},
    helpers::bpf_csum_diff,
    programs::TcContext,
};
use netfwd_common::{
    addr::{self, Addr, Mac, low_v4, mac_word},
    csum,
    maps::{Crossing, Session},
    nat::{has_free_port, proto},
    verdict::DropReason,
};

use crate::{
    flow::Flow,
    frame::{Frame, Octets},
    parse::{ETH_LEN, L4},
    skb,
};

/// Where an IPv4 packet's TTL stands; protocol, checksum and both addresses follow it without a gap.
const TTL: usize = ETH_LEN + 8;
/// Where an IPv6 packet's hop limit stands; both addresses follow it without a gap.
const HOPS: usize = ETH_LEN + 7;

/// What routing changes of a packet.
pub enum Hop<'a> {
    /// Nothing: the host's stack routes it.
    None,
    /// One hop less to live; the kernel writes the Ethernet header.
    Counted,
    /// One hop less to live, from one station to another.
    Between(&'a Mac, &'a Mac),
}

impl Hop<'_> {
    const fn count(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::Counted | Self::Between(..) => 1,
        }
    }
}

/// Writes the session's addresses and l4 ports into a packet, and the hop that it makes here.
#[inline(always)]
pub fn translate(
    ctx: &TcContext,
    flow: &Flow,
    session: &Session,
    hop: &Hop<'_>,
) -> Result<(), DropReason> {
    if let Hop::Between(src, dst) = hop
        && flow.is_plain()
        && let Some(done) = at_once(ctx, &Change::of(flow, session, **src, **dst))
    {
        done?;
        return checksum(ctx, flow, session);
    }
    macs(ctx, hop)?;
    if flow.is_v4() {
        ipv4_header(ctx, flow, &session.src, &session.dst, hop.count())?;
    } else {
        ipv6_header(ctx, flow, session, hop.count())?;
    }
    if flow.is_later() {
        return Ok(());
    }
    ports(ctx, flow, session)?;
    checksum(ctx, flow, session)
}

/// What becomes of TCP or UDP over IPv4 without options that goes on one hop; in memory order.
struct Change {
    macs: [u64; 2],
    old: [u32; 2],
    new: [u32; 2],
    ports: [u16; 2],
}

impl Change {
    #[inline(always)]
    fn of(flow: &Flow, session: &Session, src_mac: Mac, dst_mac: Mac) -> Self {
        let ([.., src], [.., dst]) = (addr::words(&session.src), addr::words(&session.dst));
        let ([.., old_src], [.., old_dst]) =
            (addr::words(&flow.key.src), addr::words(&flow.key.dst));
        Self {
            macs: [mac_word(src_mac), mac_word(dst_mac)],
            old: [old_src, old_dst],
            new: [src, dst],
            ports: [session.src_port.to_be(), session.dst_port.to_be()],
        }
    }
}

/// Translates a packet whose way is remembered.
#[inline(always)]
pub fn cross(ctx: &TcContext, way: &Crossing) -> Result<(), DropReason> {
    let [old, new] = [way.ports, way.new_ports].map(halves);
    let change = Change {
        macs: [way.src_mac, way.dst_mac],
        old: [way.src, way.dst],
        new: [way.new_src, way.new_dst],
        ports: new,
    };
    at_once(ctx, &change).ok_or(DropReason::RewriteFailed)??;
    let Some(sum) = L4Sum::at(ctx, L4, way.proto as u8) else {
        return Ok(());
    };
    for (old, new) in change.old.into_iter().zip(change.new) {
        sum.address(old.to_ne_bytes(), new.to_ne_bytes())?;
    }
    for (old, new) in old.into_iter().zip(new) {
        sum.port(u16::from_be(old), u16::from_be(new))?;
    }
    Ok(())
}

/// Both l4 ports of a word, in memory order as it is.
#[inline(always)]
const fn halves(ports: u32) -> [u16; 2] {
    let [a, b, c, d] = ports.to_ne_bytes();
    [u16::from_ne_bytes([a, b]), u16::from_ne_bytes([c, d])]
}

/// Writes everything but the l4 checksum with one call, pieced together of words; `None` where the headers are
/// not in the linear part.
#[inline(always)]
fn at_once(ctx: &TcContext, change: &Change) -> Option<Result<(), DropReason>> {
    const WRITTEN: usize = L4 + 4;
    let packet = Octets::of(ctx, WRITTEN)?;
    let ([old_src, old_dst], [src, dst]) = (change.old, change.new);
    let before = packet.u16(TTL);
    let [ttl, proto] = before.to_ne_bytes();
    let lived = u16::from_ne_bytes([ttl - 1, proto]);
    // Words in any byte order, as long as it is the same one (RFC 1071 §2 B).
    let sum = csum::replace(packet.u16(TTL + 2), before, lived);
    let sum = csum::replace_words(csum::replace_words(sum, old_src, src), old_dst, dst);
    let ([smac, dmac], ports) = (change.macs, change.ports);
    let headers = [
        dmac as u16,
        (dmac >> 16) as u16,
        (dmac >> 32) as u16,
        smac as u16,
        (smac >> 16) as u16,
        (smac >> 32) as u16,
        packet.u16(12),
        packet.u16(ETH_LEN),
        packet.u16(ETH_LEN + 2),
        packet.u16(ETH_LEN + 4),
        packet.u16(ETH_LEN + 6),
        lived,
        sum,
        src as u16,
        (src >> 16) as u16,
        dst as u16,
        (dst >> 16) as u16,
        ports[0],
        ports[1],
    ];
    // SAFETY: integers without padding, of the size given.
    let octets = unsafe { core::slice::from_raw_parts(headers.as_ptr().cast(), WRITTEN) };
    Some(if skb::write(ctx, 0, octets, 0) {
        Ok(())
    } else {
        Err(DropReason::RewriteFailed)
    })
}

/// One hop, and nothing else.
#[inline(always)]
pub fn forward(ctx: &TcContext, flow: &Flow, hop: &Hop<'_>) -> Result<(), DropReason> {
    macs(ctx, hop)?;
    if flow.is_v4() {
        return ipv4_header(ctx, flow, &flow.key.src, &flow.key.dst, hop.count());
    }
    let lived = flow.ttl.saturating_sub(hop.count());
    recomputed(ctx, HOPS, &[lived])
}

#[inline(always)]
fn macs(ctx: &TcContext, hop: &Hop<'_>) -> Result<(), DropReason> {
    let Hop::Between(src, dst) = hop else {
        return Ok(());
    };
    let octets = [
        dst[0], dst[1], dst[2], dst[3], dst[4], dst[5], src[0], src[1], src[2], src[3], src[4],
        src[5],
    ];
    write(ctx, 0, &octets)
}

#[inline(always)]
fn write<const N: usize>(ctx: &TcContext, at: usize, octets: &[u8; N]) -> Result<(), DropReason> {
    if skb::write(ctx, at, octets, 0) {
        Ok(())
    } else {
        Err(DropReason::RewriteFailed)
    }
}

/// Writes what a device has summed up: the sum is brought up to date.
#[inline(always)]
fn recomputed<const N: usize>(
    ctx: &TcContext,
    at: usize,
    octets: &[u8; N],
) -> Result<(), DropReason> {
    if skb::write(ctx, at, octets, u64::from(BPF_F_RECOMPUTE_CSUM)) {
        Ok(())
    } else {
        Err(DropReason::RewriteFailed)
    }
}

/// Writes addresses and, `hops` less, the time to live. The checksum is brought up to date rather
/// than made anew: a header that was broken stays so. What a device has summed up stays as it is, because
/// the header with its checksum sums to nothing.
#[inline(always)]
fn ipv4_header(
    ctx: &TcContext,
    flow: &Flow,
    src: &Addr,
    dst: &Addr,
    hops: u8,
) -> Result<(), DropReason> {
    let old: [u8; 4] = ctx.read(TTL).ok_or(DropReason::Malformed)?;
    let [ttl, proto, high, low] = old;
    let lived = ttl.saturating_sub(hops);
    let (src, dst) = (low_v4(src), low_v4(dst));
    let sum = csum::replace(word(high, low), word(ttl, proto), word(lived, proto));
    let sum = csum::replace_v4(sum, low_v4(&flow.key.src), src);
    let sum = csum::replace_v4(sum, low_v4(&flow.key.dst), dst);
    let [high, low] = sum.to_be_bytes();
    let new = [
        lived, proto, high, low, src[0], src[1], src[2], src[3], dst[0], dst[1], dst[2], dst[3],
    ];
    write(ctx, TTL, &new)
}

#[inline(always)]
const fn word(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high, low])
}

/// Both addresses stand next to each other in the session as in the header.
#[inline(always)]
fn ipv6_header(
    ctx: &TcContext,
    flow: &Flow,
    session: &Session,
    hops: u8,
) -> Result<(), DropReason> {
    recomputed(ctx, HOPS, &[flow.ttl.saturating_sub(hops)])?;
    recomputed(ctx, HOPS + 1, &session.src.octets)?;
    recomputed(ctx, HOPS + 1 + size_of::<Addr>(), &session.dst.octets)
}

/// Brings the l4 checksum up to date.
#[inline(always)]
fn checksum(ctx: &TcContext, flow: &Flow, session: &Session) -> Result<(), DropReason> {
    let Some(sum) = L4Sum::of(ctx, flow) else {
        return Ok(());
    };
    if flow.is_v4() {
        sum.address(low_v4(&flow.key.src), low_v4(&session.src))?;
        sum.address(low_v4(&flow.key.dst), low_v4(&session.dst))?;
    } else {
        sum.addresses(flow, session)?;
    }
    sum.port(flow.key.src_port, session.src_port)?;
    sum.port(flow.key.dst_port, session.dst_port)
}

#[inline(always)]
fn ports(ctx: &TcContext, flow: &Flow, session: &Session) -> Result<(), DropReason> {
    let at = flow.l4 as usize;
    if !has_free_port(flow.key.proto) {
        return Ok(());
    }
    if matches!(flow.key.proto, proto::ICMP | proto::ICMPV6) {
        // One of both is the identifier, the other is zero on both sides.
        let id = session.src_port | session.dst_port;
        return write(ctx, at + 4, &id.to_be_bytes());
    }
    let [a, b] = session.src_port.to_be_bytes();
    let [c, d] = session.dst_port.to_be_bytes();
    write(ctx, at, &[a, b, c, d])
}

/// The l4 checksum of a packet, which may be complete, absent (UDP), or partial and left to the NIC:
/// the helper knows.
struct L4Sum<'a> {
    ctx: &'a TcContext,
    offset: usize,
    flags: u64,
    pseudo_header: bool,
}

impl<'a> L4Sum<'a> {
    /// `None` where translation changes nothing behind the IP header: SCTP keeps its ports, and its CRC
    /// covers no address (RFC 9260 §6.8).
    #[inline(always)]
    fn of(ctx: &'a TcContext, flow: &Flow) -> Option<Self> {
        Self::at(ctx, flow.l4 as usize, flow.key.proto)
    }

    /// The same of a protocol whose header starts there.
    #[inline(always)]
    fn at(ctx: &'a TcContext, l4: usize, protocol: u8) -> Option<Self> {
        let (offset, flags, pseudo_header) = match protocol {
            proto::TCP => (16, 0, true),
            // Zero stands for "no checksum" and stays zero (RFC 768).
            proto::UDP => (6, u64::from(BPF_F_MARK_MANGLED_0), true),
            proto::ICMP => (2, 0, false),
            proto::ICMPV6 => (2, 0, true),
            _ => return None,
        };
        Some(Self {
            ctx,
            offset: l4 + offset,
            flags,
            pseudo_header,
        })
    }

    #[inline(always)]
    fn address(&self, old: [u8; 4], new: [u8; 4]) -> Result<(), DropReason> {
        if old == new || !self.pseudo_header {
            return Ok(());
        }
        let flags = self.flags | u64::from(BPF_F_PSEUDO_HDR) | 4;
        let (old, new) = (u32::from_ne_bytes(old), u32::from_ne_bytes(new));
        self.replace(u64::from(old), u64::from(new), flags)
    }

    /// Both IPv6 addresses at once. The difference goes into what a device has summed up as well, from which
    /// writing the addresses has taken it (net/core/utils.c, `inet_proto_csum_replace_by_diff`).
    #[inline(always)]
    fn addresses(&self, flow: &Flow, session: &Session) -> Result<(), DropReason> {
        const BOTH: u32 = 2 * size_of::<Addr>() as u32;
        // SAFETY: source and destination stand next to each other in both.
        let difference = unsafe {
            bpf_csum_diff(
                (&raw const flow.key.src).cast_mut().cast(),
                BOTH,
                (&raw const session.src).cast_mut().cast(),
                BOTH,
                0,
            )
        };
        let difference = u32::try_from(difference).map_err(|_| DropReason::RewriteFailed)?;
        let flags = self.flags | u64::from(BPF_F_PSEUDO_HDR);
        self.replace(0, u64::from(difference), flags)
    }

    #[inline(always)]
    fn port(&self, old: u16, new: u16) -> Result<(), DropReason> {
        if old == new {
            return Ok(());
        }
        self.replace(
            u64::from(old.to_be()),
            u64::from(new.to_be()),
            self.flags | 2,
        )
    }

    #[inline(always)]
    fn replace(&self, old: u64, new: u64, flags: u64) -> Result<(), DropReason> {
        let replaced = self.ctx.l4_csum_replace(self.offset, old, new, flags);
        replaced.map_err(|_| DropReason::RewriteFailed)
    }
}
