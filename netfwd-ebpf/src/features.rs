//! What the running kernel can do, as the loader found by probing: read-only once loaded, so that the
//! verifier removes what the kernel would refuse.

/// The kernel takes `BPF_F_ADJ_ROOM_DECAP_L3_*` (Linux 6.3).
#[unsafe(no_mangle)]
static FEATURE_DECAP_L3: u8 = 0;

/// Whether a packet's protocol may change with its outer headers.
#[inline(always)]
pub fn decap_l3() -> bool {
    // SAFETY: a static of this program. Volatile, because the loader sets it after compilation.
    unsafe { core::ptr::read_volatile(&raw const FEATURE_DECAP_L3) != 0 }
}
