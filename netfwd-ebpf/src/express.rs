//! The way of a known station's frames to a known station, remembered per CPU. It holds until what it
//! follows from changes, and for 100 jiffies at most (0.1 to 1 s), so that stamps are renewed.

use aya_ebpf::{helpers::bpf_jiffies64, programs::TcContext};
use netfwd_common::{
    limits::STAMP_INTERVAL_NS,
    maps::{Express, FdbEntry, FdbFlags, Port, PortFlags, Terms, Wrap},
    nat::proto,
};

use crate::{
    count,
    exit::{Stage, Verdict, from},
    features,
    frame::{Frame, Octets},
    maps, mtu,
    parse::{ETH_LEN, IP_LEN, L4, MF_AND_OFFSET, ether_type},
    skb,
    vxlan::encap::{self, Version},
};

/// How long a way is remembered.
pub const JIFFIES: u64 = 100;

/// What a frame's way is remembered by.
pub struct Lane {
    head: u64,
    tail: u32,
    ifindex: u32,
    epoch: u64,
    element: &'static mut Express,
}

impl Lane {
    /// The lane of a frame. The epoch is read before anything is looked up, so that what changes
    /// meanwhile voids what was found.
    #[inline(always)]
    pub fn of(ctx: &TcContext, ifindex: u32) -> Option<Self> {
        let (head, tail) = stations(ctx)?;
        let element = maps::express(place(head, tail, ifindex))?;
        Some(Self {
            head,
            tail,
            ifindex,
            epoch: maps::epoch(),
            element,
        })
    }

    /// Whether the way in the lane's place is one of frames of this kind.
    #[inline(always)]
    fn is_own(&self) -> bool {
        let way = &*self.element;
        way.head == self.head && way.tail == self.tail && way.ifindex == self.ifindex
    }

    /// Sends the frame where the last of its kind went.
    #[inline(always)]
    pub fn take(&mut self, ctx: &TcContext) -> Option<Verdict> {
        let way = &*self.element;
        if !self.is_own() || !stands(way.epoch, way.since, self.epoch) || !meets(ctx, way) {
            return None;
        }
        let rx_slot = way.rx_slot;
        let stage = if way.target == 0 {
            self.encapsulate(ctx)?
        } else {
            count::rx(rx_slot, ctx.len() as usize);
            skb::deliver(ctx, way.target, way.deliver, way.tx_slot)
        };
        Some(from(rx_slot, stage))
    }

    /// Encapsulates a frame as the last of its kind was, where nothing about this one is unusual.
    #[inline(always)]
    fn encapsulate(&mut self, ctx: &TcContext) -> Option<Stage> {
        let way = &mut *self.element;
        let octets = ctx.len() as usize;
        let ether_type = u16::from_be_bytes(ctx.read(ETH_LEN - 2)?);
        let plain = skb::vlan_present(ctx) == 0 && encap::is_wrappable(ctx, ether_type);
        if !plain || !mtu::fits(ctx, way.wrap.limit) {
            return None;
        }
        mtu::clamp(ctx, ether_type, way.wrap.limit);
        count::rx(way.rx_slot, octets);
        count::tx(way.tx_slot, octets);
        let version = match way.deliver {
            6 => Version::V6,
            _ => Version::V4,
        };
        Some(encap::send(ctx, &mut way.wrap, version, ether_type).into())
    }

    /// Remembers where frames of this kind go, unless the destination is about to age or needs a tag, or another
    /// way has the place.
    #[inline(always)]
    pub fn remember(&mut self, port: &Port, target: &FdbEntry, kind: &Kind, now: u64) {
        let age = now.saturating_sub(target.last_seen_ns) + STAMP_INTERVAL_NS;
        let lasts = target.flags.has(FdbFlags::STATIC) || age <= port.ageing_ns;
        let taken = !self.is_own() && stands(self.element.epoch, self.element.since, self.epoch);
        if !lasts || target.tag != 0 || taken {
            return;
        }
        let way = &mut *self.element;
        if target.ifindex == 0 {
            // The element may hold a way that still stands: what cannot be remembered leaves it as it is.
            let Some(wrap) = wrapped() else {
                return;
            };
            way.wrap = *wrap;
            way.deliver = Version::of(&target.peer) as u8;
        } else {
            way.deliver = target.deliver;
        }
        way.terms = kind.terms;
        way.source = kind.source;
        way.head = self.head;
        way.tail = self.tail;
        way.ifindex = self.ifindex;
        way.epoch = self.epoch;
        way.since = jiffies();
        way.rx_slot = port.slot;
        way.tx_slot = target.slot;
        way.target = target.ifindex;
    }
}

