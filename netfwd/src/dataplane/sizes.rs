//! The size of the tables of sessions and mappings, which the configuration names.
//!
//! A map keeps the size that it was made with. Where the pinned ones have another than is asked for, new ones
//! are made beside them, filled from them while the programs go on with the old, and pinned in their place;
//! then the stages, which alone use them, are replaced, and what the old ones got meanwhile follows. A
//! session that is opened during the last pass over a large table is known to the new one when that has
//! ended, a fraction of a second later; no other is missed at any time. Tables never become too small for
//! what is in them: then they keep their size, and `status` says so.
//!
//! Where addresses are translated and the memory is a small part of the host's, it is taken when a table is
//! made ([`super::reserve`]); else a table grows as it is filled. A table that grew until then is moved as one of
//! another size is.

use std::fs;
use std::path::PathBuf;

use aya::Pod;
use netfwd_common::limits;
use netfwd_common::maps::{Mapping, MappingKey, Session, SessionKey};

use super::batch::Walk;
use super::maps::{Table, now_ns};
use super::reserve::{self, Maker};
use super::{DataplaneError, LoadOptions, Pins};

/// The tables, and where their successors are pinned while they are filled.
const SESSIONS: [&str; 2] = ["sessions", "sessions:new"];
const MAPPINGS: [&str; 2] = ["mappings", "mappings:new"];
/// Entries of a session or mapping: one a direction.
const EACH: u32 = 2;
/// Octets of kernel memory that a session takes with its mapping: two elements of `sessions` and two of
/// `mappings`, each with the kernel's 48 in front and in the next size that its allocator has.
pub const SESSION_OCTETS: u64 = 2 * 256 + 2 * 128;

/// How many sessions there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Sessions that the tables take.
    pub sessions: u32,
    /// Sessions that the configuration asked for when the programs were loaded.
    pub wanted: u32,
}

/// Tables that get another size.
pub(super) struct Resize {
    wanted: u32,
    reserve: bool,
    sessions: Moving<SessionKey, Session>,
    mappings: Moving<MappingKey, Mapping>,
}

impl Resize {
    /// Looks at what is pinned, for tables of so many sessions.
    pub(super) fn look(pins: &Pins, options: LoadOptions) -> Result<Self, DataplaneError> {
        let usual = limits::SESSION_ENTRIES as u32 / EACH;
        let wanted = options.sessions.unwrap_or(usual);
        let reserve =
            options.translates && reserve::is_small_part(u64::from(wanted) * SESSION_OCTETS);
        let entries = wanted * EACH;
        Ok(Self {
            wanted,
            reserve,
            sessions: Moving::look(pins, SESSIONS, entries, reserve)?,
            mappings: Moving::look(pins, MAPPINGS, entries, reserve)?,
        })
    }

    /// Makes those tables with their memory that are to have it and are not there; to be called before the
    /// object is loaded, which makes the others.
    pub(super) fn reserve(&self, pins: &Pins, object: &[u8]) -> Result<(), DataplaneError> {
        if !self.reserve {
            return Ok(());
        }
        let maker = Maker::new(object)?;
        for [name, _] in [SESSIONS, MAPPINGS] {
            let (place, entries) = self.place(name);
            maker.make(name, entries.unwrap_or_default(), &pins.map(place))?;
        }
        Ok(())
    }

    /// The pin that a map is opened at or made for, and its entries where it is one of these tables.
    pub(super) fn place<'n>(&self, name: &'n str) -> (&'n str, Option<u32>) {
        for (names, old, entries) in [
            (SESSIONS, self.sessions.old.is_some(), self.sessions.entries),
            (MAPPINGS, self.mappings.old.is_some(), self.mappings.entries),
        ] {
            if names[0] == name {
                return (if old { names[1] } else { name }, Some(entries));
            }
        }
        (name, None)
    }

    /// Fills new tables and has them take the place of the old; to be called before programs that use
    /// them see a packet.
    pub(super) fn move_in(&mut self, pins: &Pins) -> Result<(), DataplaneError> {
        self.sessions.fill(pins, made)?;
        self.mappings.fill(pins, seen)?;
        // Not before both are full: a start that failed between would leave the programs with a table
        // that is pinned no more, and the next start without what they added to it.
        self.sessions.take_place(pins)?;
        self.mappings.take_place(pins)
    }

    /// Has what programs added to the old tables meanwhile follow; to be called when none uses them any
    /// more.
    pub(super) fn finish(mut self) -> Result<Room, DataplaneError> {
        self.sessions.follow(made)?;
        self.mappings.follow(seen)?;
        Ok(Room {
            sessions: self.sessions.entries / EACH,
            wanted: self.wanted,
        })
    }
}

