//! Fragments that came before the first of their datagram. There is no queue to hold a frame in, so its
//! octets are kept in a map, and given to clones of the first when that has come.

use core::{ffi::c_void, ptr::read_volatile};

use aya_ebpf::{
    bindings::{__sk_buff, BPF_F_INGRESS, BPF_F_RECOMPUTE_CSUM},
    btf_maps::Array,
    helpers::{
        bpf_clone_redirect, bpf_loop, bpf_skb_change_tail, bpf_skb_load_bytes, bpf_skb_store_bytes,
    },
    macros::btf_map,
};
use netfwd_common::{
    fragment::{self, HELD_EACH, HELD_OCTETS, is_same, is_vacant, waits, window},
    maps::{FragmentKey, Held, HeldState},
    verdict::DropReason,
};

use super::Packet;
use crate::{
    count, maps,
    parse::{ETH_LEN, IP_LEN},
    skb,
};

const _: () = assert!(fragment::HELD.is_power_of_two());
/// Octets of the shortest frame of a fragment.
const SHORTEST: u32 = (ETH_LEN + IP_LEN) as u32;

/// The fragments that wait.
#[btf_map(name = "held")]
static HELD: Array<Held, { fragment::HELD as usize }> = Array::new();

/// What the loops' bodies need.
struct Walk<'a> {
    key: &'a FragmentKey,
    now: u64,
    skb: *mut __sk_buff,
    ifindex: u32,
    start: u32,
    /// The element that was claimed, or how many frames were sent.
    found: u32,
    tci: u16,
}

impl<'a> Walk<'a> {
    #[inline(always)]
    fn new(packet: &'a Packet<'_>, found: u32) -> Self {
        let key = &packet.datagram.key;
        Self {
            key,
            now: packet.now,
            skb: packet.ctx.skb.skb,
            ifindex: skb::ifindex(packet.ctx),
            start: window(key),
            found,
            tci: packet.source.tci,
        }
    }

    /// The element with an index, of those where this datagram's fragments wait.
    #[inline(always)]
    fn index(&self, index: u64) -> u32 {
        self.start.wrapping_add(index as u32) & (fragment::HELD - 1)
    }

    /// Runs a body for each of them, and gives what it has found.
    #[inline(always)]
    fn run(&mut self, body: *mut c_void) -> u32 {
        let state = core::ptr::from_mut(self);
        // SAFETY: the body takes this state; it is read through the pointer, because the compiler does not
        // see that the loop wrote it.
        unsafe {
            bpf_loop(HELD_EACH, body, state.cast(), 0);
            read_volatile(&raw const (*state).found)
        }
    }
}

/// Keeps a fragment; gives the element that has it, or `None` where there is no room.
#[inline(never)]
pub fn hold(packet: &Packet<'_>) -> Option<u32> {
    let at = Walk::new(packet, fragment::HELD).run(vacancy as *mut c_void);
    let held = HELD.get_ptr_mut(at)?;
    // SAFETY: the element of an array stays valid, and this program has claimed it.
    let (filled, state) = unsafe { (fill(packet, &mut *held), &raw mut (*held).state) };
    if filled && exchange(state, HeldState::Busy, HeldState::Full) {
        return Some(at);
    }
    exchange(state, HeldState::Busy, HeldState::Free);
    None
}

