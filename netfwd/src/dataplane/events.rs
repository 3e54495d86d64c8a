//! Events of the programs, read from their ring buffer.

use std::io;

use aya::{
    Pod,
    maps::{MapData, RingBuf},
};
use netfwd_common::maps::{Event, Opened};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::{
    Dataplane, DataplaneError,
    maps::{EVENTS, typed},
};

/// Records that are read at a time; others get their turn in between.
const BATCH: usize = 1024;

/// A record of the ring buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// About a station or a port.
    Event(Event),
    /// A session was made.
    Opened(Opened),
}

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
    pub async fn next(&mut self) -> io::Result<Vec<Record>> {
        let mut guard = self.ring.readable_mut().await?;
        let ring = guard.get_inner_mut();
        let mut events = Vec::new();
        while events.len() < BATCH {
            let Some(record) = ring.next() else {
                guard.clear_ready();
                break;
            };
            events.extend(parse(&record));
        }
        Ok(events)
    }
}

/// A record, known by its length; `None` where it is none of ours.
fn parse(record: &[u8]) -> Option<Record> {
    if let Some(event) = read::<Event>(record) {
        return Some(Record::Event(event));
    }
    read::<Opened>(record).map(Record::Opened)
}

fn read<T: Pod>(record: &[u8]) -> Option<T> {
    // SAFETY: the record is as long as a `T`, which is valid whatever its octets are.
    (record.len() == size_of::<T>())
        .then(|| unsafe { record.as_ptr().cast::<T>().read_unaligned() })
}
