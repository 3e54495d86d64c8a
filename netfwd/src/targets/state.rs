//! Whether a target is there: a function of what is heard of it.

use std::collections::BTreeSet;

use netfwd_common::addr::Mac;

use super::Place;

/// The kernel asks three times, a second apart, and then says that it failed: for a moment only where somebody
/// has something to send, which makes it ask again (net/core/neighbour.c, __neigh_event_send).
const PATIENCE_NS: u64 = 3_500_000_000;

/// What the kernel says of a neighbour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// Nothing is known of it.
    #[default]
    Unknown,
    /// It is being asked for.
    Asked,
    /// It answered.
    Resolved,
    /// It did not answer.
    Failed,
}

/// What is heard of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// Of the kernel.
    pub answer: Answer,
    /// Its MAC, where the kernel knows one.
    pub mac: Option<Mac>,
    /// The port that the MAC was heard at, by ifindex.
    pub port: Option<u32>,
}

/// A target that is down now, or up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub place: Place,
    /// Whether it is down.
    pub down: bool,
    /// It is down because its port is gone: what the kernel still believes is to be asked anew.
    pub by_port: bool,
}

/// What is known of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    down: bool,
    /// Since when it has been asked for without an answer.
    asked_ns: Option<u64>,
    /// The port that its MAC was last heard at.
    behind: Option<(Mac, u32)>,
}

impl Known {
    pub(super) const fn new(down: bool) -> Self {
        Self {
            down,
            asked_ns: None,
            behind: None,
        }
    }

    pub(super) const fn is_down(&self) -> bool {
        self.down
    }

    /// Takes in what is heard; `carrying` are the interfaces that are up and have a carrier.
    pub(super) fn hear(
        &mut self,
        place: Place,
        signs: Signs,
        carrying: &BTreeSet<u32>,
        now: u64,
    ) -> Option<Change> {
        match (signs.mac, signs.port) {
            (Some(mac), Some(port)) => self.behind = Some((mac, port)),
            // What was learned behind a port goes with the port: where the station was is remembered here.
            (Some(mac), None) if self.behind.is_some_and(|(known, _)| known == mac) => {}
            _ => self.behind = None,
        }
        self.asked_ns = match signs.answer {
            Answer::Asked => self.asked_ns.or(Some(now)),
            _ => None,
        };
        let by_port = self
            .behind
            .is_some_and(|(_, port)| !carrying.contains(&port));
        let down = match signs.answer {
            _ if by_port => true,
            Answer::Failed => true,
            Answer::Resolved => false,
            Answer::Unknown => self.down,
            Answer::Asked => self.down || self.is_overdue(now),
        };
        let changed = down != self.down;
        self.down = down;
        changed.then_some(Change {
            place,
            down,
            by_port,
        })
    }

    fn is_overdue(&self, now: u64) -> bool {
        let waited = self.asked_ns.map_or(0, |since| now.saturating_sub(since));
        waited >= PATIENCE_NS
    }
}
