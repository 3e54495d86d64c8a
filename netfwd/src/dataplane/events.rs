//! Events of the programs, read from their ring buffer.

use std::io;

use aya::maps::{MapData, RingBuf};
use netfwd_common::maps::Event;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::{
    Dataplane, DataplaneError,
    maps::{EVENTS, typed},
};

/// Records that are read at a time; others get their turn in between.
const BATCH: usize = 1024;

/// The reader of the ring buffer, of which there must be one at a time.
pub struct Events {
    ring: AsyncFd<RingBuf<MapData>>,
}

impl Dataplane {
    /// A reader of what the programs tell, on the current runtime.
    pub fn events(&self) -> Result<Events, DataplaneError> {
        let ring = typed(&self.pins, EVENTS)?;
        // SAFETY: the ring buffer owns its descriptor, and gives the same one for as long as it lives.
        let ring = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) };
        let ring = ring.map_err(|error| DataplaneError::Pin {
            path: self.pins.map(EVENTS),
            source: error.into_parts().1,
        })?;
        Ok(Events { ring })
    }
}

impl Events {
    /// The next records, in the order they were written; waits for the first.
    pub async fn next(&mut self) -> io::Result<Vec<Event>> {
        let mut guard = self.ring.readable_mut().await?;
        let ring = guard.get_inner_mut();
        let mut events = Vec::new();
        while events.len() < BATCH {
            let Some(record) = ring.next() else {
                guard.clear_ready();
                break;
            };
            events.extend(event(&record));
        }
        Ok(events)
    }
}

/// A record; `None` where it is none of ours.
fn event(record: &[u8]) -> Option<Event> {
    // SAFETY: the record is as long as an `Event`, which is integers and arrays of them.
    (record.len() == size_of::<Event>())
        .then(|| unsafe { record.as_ptr().cast::<Event>().read_unaligned() })
}
