//! How many places the memories of frames' ways have, which each CPU has of its own.

use aya::maps::{MapData, MapError};
use aya::util::nr_cpus;
use netfwd_common::places;

use super::maps::Tried as _;
use super::{DataplaneError, Pins};

/// The memories.
const MEMORIES: [&str; 3] = ["express", "arrivals", "crossings"];

/// Their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Places {
    /// Of memories that are made.
    made: u32,
    /// Of the smallest one.
    least: u32,
}

impl Places {
    /// As many as the memory of this machine's CPUs allows. A map keeps the size that it was made with: where one
    /// that is pinned has fewer, the programs use no more of any.
    pub(super) fn look(pins: &Pins) -> Result<Self, DataplaneError> {
        let cpus = nr_cpus().map_err(|(_, error)| MapError::IoError(error));
        let made = places::number(cpus.tried("size", MEMORIES[0])?);
        let pinned = MEMORIES.into_iter().filter(|name| pins.map(name).exists());
        let sizes = pinned.map(|name| size(pins, name).tried("read", name));
        Ok(Self::beside(&sizes.collect::<Result<Vec<_>, _>>()?, made))
    }

    /// Those of memories that are made beside pinned ones of these sizes.
    fn beside(pinned: &[u32], made: u32) -> Self {
        let least = pinned.iter().copied().fold(made, u32::min);
        Self { made, least }
    }

    /// Elements of a map, where it is one of the memories.
    pub(super) fn of(self, name: &str) -> Option<u32> {
        MEMORIES.contains(&name).then_some(self.made)
    }

    /// What the programs find a place by.
    pub(super) fn shift(self) -> u8 {
        places::shift(self.least)
    }
}

fn size(pins: &Pins, name: &str) -> Result<u32, MapError> {
    Ok(MapData::from_pin(pins.map(name))?.info()?.max_entries())
}

#[cfg(test)]
mod tests {
    use netfwd_common::limits::{PLACES_MAX, PLACES_MIN};

    use super::*;
    use crate::dataplane::{Dataplane, LoadOptions};
    use crate::sandbox::in_new_netns;

    #[test]
    fn the_smallest_memory_says_where_places_are() {
        let alone = Places::beside(&[], PLACES_MAX);
        assert_eq!(alone.shift(), places::shift(PLACES_MAX));
        let few = Places::beside(&[PLACES_MAX, PLACES_MIN, PLACES_MAX], PLACES_MAX);
        assert_eq!(few.shift(), places::shift(PLACES_MIN));
        let more = Places::beside(&[PLACES_MAX; 3], PLACES_MIN);
        assert_eq!(more.shift(), places::shift(PLACES_MIN));
        assert_eq!(more.of("crossings"), Some(PLACES_MIN));
        assert_eq!(more.of("fdb"), None);
    }

    #[test]
    fn memories_are_made_for_this_machine_and_adopted_as_they_are() {
        in_new_netns(|_| async {
            let wanted = places::number(nr_cpus().expect("CPUs"));
            for _ in 0..2 {
                let dataplane = Dataplane::open("places", &LoadOptions::default());
                let dataplane = dataplane.expect("the object loads");
                let pins = dataplane.pins();
                for name in MEMORIES {
                    assert_eq!(size(pins, name).expect("a size"), wanted, "{name}");
                }
                let found = Places::look(pins).expect("a look");
                assert_eq!(found, Places::beside(&[], wanted));
                assert!(dataplane.maps().uncounted().is_ok());
            }
        });
    }
}
