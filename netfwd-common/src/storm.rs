//! Storm control: how many frames a port may flood, by the virtual scheduling algorithm (ITU-T I.371
//! annex A), whose state is one number.

use crate::limits::STORM_BURST_NS;

/// Admits a frame at `now` to a flow of `rate` frames a second whose next frame is due at `due`; says
/// when the one after is due, or `None` where the frame comes too early. Times are in nanoseconds. A
/// rate of 0 admits nothing.
#[inline(always)]
pub const fn admit(due: u64, now: u64, rate: u32) -> Option<u64> {
    const SECOND: u64 = 1_000_000_000;
    if rate == 0 {
        return None;
    }
    let start = if due > now { due } else { now };
    if start - now > STORM_BURST_NS {
        return None;
    }
    Some(start + SECOND / rate as u64)
}
