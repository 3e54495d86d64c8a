//! Whether a target is there: a function of what is heard of it.

use std::collections::BTreeSet;

use netfwd_common::addr::Mac;

use super::Place;

/// What the kernel says of a neighbour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// It is being asked for, or not known.
    #[default]
    Unknown,
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
    /// The port that its MAC was last heard at.
    behind: Option<(Mac, u32)>,
}

impl Known {
    pub(super) const fn new(down: bool) -> Self {
        Self { down, behind: None }
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
    ) -> Option<Change> {
        match (signs.mac, signs.port) {
            (Some(mac), Some(port)) => self.behind = Some((mac, port)),
            // What was learned behind a port goes with the port: where the station was is remembered here.
            (Some(mac), None) if self.behind.is_some_and(|(known, _)| known == mac) => {}
            _ => self.behind = None,
        }
        let by_port = self
            .behind
            .is_some_and(|(_, port)| !carrying.contains(&port));
        let down = match signs.answer {
            _ if by_port => true,
            Answer::Failed => true,
            Answer::Resolved => false,
            Answer::Unknown => self.down,
        };
        let changed = down != self.down;
        self.down = down;
        changed.then_some(Change {
            place,
            down,
            by_port,
        })
    }
}