/// Claims an element that is nobody's, or has waited in vain; returns 0, which goes on, until it has.
unsafe extern "C" fn vacancy(index: u64, state: *mut c_void) -> i64 {
    // SAFETY: `hold` passes its own state, which outlives the loop.
    let walk = unsafe { &mut *state.cast::<Walk<'_>>() };
    let at = walk.index(index);
    let Some(held) = HELD.get_ptr_mut(at) else {
        return 0;
    };
    // SAFETY: the element of an array stays valid; what is read of it may be another program's to write, and
    // counts only once it has been claimed.
    let (was, noted_ns, slot) = unsafe {
        (
            read_volatile(&raw const (*held).state),
            (*held).noted_ns,
            (*held).slot,
        )
    };
    let from = if was == HeldState::Full as u32 {
        HeldState::Full
    } else {
        HeldState::Free
    };
    // SAFETY: as above.
    let state = unsafe { &raw mut (*held).state };
    if !is_vacant(was, noted_ns, walk.now) || !exchange(state, from, HeldState::Busy) {
        return 0;
    }
    if from == HeldState::Full {
        count::drop(slot, DropReason::FragmentLost);
    }
    walk.found = at;
    1
}

/// Copies a frame into an element that was claimed for it.
#[inline(always)]
fn fill(packet: &Packet<'_>, held: &mut Held) -> bool {
    let len = packet.ctx.len();
    // Both bounds by a comparison of their own, between which the helper stands: of one for both Linux 6.1 does
    // not see that it bounds the length.
    if len > HELD_OCTETS as u32 {
        return false;
    }
    held.noted_ns = maps::now();
    if len < SHORTEST {
        return false;
    }
    held.len = len;
    held.slot = packet.source.slot;
    held.key = packet.datagram.key;
    // SAFETY: the element has room for that many octets.
    unsafe {
        bpf_skb_load_bytes(
            packet.ctx.skb.skb.cast(),
            0,
            held.octets.as_mut_ptr().cast(),
            len,
        ) == 0
    }
}

/// Takes back what was just kept; `false` where another program has it already.
#[inline(always)]
pub fn take_back(at: u32) -> bool {
    HELD.get_ptr_mut(at).is_some_and(|held| {
        // SAFETY: the element of an array stays valid.
        let state = unsafe { &raw mut (*held).state };
        exchange(state, HeldState::Full, HeldState::Free)
    })
}

/// Has a first fragment and those that waited for it come in again, in this order; `false` where none did. The
/// frame is none of them any more then.
#[inline(never)]
pub fn release(packet: &Packet<'_>) -> bool {
    Walk::new(packet, 0).run(send as *mut c_void) != 0
}

/// Sends a fragment of the datagram that has waited; returns 0, which goes on.
unsafe extern "C" fn send(index: u64, state: *mut c_void) -> i64 {
    // SAFETY: `release` passes its own state, which outlives the loop.
    let walk = unsafe { &mut *state.cast::<Walk<'_>>() };
    let Some(held) = HELD.get_ptr_mut(walk.index(index)) else {
        return 0;
    };
    // SAFETY: the element of an array stays valid; what another program writes meanwhile is looked at again
    // once it is claimed.
    let (held, state) = unsafe { (&*held, &raw mut (*held).state) };
    if !waits(held, walk.key, walk.now) || !exchange(state, HeldState::Full, HeldState::Busy) {
        return 0;
    }
    if !is_same(&held.key, walk.key) {
        exchange(state, HeldState::Busy, HeldState::Full);
        return 0;
    }
    if walk.found == 0 {
        walk.come_again();
        walk.found = 1;
    }
    if walk.become_held(held) {
        walk.come_again();
    }
    exchange(state, HeldState::Busy, HeldState::Free);
    0
}

impl Walk<'_> {
    /// Has the frame come in again as it is now, behind what has arrived since.
    #[inline(always)]
    fn come_again(&self) {
        let tagged = self.tci != 0 && skb::push(self.skb, self.tci);
        // SAFETY: the context is the program's own; the kernel looks the interface up itself.
        unsafe { bpf_clone_redirect(self.skb, self.ifindex, u64::from(BPF_F_INGRESS)) };
        if tagged {
            skb::pop(self.skb);
        }
    }

    /// Makes the frame the one that was kept. What a device has summed up of it starts behind the Ethernet
    /// header.
    #[inline(always)]
    fn become_held(&self, held: &Held) -> bool {
        const SUMMED: u64 = BPF_F_RECOMPUTE_CSUM as u64;
        let (len, octets) = (held.len, held.octets.as_ptr());
        // As in `fill`.
        if len > HELD_OCTETS as u32 {
            return false;
        }
        // SAFETY: the context is the program's own.
        let resized = unsafe { bpf_skb_change_tail(self.skb, len, 0) == 0 };
        if !resized || len < SHORTEST {
            return false;
        }
        let rest = len - ETH_LEN as u32;
        // SAFETY: the element has that many octets.
        unsafe {
            store(self.skb, 0, octets, ETH_LEN as u32, 0) == 0
                && store(self.skb, ETH_LEN as u32, octets.add(ETH_LEN), rest, SUMMED) == 0
        }
    }
}

/// Writes octets of a frame.
///
/// # Safety
///
/// There are so many octets.
#[inline(always)]
unsafe fn store(skb: *mut __sk_buff, at: u32, from: *const u8, octets: u32, flags: u64) -> i64 {
    // SAFETY: the caller's promise; the helper sees to it that they fit the frame.
    unsafe { bpf_skb_store_bytes(skb.cast(), at, from.cast(), octets, flags) }
}

/// Hands an element from one to another, unless somebody was faster.
#[cfg(target_arch = "bpf")]
#[inline(always)]
fn exchange(state: *mut u32, from: HeldState, to: HeldState) -> bool {
    use core::intrinsics::{AtomicOrdering::SeqCst, atomic_cxchg};
    // SAFETY: it points into an element of an array, which stays valid.
    unsafe { atomic_cxchg::<u32, { SeqCst }, { SeqCst }>(state, from as u32, to as u32).1 }
}

/// The same on the host, whose clippy reads these programs.
#[cfg(not(target_arch = "bpf"))]
#[inline(always)]
fn exchange(state: *mut u32, from: HeldState, to: HeldState) -> bool {
    use core::sync::atomic::{AtomicU32, Ordering::SeqCst};
    // SAFETY: as there.
    unsafe { AtomicU32::from_ptr(state) }
        .compare_exchange(from as u32, to as u32, SeqCst, SeqCst)
        .is_ok()
}
