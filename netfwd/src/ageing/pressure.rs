//! Pressure: the session table, or the l4 ports of an outside address, are full or nearly so.
//!
//! Then walks follow each other without a pause, first for what is idle for longer than it may be, then for
//! closed TCP as well. What is refused meanwhile is counted by the programs; that those counters move is
//! what tells that something is full.

use std::time::{Duration, Instant};

use netfwd_common::verdict::DropReason;

use super::lifetimes::Level;
use crate::dataplane::DataplaneError;
use crate::dataplane::maps::Maps;

/// Full, or near it.
pub(super) const NEAR: f64 = 0.9;
/// What was refused longer ago than this is no pressure any more, nor is a count of then.
pub(super) const CALM: Duration = Duration::from_secs(10);
/// A look at the counters of drops is repeated after this many times as long as it took.
const REST: u32 = 50;

/// What can be full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// The session table.
    Sessions,
    /// L4 ports of an outside address.
    Ports,
}

impl Pool {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Sessions, Self::Ports];

    const fn reason(self) -> DropReason {
        match self {
            Self::Sessions => DropReason::SessionTableFull,
            Self::Ports => DropReason::NatPortsExhausted,
        }
    }
}

/// Something became full, or is no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    /// What.
    pub pool: Pool,
    /// Whether it is full now.
    pub full: bool,
    /// How many packets were refused since it became so.
    pub refused: u64,
}

/// One of the pools.
#[derive(Clone, Copy, Debug, Default)]
struct Tension {
    /// Refusals that are known; none before the first look.
    refused: Option<u64>,
    /// Refusals before it became full.
    before: u64,
    /// When there was a refusal last.
    moved: Option<Instant>,
    /// Whether it counts as full.
    full: bool,
    /// Whether it is nearly full.
    near: bool,
}

impl Tension {
    /// Takes in how many were refused so far.
    fn follow(&mut self, refused: u64, now: Instant) -> Option<bool> {
        let before = self.refused.replace(refused)?;
        if refused > before {
            self.moved = Some(now);
        }
        let recent = self.moved.is_some_and(|moved| now - moved < CALM);
        let changed = recent != self.full;
        if changed && recent {
            self.before = before;
        }
        self.full = recent;
        changed.then_some(recent)
    }
}

/// Whether there is pressure, and how far walks go because of it.
#[derive(Debug, Default)]
pub(super) struct Pressure {
    pools: [Tension; Pool::ALL.len()],
    level: Level,
    due: Option<Instant>,
    news: Vec<News>,
}

impl Pressure {
    /// Looks whether anything was refused; says whether pressure begins with that.
    pub(super) fn look(&mut self, maps: &Maps) -> Result<bool, DataplaneError> {
        let start = Instant::now();
        if self.due.is_some_and(|due| start < due) {
            return Ok(false);
        }
        let mut refused = [0; Pool::ALL.len()];
        for (key, count) in maps.drops()? {
            for (pool, sum) in Pool::ALL.iter().zip(&mut refused) {
                if key.reason == pool.reason() as u32 {
                    *sum += count;
                }
            }
        }
        self.due = Some(start + start.elapsed() * REST);
        Ok(self.follow(refused, start))
    }

    fn follow(&mut self, refused: [u64; Pool::ALL.len()], now: Instant) -> bool {
        let before = self.is_on();
        for (index, pool) in Pool::ALL.into_iter().enumerate() {
            let tension = &mut self.pools[index];
            let Some(full) = tension.follow(refused[index], now) else {
                continue;
            };
            self.news.push(News {
                pool,
                full,
                refused: refused[index] - tension.before,
            });
        }
        self.is_on() && !before
    }

    /// Takes in whether sessions, and whether ports, are near their end, as a walk has counted.
    pub(super) fn is_near(&mut self, near: (bool, bool)) {
        (self.pools[0].near, self.pools[1].near) = near;
    }

    /// Whether there is any.
    pub(super) fn is_on(&self) -> bool {
        self.pools
            .iter()
            .any(|tension| tension.full || tension.near)
    }

    /// A walk ended: what the next one may take. Closed TCP only once a walk for what is idle did not
    /// help.
    pub(super) fn next(&mut self) -> Level {
        self.level = match (self.is_on(), self.level) {
            (false, _) => Level::Idle,
            (true, _) => Level::Closed,
        };
        self.level
    }

    /// What became full, or is no longer, since the last call.
    pub(super) fn news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_was_refused_before_the_first_look_is_no_news() {
        let mut pressure = Pressure::default();
        assert!(!pressure.follow([7, 3], Instant::now()));
        assert!(!pressure.is_on() && pressure.news().is_empty());
    }

    #[test]
    fn full_is_told_once_and_its_end_once() {
        let (mut pressure, start) = (Pressure::default(), Instant::now());
        pressure.follow([7, 0], start);
        assert!(pressure.follow([9, 0], start + SECOND));
        assert!(!pressure.follow([12, 0], start + 2 * SECOND));
        assert!(pressure.is_on());
        let full = News {
            pool: Pool::Sessions,
            full: true,
            refused: 2,
        };
        assert_eq!(pressure.news(), [full]);
        pressure.follow([12, 0], start + 2 * SECOND + CALM);
        let over = News {
            full: false,
            refused: 5,
            ..full
        };
        assert_eq!(pressure.news(), [over]);
        assert!(!pressure.is_on());
    }

    #[test]
    fn what_is_idle_goes_first() {
        let mut pressure = Pressure::default();
        assert_eq!(pressure.next(), Level::Idle);
        pressure.is_near((false, true));
        assert!(pressure.is_on());
        assert_eq!(pressure.next(), Level::Closed);
        pressure.is_near((false, false));
        assert_eq!(pressure.next(), Level::Idle);
    }
}
