//! Sessions and mappings. Each is two entries, which live and die together.
//!
//! A round walks over the sessions, then over the mappings, which live by what the first walk has seen.
//! Both are counted on the way. A round takes no more than a share of the time between two; under pressure
//! they follow each other.

use std::time::{Duration, Instant};

use netfwd_common::maps::{Mapping, MappingKey, Session, SessionFlags, SessionKey};

use super::bearers::Bearers;
use super::gauges::{Census, Counted, Gauges};
use super::lifetimes::{Level, Lifetimes};
use crate::dataplane::maps::{Maps, now_ns};
use crate::dataplane::{DataplaneError, Walk};

/// Between two rounds, unless they take long: then this many times as long as the last took.
const REST: Duration = Duration::from_secs(5);
const REST_FACTOR: u32 = 50;
/// The same under pressure, where the last round has found nothing to take.
const FRUITLESS: Duration = Duration::from_secs(1);
const FRUITLESS_FACTOR: u32 = 4;

/// Where a round is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Between two.
    #[default]
    Rest,
    Sessions,
    Mappings,
}

/// Entries that are read at a time. Taking one out takes some microseconds: if all are over, it is still a
/// fraction of a slice.
const BATCH: usize = 512;
/// So many taken out in a slice that ended before its round show that the round is behind.
const MANY: u64 = 1000;

/// Ages sessions and mappings.
#[derive(Debug)]
pub(super) struct Translations {
    phase: Phase,
    sessions: Walk<SessionKey, Session>,
    mappings: Walk<MappingKey, Mapping>,
    lifetimes: Lifetimes,
    bearers: Bearers,
    /// When the round began.
    began_ns: u64,
    /// How long it has taken so far.
    spent: Duration,
    /// What it has taken out.
    removed: u64,
    census: Census,
    /// Whether the last round has found halves.
    odd: bool,
    counted: Option<Counted>,
    /// When the next round is due.
    due: Option<Instant>,
    /// Whether there is more to take out than a slice could.
    behind: bool,
}

impl Default for Translations {
    fn default() -> Self {
        Self {
            phase: Phase::default(),
            sessions: Walk::by(BATCH),
            mappings: Walk::by(BATCH),
            lifetimes: Lifetimes::default(),
            bearers: Bearers::default(),
            began_ns: 0,
            spent: Duration::ZERO,
            removed: 0,
            census: Census::default(),
            odd: false,
            counted: None,
            due: None,
            behind: false,
        }
    }
}

impl Translations {
    /// Has a round begin at once, even where one is under way.
    pub(super) fn hurry(&mut self) {
        (self.phase, self.due) = (Phase::Rest, None);
    }

    /// What the last whole round has counted.
    pub(super) fn counted(&self) -> Option<&Counted> {
        self.counted.as_ref()
    }

    /// The same, for people.
    pub(super) fn gauges(&self) -> Option<Gauges> {
        self.counted.as_ref().map(Counted::gauges)
    }

    /// Whether the last slice left much behind that is over.
    pub(super) fn is_behind(&self) -> bool {
        self.behind
    }

    /// Whether there is something to do now.
    pub(super) fn is_due(&self) -> bool {
        self.phase != Phase::Rest || self.due.is_none_or(|due| Instant::now() >= due)
    }

    /// Goes on for about that long; says whether a round has ended.
    pub(super) fn run(
        &mut self,
        maps: &mut Maps,
        budget: Duration,
        level: Level,
    ) -> Result<bool, DataplaneError> {
        if !self.is_due() {
            return Ok(false);
        }
        if self.phase == Phase::Rest {
            self.begin(maps, level)?;
        }
        let (start, before) = (Instant::now(), self.removed);
        while self.phase != Phase::Rest && start.elapsed() < budget {
            match self.phase {
                Phase::Sessions => self.some_sessions(maps)?,
                _ => self.some_mappings(maps)?,
            }
        }
        self.spent += start.elapsed();
        let ended = self.phase == Phase::Rest;
        self.behind = !ended && self.removed - before >= MANY;
        if ended {
            self.end(maps)?;
        }
        Ok(ended)
    }

    fn begin(&mut self, maps: &Maps, level: Level) -> Result<(), DataplaneError> {
        let config = maps.config()?.unwrap_or_default();
        self.lifetimes = Lifetimes {
            times: config.timeouts,
            level,
        };
        self.sessions.restart();
        self.mappings.restart();
        self.bearers.clear();
        self.census = Census::default();
        (self.spent, self.removed) = (Duration::ZERO, 0);
        (self.phase, self.began_ns) = (Phase::Sessions, now_ns());
        Ok(())
    }

    fn end(&mut self, maps: &Maps) -> Result<(), DataplaneError> {
        self.odd = self.census.is_odd();
        let room = maps.sessions.size()? / 2;
        let config = maps.config()?;
        self.counted = Some(Counted::new(&self.census, room, config.as_ref()));
        let fruitless = self.lifetimes.level == Level::Closed && self.removed == 0;
        let rest = match self.lifetimes.level {
            Level::Idle => REST.max(self.spent * REST_FACTOR),
            Level::Closed if fruitless => FRUITLESS.max(self.spent * FRUITLESS_FACTOR),
            Level::Closed => Duration::ZERO,
        };
        self.due = Some(Instant::now() + rest);
        Ok(())
    }

