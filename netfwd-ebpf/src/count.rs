//! Counters, a copy a CPU.

use netfwd_common::{maps::DropKey, verdict::DropReason};

use crate::maps::{COUNTERS, DROPS};

/// Counts a frame that came from the owner of `slot`.
#[inline(always)]
pub fn rx(slot: u32, octets: usize) {
    if let Some(c) = COUNTERS.get_ptr_mut(slot) {
        // SAFETY: this CPU's copy, which no other program writes while this one runs on it.
        unsafe {
            (*c).rx_packets += 1;
            (*c).rx_bytes += octets as u64;
        }
    }
}

/// Counts a frame that goes to the owner of `slot`.
#[inline(always)]
pub fn tx(slot: u32, octets: usize) {
    if let Some(c) = COUNTERS.get_ptr_mut(slot) {
        // SAFETY: as in `rx`.
        unsafe {
            (*c).tx_packets += 1;
            (*c).tx_bytes += octets as u64;
        }
    }
}

/// Counts a drop of a frame that came from the owner of `slot`.
#[inline(always)]
pub fn drop(slot: u32, reason: DropReason) {
    let key = DropKey {
        slot,
        reason: reason.number(),
    };
    if let Some(n) = DROPS.get_ptr_mut(key) {
        // SAFETY: as in `rx`.
        unsafe { *n += 1 };
        return;
    }
    // A full table loses the count of a new pair, never the drop.
    let _ = DROPS.insert(key, 1, 0);
}