/// Which frames of two stations are treated alike at a port.
pub struct Kind {
    terms: Terms,
    source: u32,
}

impl Kind {
    /// The kind of a frame that a port has admitted; `None` where what its network listens to may be in it.
    #[inline(always)]
    pub fn of(ctx: &TcContext, port: &Port) -> Option<Self> {
        const LOOKED_INTO: PortFlags = PortFlags::ANTI_SPOOF.with(PortFlags::SUPPRESSION);
        let (mut terms, mut source) = (Terms::default(), 0);
        if port.flags.has_any(LOOKED_INTO) {
            terms = Terms::USUAL.with_if(Terms::BOUND, port.flags.has(PortFlags::ANTI_SPOOF));
            source = usual_source(ctx)?;
        } else if port.flags.has(PortFlags::VLAN) {
            terms = Terms::UNTAGGED;
        }
        Some(Self { terms, source })
    }
}

/// Whether a frame is of the kind that goes this way.
#[inline(always)]
fn meets(ctx: &TcContext, way: &Express) -> bool {
    if way.terms == Terms::default() {
        return true;
    }
    if !way.terms.has(Terms::USUAL) {
        return is_untagged(ctx);
    }
    match usual_source(ctx) {
        Some(source) => source == way.source || !way.terms.has(Terms::BOUND),
        None => false,
    }
}

/// Whether a frame has no 802.1Q tag, neither in the metadata nor in itself.
#[inline(always)]
fn is_untagged(ctx: &TcContext) -> bool {
    skb::vlan_present(ctx) == 0
        && Octets::of(ctx, ETH_LEN).is_some_and(|o| o.u16(ETH_LEN - 2) != skb::TAG.to_be())
}

/// The source, in memory order, of a whole packet of TCP or UDP over IPv4 without options that is no DHCP server's. Of
/// such packets [`crate::guard`] looks at nothing but the source, and [`crate::neighbour`] at nothing.
#[inline(always)]
fn usual_source(ctx: &TcContext) -> Option<u32> {
    const IPV4: u16 = ether_type::IPV4.to_be();
    const DHCP_SERVER: u16 = 67_u16.to_be();
    let o = Octets::of(ctx, L4 + 4)?;
    let total = usize::from(u16::from_be(o.u16(ETH_LEN + 2)));
    let whole = o.u16(ETH_LEN + 6) & MF_AND_OFFSET.to_be() == 0;
    let plain = o.u16(ETH_LEN - 2) == IPV4 && o.u8(ETH_LEN) == 0x45 && whole;
    if !plain || skb::vlan_present(ctx) != 0 || total < IP_LEN || ETH_LEN + total > ctx.octets() {
        return None;
    }
    let usual = match o.u8(ETH_LEN + 9) {
        proto::TCP => true,
        proto::UDP => o.u16(L4) != DHCP_SERVER,
        _ => false,
    };
    // From no address a station may ask for one by DHCP, and send nothing else.
    let source = o.u32(ETH_LEN + 12);
    (usual && source != 0).then_some(source)
}

/// How the frame at hand was wrapped for a peer, unless it was left to the companion.
#[inline(always)]
fn wrapped() -> Option<&'static Wrap> {
    let wrap = &maps::scratch()?.wrap;
    (wrap.ifindex != 0).then_some(wrap)
}

/// Both stations of a frame whose headers are in the linear part.
#[inline(always)]
fn stations(ctx: &TcContext) -> Option<(u64, u32)> {
    let (start, end) = ctx.linear();
    if start + 14 > end {
        return None;
    }
    // SAFETY: the octets lie before `end`, which the verifier proves again.
    unsafe {
        Some((
            core::ptr::read_volatile(start as *const u64),
            core::ptr::read_volatile((start + 8) as *const u32),
        ))
    }
}

/// The place of the frames between two stations.
#[inline(always)]
pub fn place(head: u64, tail: u32, ifindex: u32) -> u32 {
    features::place(head, u64::from(tail ^ ifindex))
}

/// Whether what was remembered at a time, in an epoch, may be gone by. What still may is left in its place by others:
/// of frames that take turns for one some are remembered, where none would be if each took it from the last.
#[inline(always)]
pub fn stands(epoch: u64, since: u64, now: u64) -> bool {
    epoch == now && jiffies().wrapping_sub(since) <= JIFFIES
}

/// Ticks since the machine started; the verifier makes it one load (kernel/bpf/verifier.c,
/// do_misc_fixups).
#[inline(always)]
pub fn jiffies() -> u64 {
    // SAFETY: the helper takes no argument.
    unsafe { bpf_jiffies64() }
}