    /// Reads a batch of sessions, and takes out what is over.
    fn some_sessions(&mut self, maps: &mut Maps) -> Result<(), DataplaneError> {
        let (now, lifetimes, odd) = (now_ns(), self.lifetimes, self.odd);
        let (mut old, mut halves) = (Vec::new(), Vec::new());
        for (key, session) in maps.sessions.read_on(&mut self.sessions)? {
            self.census.session(session);
            self.bearers.note(key, session);
            let original = session.flags.has(SessionFlags::ORIGINAL);
            // The original direction speaks for both, unless there is none.
            match lifetimes.may_be_over(now, key.proto, session) {
                true if original => old.push((*key, *session)),
                true if odd => halves.push((*key, *session)),
                _ => {}
            }
        }
        for (key, session) in old {
            let other = maps.sessions.get(&key.opposite(&session))?;
            self.judge(maps, &key, &session, other.as_ref())?;
        }
        for (key, session) in halves {
            if maps.sessions.get(&key.opposite(&session))?.is_none() {
                self.judge(maps, &key, &session, None)?;
            }
        }
        if self.sessions.is_over() {
            self.phase = Phase::Mappings;
        }
        Ok(())
    }

    fn judge(
        &mut self,
        maps: &mut Maps,
        key: &SessionKey,
        session: &Session,
        other: Option<&Session>,
    ) -> Result<(), DataplaneError> {
        let lifetimes = self.lifetimes;
        let is_over = |key: &SessionKey, session: &Session, other: Option<&Session>| {
            lifetimes.is_over(now_ns(), key.proto, session, other)
        };
        if is_over(key, session, other) {
            self.removed += u64::from(maps.end_session(key, is_over)?);
        }
        Ok(())
    }

    /// Reads a batch of mappings, and takes out what is over.
    fn some_mappings(&mut self, maps: &mut Maps) -> Result<(), DataplaneError> {
        let (mut old, mut halves) = (Vec::new(), Vec::new());
        let (lifetimes, began, bearers) = (self.lifetimes, self.began_ns, &self.bearers);
        for (key, mapping) in maps.mappings.read_on(&mut self.mappings)? {
            self.census.mapping(key);
            if key.network != 0 && is_over(lifetimes, began, bearers, key, mapping) {
                old.push((*key, *mapping));
            } else if self.odd {
                halves.push((*key, *mapping));
            }
        }
        for (key, mapping) in old {
            self.removed += u64::from(self.forget(maps, &key, &mapping)?);
        }
        for (key, mapping) in halves {
            if maps.mappings.get(&key.opposite(&mapping))?.is_none() {
                self.forget_half(maps, &key, &mapping)?;
            }
        }
        if self.mappings.is_over() {
            self.phase = Phase::Rest;
        }
        Ok(())
    }

    fn is_over(&self, key: &MappingKey, mapping: &Mapping) -> bool {
        is_over(self.lifetimes, self.began_ns, &self.bearers, key, mapping)
    }

    /// Takes out both sides of a mapping whose inside has this entry, unless a packet came meanwhile.
    fn forget(
        &self,
        maps: &mut Maps,
        key: &MappingKey,
        mapping: &Mapping,
    ) -> Result<bool, DataplaneError> {
        let Some(taken) = maps.mappings.take(key)? else {
            return Ok(false);
        };
        if !self.is_over(key, &taken) {
            maps.mappings.put_new(key, &taken)?;
            return Ok(false);
        }
        let outside = key.opposite(mapping);
        let there = maps.mappings.get(&outside)?;
        if there.is_some_and(|there| outside.opposite(&there) == *key) {
            maps.mappings.remove(&outside)?;
        }
        Ok(true)
    }

    /// Takes out a side that had no other in the last round, nor has now. The outside's entry has no stamp
    /// that is kept up, and both are made within microseconds.
    fn forget_half(
        &mut self,
        maps: &mut Maps,
        key: &MappingKey,
        mapping: &Mapping,
    ) -> Result<(), DataplaneError> {
        let old = mapping.last_seen_ns < self.began_ns;
        if old && maps.mappings.get(&key.opposite(mapping))?.is_none() {
            self.removed += u64::from(maps.mappings.remove(key)?);
        }
        Ok(())
    }
}

/// Whether the entry of an inside says that its mapping is over. It is held against the beginning of the
/// round: what sessions have done since then, the round may have missed.
fn is_over(
    lifetimes: Lifetimes,
    began_ns: u64,
    bearers: &Bearers,
    key: &MappingKey,
    mapping: &Mapping,
) -> bool {
    lifetimes.is_mapping_over(began_ns, key.proto, mapping, bearers.bear(key))
}
