//! The way of a known station's frames to a known station, remembered per CPU. It holds until what it
//! follows from changes, and for 100 jiffies at most (0.1 to 1 s), so that stamps are renewed.

use aya_ebpf::{helpers::bpf_jiffies64, programs::TcContext};
use netfwd_common::{
    limits::STAMP_INTERVAL_NS,
    maps::{Express, FdbEntry, FdbFlags, Port},
};

use crate::{
    count,
    exit::{Verdict, from},
    frame::Frame,
    maps, skb,
};

/// How long a way is remembered.
const JIFFIES: u64 = 100;

/// What a frame's way is remembered by. A frame without headers has no element, and zero for the rest:
/// in an `Option` around it all that would be undefined, and the verifier refuses to see that kept on
/// the stack.
pub struct Lane {
    head: u64,
    tail: u32,
    ifindex: u32,
    epoch: u64,
    element: Option<&'static mut Express>,
}

impl Lane {
    /// The lane of a frame. The epoch is read before anything is looked up, so that what changes
    /// meanwhile voids what was found.
    #[inline(always)]
    pub fn of(ctx: &TcContext, ifindex: u32) -> Self {
        let Some((head, tail)) = stations(ctx) else {
            return Self {
                head: 0,
                tail: 0,
                ifindex,
                epoch: 0,
                element: None,
            };
        };
        let element = maps::express(hash(head, tail, ifindex));
        Self {
            head,
            tail,
            ifindex,
            epoch: maps::epoch(),
            element,
        }
    }

    /// Sends the frame where the last of its kind went.
    #[inline(always)]
    pub fn take(&self, ctx: &TcContext) -> Option<Verdict> {
        let way = self.element.as_deref()?;
        let same = way.head == self.head && way.tail == self.tail && way.ifindex == self.ifindex;
        if !same || way.epoch != self.epoch || jiffies().wrapping_sub(way.since) > JIFFIES {
            return None;
        }
        count::rx(way.rx_slot, ctx.len() as usize);
        let stage = skb::deliver(ctx, way.target, way.deliver as u8, way.tx_slot);
        Some(from(way.rx_slot, stage))
    }

    /// Remembers where frames of this kind go, unless the destination is about to age or needs a tag.
    #[inline(always)]
    pub fn remember(&mut self, port: &Port, target: &FdbEntry, now: u64) {
        let age = now.saturating_sub(target.last_seen_ns) + STAMP_INTERVAL_NS;
        let lasts = target.flags.has(FdbFlags::STATIC) || age <= port.ageing_ns;
        if !lasts || target.tag != 0 {
            return;
        }
        let Some(element) = self.element.as_deref_mut() else {
            return;
        };
        *element = Express {
            head: self.head,
            tail: self.tail,
            ifindex: self.ifindex,
            epoch: self.epoch,
            since: jiffies(),
            rx_slot: port.slot,
            tx_slot: target.slot,
            target: target.ifindex,
            deliver: u32::from(target.deliver),
            pad: [0; 2],
        };
    }
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

/// The last octets of both stations tell most frames apart.
#[inline(always)]
const fn hash(head: u64, tail: u32, ifindex: u32) -> u32 {
    let mixed = (head >> 32) as u32 ^ tail.rotate_left(16) ^ ifindex;
    mixed.wrapping_mul(0x9e37_79b1) >> 20
}

/// Ticks since the machine started; the verifier makes it one load (kernel/bpf/verifier.c,
/// do_misc_fixups).
#[inline(always)]
fn jiffies() -> u64 {
    // SAFETY: the helper takes no argument.
    unsafe { bpf_jiffies64() }
}
