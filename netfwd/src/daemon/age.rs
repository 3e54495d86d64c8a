//! What ages, what is full, and whoever watches sessions.

use std::time::Duration;

use super::Core;
use crate::ageing::{Gauges, News, Pool};

impl Core {
    /// Ages FDB entries, sessions and the like; to be called once a second. Says when
    /// [`Self::reclaim`] is to be called before that.
    pub fn age(&mut self) -> Option<Duration> {
        self.follow_watchers();
        match self.ageing.tick(&mut self.dataplane) {
            Ok(aged) => self.hub.tell_of_aged(&aged),
            Err(error) => tracing::warn!("ageing: {error}"),
        }
        self.tell_of_translations();
        self.ageing.pause()
    }

    /// Takes out sessions that may go, while there are too many; says when to go on with that.
    pub fn reclaim(&mut self) -> Option<Duration> {
        if let Err(error) = self.ageing.reclaim(&mut self.dataplane) {
            tracing::warn!("ageing of sessions: {error}");
        }
        self.tell_of_translations();
        self.ageing.pause()
    }

    /// Has the programs tell of new sessions while somebody watches: it takes them as long as making one.
    pub fn follow_watchers(&mut self) {
        let watched = self.hub.is_watched();
        if let Err(error) = self.dataplane.maps_mut().watch_sessions(watched) {
            tracing::warn!("events of sessions: {error}");
        }
    }

    /// How many sessions and mappings there are, once that has been counted.
    pub fn gauges(&self) -> Option<Gauges> {
        self.ageing.gauges()
    }

    /// What the tables of sessions are not as large as, in a sentence.
    pub(super) fn room(&self) -> Option<String> {
        let (room, wanted) = (self.dataplane.room(), self.merged.nat.max_sessions);
        let has = room.sessions;
        match (has == wanted, room.wanted == wanted) {
            (true, _) => None,
            (_, false) => Some(format!(
                "max_sessions = {wanted} takes effect when netfwd is started again, without loss of \
                 sessions; until then there is room for {has}"
            )),
            (_, true) => Some(format!(
                "max_sessions = {wanted} is too few for the sessions that were there at the start; there is \
                 room for {has} until netfwd is started again with fewer, as after `netfwd session flush`"
            )),
        }
    }

    fn tell_of_translations(&mut self) {
        match self.dataplane.maps_mut().take_endings() {
            Ok(endings) => self.hub.tell_of_endings(&endings),
            Err(error) => tracing::warn!("sessions that have ended are not told of: {error}"),
        }
        for news in self.ageing.news() {
            self.hub.tell_of_pressure(&news);
            self.log(&news);
        }
    }

    fn log(&self, news: &News) {
        let (sessions, refused) = (self.dataplane.room().sessions, news.refused);
        match (news.pool, news.full) {
            (Pool::Sessions, true) => tracing::warn!(
                "the session table is full ({sessions} sessions): new ones are refused until others end; \
                 raise max_sessions of [nat]"
            ),
            (Pool::Ports, true) => tracing::warn!(
                "the l4 ports of an outside address are exhausted: new sessions are refused until others \
                 end; widen ports of [nat], or masquerade to a range of addresses"
            ),
            (Pool::Sessions, false) => {
                tracing::warn!(
                    "the session table takes new sessions again; {refused} packets were refused"
                );
            }
            (Pool::Ports, false) => {
                tracing::warn!("l4 ports suffice again; {refused} packets were refused");
            }
        }
    }
}
