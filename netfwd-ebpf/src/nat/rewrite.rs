//! Rewriting a packet to what its session says.

use aya_ebpf::{
    bindings::{BPF_F_MARK_MANGLED_0, BPF_F_PSEUDO_HDR},
    programs::TcContext,
};
use netfwd_common::{
    addr::{Mac, low_v4},
    csum,
    maps::Session,
    nat::proto,
    verdict::DropReason,
};

use crate::{
    frame::Frame,
    parse::{ETH_LEN, Flow, L4},
};

/// Where the TTL stands; protocol, checksum and both addresses follow it without a gap.
const TTL: usize = ETH_LEN + 8;

/// The link layer of a packet that was routed here, rather than by the host's stack.
pub struct Routed {
    /// Source MAC address.
    pub src: Mac,
    /// Destination MAC address.
    pub dst: Mac,
}

/// Writes the session's addresses and l4 ports into a packet without IP options; for one that is
/// routed here also the MACs, and one hop less to live.
#[inline(always)]
pub fn translate(
    ctx: &TcContext,
    flow: &Flow,
    session: &Session,
    routed: Option<&Routed>,
) -> Result<(), DropReason> {
    if let Some(routed) = routed {
        write(ctx, 0, &routed.dst)?;
        write(ctx, 6, &routed.src)?;
    }
    ip_header(ctx, flow, session, u8::from(routed.is_some()))?;
    l4_header(ctx, flow, session)?;
    l4_checksum(ctx, flow, session)
}

#[inline(always)]
fn write<const N: usize>(ctx: &TcContext, at: usize, bytes: &[u8; N]) -> Result<(), DropReason> {
    ctx.store(at, bytes, 0)
        .map_err(|_| DropReason::RewriteFailed)
}

/// Writes addresses and, `hops` less, the time to live. The checksum is brought up to date rather
/// than made anew: a header that was broken stays so.
#[inline(never)]
fn ip_header(ctx: &TcContext, flow: &Flow, session: &Session, hops: u8) -> Result<(), DropReason> {
    let [ttl, proto, check @ ..] = ctx.read::<4>(TTL).ok_or(DropReason::RewriteFailed)?;
    let (src, dst) = (low_v4(&session.src), low_v4(&session.dst));
    let lived = ttl.wrapping_sub(hops);
    let mut sum = u16::from_be_bytes(check);
    sum = csum::replace(sum, word(ttl, proto), word(lived, proto));
    sum = csum::replace_v4(sum, low_v4(&flow.key.src), src);
    sum = csum::replace_v4(sum, low_v4(&flow.key.dst), dst);
    let [hi, lo] = sum.to_be_bytes();
    let new = [
        lived, proto, hi, lo, src[0], src[1], src[2], src[3], dst[0], dst[1], dst[2], dst[3],
    ];
    write(ctx, TTL, &new)
}

#[inline(always)]
const fn word(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high, low])
}

#[inline(never)]
fn l4_header(ctx: &TcContext, flow: &Flow, session: &Session) -> Result<(), DropReason> {
    if flow.key.proto == proto::ICMP {
        // One of both is the identifier, the other is zero on both sides.
        let id = session.src_port | session.dst_port;
        return write(ctx, L4 + 4, &id.to_be_bytes());
    }
    let [a, b] = session.src_port.to_be_bytes();
    let [c, d] = session.dst_port.to_be_bytes();
    write(ctx, L4, &[a, b, c, d])
}

#[inline(never)]
fn l4_checksum(ctx: &TcContext, flow: &Flow, session: &Session) -> Result<(), DropReason> {
    let sum = L4Sum::of(ctx, flow);
    sum.address(low_v4(&flow.key.src), low_v4(&session.src))?;
    sum.address(low_v4(&flow.key.dst), low_v4(&session.dst))?;
    sum.port(flow.key.src_port, session.src_port)?;
    sum.port(flow.key.dst_port, session.dst_port)
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
    #[inline(always)]
    fn of(ctx: &'a TcContext, flow: &Flow) -> Self {
        let (offset, flags, pseudo_header) = match flow.key.proto {
            proto::TCP => (16, 0, true),
            // Zero stands for "no checksum" and stays zero (RFC 768).
            proto::UDP => (6, u64::from(BPF_F_MARK_MANGLED_0), true),
            _ => (2, 0, false),
        };
        Self {
            ctx,
            offset: L4 + offset,
            flags,
            pseudo_header,
        }
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
