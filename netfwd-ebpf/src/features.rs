//! What the running kernel can do, as the loader found by probing, and how large the loader made what each CPU has
//! of its own: read-only once loaded, so that the verifier removes what the kernel would refuse.

use netfwd_common::{limits, places};

/// The kernel takes `BPF_F_ADJ_ROOM_DECAP_L3_*` (Linux 6.3).
#[unsafe(no_mangle)]
static FEATURE_DECAP_L3: u8 = 0;

/// Whether a packet's protocol may change with its outer headers.
#[inline(always)]
pub fn decap_l3() -> bool {
    // SAFETY: a static of this program. Volatile, because the loader sets it after compilation.
    unsafe { core::ptr::read_volatile(&raw const FEATURE_DECAP_L3) != 0 }
}

/// By how much the hash of what a frame's way is remembered by is shifted to be a place.
#[unsafe(no_mangle)]
static PLACES_SHIFT: u8 = places::shift(limits::PLACES_MIN);

/// The place of what two words tell apart, in each of the memories of ways. One that a memory does not have, since
/// another loader made it, is as good as one that was never written.
#[inline(always)]
pub fn place(a: u64, b: u64) -> u32 {
    // SAFETY: as above.
    let shift = unsafe { core::ptr::read_volatile(&raw const PLACES_SHIFT) };
    places::of(a, b, shift)
}
