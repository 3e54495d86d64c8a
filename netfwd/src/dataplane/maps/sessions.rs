//! Sessions that end: both directions at once, and told to whoever watches.

use netfwd_common::maps::{Session, SessionKey};

use super::Maps;
use crate::dataplane::DataplaneError;

/// Sessions that wait to be told of; of more, only the number is told.
const TOLD: usize = 4096;

/// A session that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The tuple of one direction: the original one unless that was missing.
    pub key: SessionKey,
    /// This direction, as it was last.
    pub session: Session,
    /// The other direction.
    pub other: Option<Session>,
}

/// Sessions that have ended, for whoever watches.
#[derive(Debug, Default)]
pub struct Endings {
    /// Whether anybody does.
    pub watched: bool,
    /// Which.
    pub told: Vec<Ended>,
    /// How many more.
    pub untold: u64,
}

impl Endings {
    fn note(&mut self, ended: Ended) {
        match self.watched {
            true if self.told.len() < TOLD => self.told.push(ended),
            true => self.untold += 1,
            false => {}
        }
    }

    /// What has ended since the last call.
    #[must_use]
    pub(super) fn take(&mut self) -> Self {
        let watched = self.watched;
        std::mem::replace(
            self,
            Self {
                watched,
                ..Self::default()
            },
        )
    }
}

impl Maps {
    /// Ends the session that `key` is a direction of, if `is_over` is true of what its directions are at
    /// the moment they are taken out; says whether it did.
    ///
    /// A packet may have come, or a program may have made the session anew, since whoever calls looked:
    /// then both directions go back in, unless others stand in their place by then.
    pub fn end_session(
        &mut self,
        key: &SessionKey,
        is_over: impl Fn(&SessionKey, &Session, Option<&Session>) -> bool,
    ) -> Result<bool, DataplaneError> {
        let Some(session) = self.sessions.take(key)? else {
            return Ok(false);
        };
        let opposite = key.opposite(&session);
        let other = self.sessions.take(&opposite)?;
        if !is_over(key, &session, other.as_ref()) {
            self.sessions.put_new(key, &session)?;
            if let Some(other) = other {
                self.sessions.put_new(&opposite, &other)?;
            }
            return Ok(false);
        }
        self.endings.note(Ended {
            key: *key,
            session,
            other,
        });
        Ok(true)
    }
}
