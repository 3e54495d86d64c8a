//! Where events come together, and go out to whoever watches.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use futures::{Stream, StreamExt as _, stream};
use netfwd_common::maps::{self, Opened, Port};
use tokio::sync::Notify;
use tokio::sync::broadcast::{self, Receiver, Sender, error::RecvError};

use super::names::Names;
use super::{Event, Kind};
use crate::ageing::{Aged, News, Pool};
use crate::dataplane::maps::Endings;
use crate::ids::Ids;

/// Events that a slow reader may be behind.
const BACKLOG: usize = 4096;

/// Gives events to all that watch; without anybody they are gone.
#[derive(Debug)]
pub struct Hub {
    sender: Sender<Event>,
    names: RwLock<Names>,
    /// Somebody new watches.
    came: Notify,
    /// Events that watchers were too slow for.
    lost: Arc<AtomicU64>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            sender: broadcast::channel(BACKLOG).0,
            names: RwLock::default(),
            came: Notify::new(),
            lost: Arc::default(),
        }
    }
}

impl Hub {
    /// Takes over what is in force now, and tells which ports came and went.
    pub fn in_force(&self, ids: &Ids, before: &BTreeMap<u32, Port>, now: &BTreeMap<u32, Port>) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        names.learn(ids, now);
        let sides = [(Kind::PortDown, before, now), (Kind::PortUp, now, before)];
        for (kind, here, there) in sides {
            let changed = here
                .iter()
                .filter(|(ifindex, _)| !there.contains_key(ifindex));
            for (&ifindex, port) in changed {
                self.tell(Event {
                    network: Some(names.network(port.network)),
                    port: names.port(ifindex),
                    ..Event::now(kind)
                });
            }
        }
    }

    /// Tells an event.
    pub fn tell(&self, event: Event) {
        // Without a reader there is nobody to tell.
        let _ = self.sender.send(event);
    }

    /// Tells an event of the programs, and gives it with its names.
    pub(super) fn tell_of_programs(&self, event: &maps::Event) -> Option<Event> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let event = names.event(event)?;
        self.tell(event.clone());
        Some(event)
    }

    /// Tells of stations that were forgotten.
    pub fn tell_of_aged(&self, aged: &[Aged]) {
        if !self.is_watched() {
            return;
        }
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        for (key, entry) in aged {
            self.tell(names.aged(key, entry));
        }
    }

    /// Tells of a session that a program has made.
    pub(super) fn tell_of_opened(&self, opened: &Opened) {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        self.tell(names.opened(opened));
    }

    /// Tells of sessions that have ended.
    pub fn tell_of_endings(&self, endings: &Endings) {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        for ended in &endings.told {
            self.tell(names.ended(ended));
        }
        if endings.untold != 0 {
            self.lost.fetch_add(endings.untold, Ordering::Relaxed);
            self.tell(Event {
                count: Some(endings.untold),
                ..Event::now(Kind::Lost)
            });
        }
    }

    /// Tells that something became full, or is no longer.
    pub fn tell_of_pressure(&self, news: &News) {
        let kind = match (news.pool, news.full) {
            (Pool::Sessions, true) => Kind::SessionsFull,
            (Pool::Sessions, false) => Kind::SessionsFree,
            (Pool::Ports, true) => Kind::PortsFull,
            (Pool::Ports, false) => Kind::PortsFree,
        };
        self.tell(Event {
            count: Some(news.refused),
            ..Event::now(kind)
        });
    }

    /// Events that watchers were too slow for, since the daemon started.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Whether anybody watches.
    pub fn is_watched(&self) -> bool {
        self.sender.receiver_count() != 0
    }

    /// Every event from now on.
    pub fn watch(&self) -> impl Stream<Item = Event> + Send + use<> {
        let events = self.sender.subscribe();
        self.came.notify_one();
        stream::unfold((events, Arc::clone(&self.lost)), next).boxed()
    }

    /// Waits until somebody new watches.
    pub async fn somebody_came(&self) {
        self.came.notified().await;
    }
}

/// Where a watcher is, and what counts the events that it misses.
type Watcher = (Receiver<Event>, Arc<AtomicU64>);

async fn next((mut receiver, lost): Watcher) -> Option<(Event, Watcher)> {
    let event = match receiver.recv().await {
        Ok(event) => event,
        Err(RecvError::Lagged(count)) => {
            lost.fetch_add(count, Ordering::Relaxed);
            Event {
                count: Some(count),
                ..Event::now(Kind::Lost)
            }
        }
        Err(RecvError::Closed) => return None,
    };
    Some((event, (receiver, lost)))
}
