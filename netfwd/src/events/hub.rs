//! Where events come together, and go out to whoever watches.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use futures::{Stream, StreamExt as _, stream};
use netfwd_common::maps::{self, Port};
use tokio::sync::broadcast::{self, Receiver, Sender, error::RecvError};

use super::names::Names;
use super::{Event, Kind};
use crate::ageing::Aged;
use crate::ids::Ids;

/// Events that a slow reader may be behind.
const BACKLOG: usize = 4096;

/// Gives events to all that watch; without anybody they are gone.
#[derive(Debug)]
pub struct Hub {
    sender: Sender<Event>,
    names: RwLock<Names>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            sender: broadcast::channel(BACKLOG).0,
            names: RwLock::default(),
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

    /// Whether anybody watches.
    pub fn is_watched(&self) -> bool {
        self.sender.receiver_count() != 0
    }

    /// Every event from now on.
    pub fn watch(&self) -> impl Stream<Item = Event> + Send + use<> {
        stream::unfold(self.sender.subscribe(), next).boxed()
    }
}

async fn next(mut receiver: Receiver<Event>) -> Option<(Event, Receiver<Event>)> {
    let event = match receiver.recv().await {
        Ok(event) => event,
        Err(RecvError::Lagged(count)) => Event {
            count: Some(count),
            ..Event::now(Kind::Lost)
        },
        Err(RecvError::Closed) => return None,
    };
    Some((event, receiver))
}