fn made(session: &Session) -> u64 {
    session.created_ns
}

fn seen(mapping: &Mapping) -> u64 {
    mapping.last_seen_ns
}

/// One table.
struct Moving<K, V> {
    names: [&'static str; 2],
    entries: u32,
    old: Option<Table<K, V>>,
    new: Option<Table<K, V>>,
    /// When the last pass began.
    since_ns: u64,
}

impl<K: Pod + Ord, V: Pod> Moving<K, V> {
    fn look(
        pins: &Pins,
        names: [&'static str; 2],
        wanted: u32,
        reserve: bool,
    ) -> Result<Self, DataplaneError> {
        abandon(pins.map(names[1]))?;
        let mut moving = Self {
            names,
            entries: wanted,
            old: None,
            new: None,
            since_ns: 0,
        };
        if !pins.map(names[0]).exists() {
            return Ok(moving);
        }
        let old: Table<K, V> = Table::open(pins, names[0])?;
        let size = old.size()?;
        let is_other = size != wanted || (reserve && old.grows()?);
        if is_other && old.count()? <= u64::from(wanted) {
            moving.old = Some(old);
        } else {
            moving.entries = size;
        }
        Ok(moving)
    }

    fn fill(&mut self, pins: &Pins, stamp: fn(&V) -> u64) -> Result<(), DataplaneError> {
        if self.old.is_none() {
            return Ok(());
        }
        self.new = Some(Table::open(pins, self.names[1])?);
        // The first pass takes longest; the second has what came meanwhile.
        self.follow(stamp)?;
        self.follow(stamp)
    }

    fn take_place(&self, pins: &Pins) -> Result<(), DataplaneError> {
        if self.old.is_none() {
            return Ok(());
        }
        let [name, beside] = self.names;
        let (from, path) = (pins.map(beside), pins.map(name));
        fs::rename(from, &path).map_err(|source| DataplaneError::Pin { path, source })
    }

    /// Copies what came since the last pass began.
    fn follow(&mut self, stamp: fn(&V) -> u64) -> Result<(), DataplaneError> {
        let (Some(old), Some(new)) = (&self.old, &mut self.new) else {
            return Ok(());
        };
        let began = now_ns();
        let mut walk = Walk::default();
        while !walk.is_over() {
            for (key, value) in old.read_on(&mut walk)? {
                // Stamps are of the last tick of the clock, and may be as old.
                if stamp(value).saturating_add(limits::STAMP_INTERVAL_NS) >= self.since_ns {
                    new.put_new(key, value)?;
                }
            }
        }
        self.since_ns = began;
        Ok(())
    }
}

/// Removes what a start that failed has left.
fn abandon(path: PathBuf) -> Result<(), DataplaneError> {
    match fs::remove_file(&path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(DataplaneError::Pin { path, source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use netfwd_common::addr::Addr;
    use netfwd_common::maps::{MappingFlags, NextHop, SessionFlags};

    use super::*;
    use crate::dataplane::{Dataplane, LoadOptions};
    use crate::sandbox::in_new_netns;

    const INSIDE: Addr = Addr::new([1; 16]);
    const FAR: Addr = Addr::new([2; 16]);
    const OUTSIDE: Addr = Addr::new([3; 16]);

    fn options(sessions: u32) -> LoadOptions {
        LoadOptions {
            sessions: Some(sessions),
            ..LoadOptions::default()
        }
    }

    fn open(sessions: u32) -> Dataplane {
        Dataplane::open("sizes", &options(sessions)).expect("the object loads")
    }

    fn key(number: u16) -> SessionKey {
        SessionKey {
            src: INSIDE,
            dst: FAR,
            network: 1,
            src_port: number,
            dst_port: 80,
            proto: 17,
            pad: [0; 3],
        }
    }

    fn session() -> Session {
        Session {
            last_seen_ns: now_ns(),
            packets: 7,
            bytes: 700,
            src: OUTSIDE,
            dst: FAR,
            src_port: 1,
            dst_port: 80,
            tcp_flags: 0,
            kind: 0,
            flags: SessionFlags::ORIGINAL,
            deliver: 0,
            next_hop: NextHop::default(),
            epoch: 0,
            enter: 0,
            slot: 0,
            network: 1,
            station: [0; 6],
            xdp: 0,
            port: 0,
            pad2: 0,
            created_ns: now_ns(),
        }
    }

    fn mapping() -> (MappingKey, Mapping) {
        let key = MappingKey {
            address: INSIDE,
            network: 1,
            port: 5,
            proto: 17,
            pad: 0,
        };
        let mapping = Mapping {
            last_seen_ns: now_ns(),
            address: OUTSIDE,
            network: 1,
            port: 6,
            flags: MappingFlags::default(),
            pad: 0,
        };
        (key, mapping)
    }

    /// Sizes and entries of both tables.
    fn tables(dataplane: &Dataplane) -> [u64; 4] {
        let maps = dataplane.maps();
        [
            u64::from(maps.sessions.size().expect("a size")),
            u64::from(maps.mappings.size().expect("a size")),
            maps.sessions.count().expect("counted"),
            maps.mappings.count().expect("counted"),
        ]
    }

    #[test]
    fn another_size_keeps_what_is_there() {
        in_new_netns(|_| async {
            let mut dataplane = open(1000);
            for number in 0..600 {
                let put = dataplane.maps_mut().sessions.put(&key(number), &session());
                put.expect("written");
            }
            let (of, mapping) = mapping();
            let put = dataplane.maps_mut().mappings.put(&of, &mapping);
            put.expect("written");
            assert_eq!(tables(&dataplane), [2000, 2000, 600, 1]);
            drop(dataplane);
            // Up, the same, down as far as it can be, and not further.
            for (asked, sessions, mappings) in [
                (100_000, 200_000, 200_000),
                (100_000, 200_000, 200_000),
                (300, 600, 600),
                (256, 600, 512),
            ] {
                let dataplane = open(asked);
                assert_eq!(tables(&dataplane), [sessions, mappings, 600, 1]);
                let room = Room {
                    sessions: sessions as u32 / 2,
                    wanted: asked,
                };
                assert_eq!(dataplane.room(), room);
                let kept = dataplane.maps().sessions.get(&key(7)).expect("read");
                assert_eq!(kept.expect("there").packets, 7);
                assert!(!dataplane.pins().map("sessions:new").exists());
            }
        });
    }

    #[test]
    fn memory_is_taken_where_addresses_are_translated() {
        in_new_netns(|_| async {
            let translating = LoadOptions {
                translates: true,
                ..options(1000)
            };
            let opened = |options: &LoadOptions| {
                let dataplane = Dataplane::open("sizes", options).expect("the object loads");
                let maps = dataplane.maps();
                let grows = [maps.sessions.grows(), maps.mappings.grows()];
                (grows.map(|grows| grows.expect("read")), dataplane)
            };
            let (grows, mut dataplane) = opened(&options(1000));
            assert_eq!(grows, [true, true]);
            let put = dataplane.maps_mut().sessions.put(&key(7), &session());
            put.expect("written");
            drop(dataplane);
            let (grows, dataplane) = opened(&translating);
            assert_eq!(
                (grows, tables(&dataplane)),
                ([false; 2], [2000, 2000, 1, 0])
            );
            let kept = dataplane.maps().sessions.get(&key(7)).expect("read");
            assert_eq!(kept.expect("there").packets, 7);
            drop(dataplane);
            // What has its memory keeps it.
            assert_eq!(opened(&options(1000)).0, [false; 2]);
        });
    }

    #[test]
    fn what_a_failed_start_left_is_no_obstacle() {
        in_new_netns(|_| async {
            drop(open(1000));
            let pins = Pins::of("sizes");
            let mut resize = Resize::look(&pins, options(2000)).expect("a look");
            let (place, entries) = resize.place("sessions");
            assert_eq!((place, entries), ("sessions:new", Some(4000)));
            // It ends before there is anything to move to.
            assert!(resize.move_in(&pins).is_err());
            let left = aya::maps::MapData::from_pin(pins.map("mappings")).expect("the old one");
            left.pin(pins.map("sessions:new")).expect("pinned");
            assert_eq!(tables(&open(2000)), [4000, 4000, 0, 0]);
        });
    }

    #[test]
    fn neither_table_takes_its_place_before_both_are_full() {
        in_new_netns(|_| async {
            drop(open(1000));
            let pins = Pins::of("sizes");
            let mut resize = Resize::look(&pins, options(2000)).expect("a look");
            let sessions = aya::maps::MapData::from_pin(pins.map("sessions")).expect("the old one");
            sessions.pin(pins.map("sessions:new")).expect("pinned");
            // There is no table to fill with mappings.
            assert!(resize.move_in(&pins).is_err());
            assert!(pins.map("sessions:new").exists());
        });
    }
}
