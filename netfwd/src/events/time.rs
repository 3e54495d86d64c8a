//! When something happened, as people read it.

use nix::time::{ClockId, clock_gettime};

use crate::dataplane::maps::now_ns;

const SECOND: u64 = 1_000_000_000;

/// Nanoseconds since the epoch.
pub(super) fn now() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_REALTIME).expect("every kernel has CLOCK_REALTIME");
    now.tv_sec() as u64 * SECOND + now.tv_nsec() as u64
}

/// Nanoseconds since the epoch of a stamp of the programs, CLOCK_MONOTONIC.
pub(super) fn of_stamp(stamp_ns: u64) -> u64 {
    now().saturating_sub(now_ns().saturating_sub(stamp_ns))
}

/// RFC 3339 with milliseconds, UTC.
pub(super) fn format(epoch_ns: u64) -> String {
    let (seconds, millis) = (epoch_ns / SECOND, epoch_ns % SECOND / 1_000_000);
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// The Gregorian date of a day since 1970-01-01: Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `civil_from_days`, whose years begin in March.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (year + era * 400 + u64::from(month <= 2), month, day)
}
