//! Live tests: sessions and mappings that age, are counted, and what that costs.

use std::time::{Duration, Instant};

use netfwd_common::addr::low_v4;
use netfwd_common::maps::{Config, Mapping, MappingFlags, MappingKey, Session, SessionKey};
use netfwd_common::nat::proto;
use netfwd_common::tcp;

use super::lifetimes::Level;
use super::samples;
use super::tests::cpu_time;
use super::translations::Translations;
use crate::dataplane::maps::{Maps, now_ns};
use crate::dataplane::{Dataplane, LoadOptions};
use crate::sandbox::in_new_netns;

const SECOND: u64 = 1_000_000_000;
const LONG: Duration = Duration::from_hours(1);

/// An instance with room for so many sessions.
fn open(sessions: u32) -> Dataplane {
    let options = LoadOptions {
        sessions: Some(sessions),
        ..LoadOptions::default()
    };
    let mut dataplane = Dataplane::open("test", &options).expect("the object loads");
    let config = Config {
        layout: netfwd_common::limits::LAYOUT,
        nat_port_low: 32_768,
        nat_port_high: 60_999,
        timeouts: samples::TIMES,
        ..Config::default()
    };
    dataplane.maps_mut().set_config(config).expect("written");
    dataplane
}

fn put(maps: &mut Maps, pair: &[(SessionKey, Session)]) {
    for (key, session) in pair {
        maps.sessions.put(key, session).expect("written");
    }
}

fn put_mapping(maps: &mut Maps, pair: &[(MappingKey, Mapping)]) {
    for (key, mapping) in pair {
        maps.mappings.put(key, mapping).expect("written");
    }
}

fn with_flags(pair: &[(SessionKey, Session); 2], flags: [u8; 2]) -> [(SessionKey, Session); 2] {
    let [(a, of_a), (b, of_b)] = *pair;
    let flagged = |session, tcp_flags| Session {
        tcp_flags,
        ..session
    };
    [(a, flagged(of_a, flags[0])), (b, flagged(of_b, flags[1]))]
}

/// A whole round.
fn round(translations: &mut Translations, maps: &mut Maps, level: Level) {
    translations.hurry();
    let ended = translations.run(maps, LONG, level).expect("a round");
    assert!(ended);
}

/// Numbers of the stations whose sessions are there, each in both directions.
fn left(maps: &Maps) -> Vec<u32> {
    let entries = maps.sessions.entries().expect("read");
    for (key, session) in &entries {
        assert!(entries.contains_key(&key.opposite(session)), "half");
    }
    let originals = entries.keys().filter(|key| key.network == 1);
    let number = |key: &SessionKey| u32::from_be_bytes(low_v4(&key.src));
    originals.map(number).collect()
}

#[test]
fn idle_sessions_go_whole_and_closed_ones_under_pressure() {
    in_new_netns(|_| async {
        let mut dataplane = open(1000);
        let maps = dataplane.maps_mut();
        let ago = |seconds: u64| now_ns().saturating_sub(seconds * SECOND);
        let both = tcp::SYN | tcp::ACK;
        let fin = both | tcp::FIN;
        put(maps, &samples::pair(1, proto::UDP, ago(301)));
        put(maps, &samples::pair(2, proto::UDP, ago(290)));
        let [(key, session), (opposite, _)] = samples::pair(3, proto::UDP, ago(400));
        let heard = Session {
            last_seen_ns: ago(1),
            ..samples::pair(3, proto::UDP, 0)[1].1
        };
        put(maps, &[(key, session), (opposite, heard)]);
        for (number, idle, flags) in [
            (4, 300, [both, both]),
            (5, 241, [fin, fin]),
            (6, 100, [fin, fin]),
            (7, 100, [both, both | tcp::RST]),
            (8, 100, [tcp::SYN, 0]),
        ] {
            put(
                maps,
                &with_flags(&samples::pair(number, proto::TCP, ago(idle)), flags),
            );
        }
        let mut translations = Translations::default();
        round(&mut translations, maps, Level::Idle);
        assert_eq!(left(maps), [2, 3, 4, 6, 7, 8]);
        round(&mut translations, maps, Level::Closed);
        assert_eq!(left(maps), [2, 3, 4, 8]);
    });
}

#[test]
fn halves_go_after_the_walk_that_found_them() {
    in_new_netns(|_| async {
        let mut dataplane = open(1000);
        let maps = dataplane.maps_mut();
        let old = now_ns().saturating_sub(400 * SECOND);
        let [original, _] = samples::pair(1, proto::UDP, old);
        let [_, reply] = samples::pair(2, proto::UDP, old);
        put(maps, &[original, reply]);
        let flags = MappingFlags::default();
        let [inside, _] = samples::mapping_pair(3, proto::UDP, old, flags);
        let [_, outside] = samples::mapping_pair(4, proto::UDP, old, flags);
        put_mapping(maps, &[inside, outside]);
        let mut translations = Translations::default();
        // The two halves make up for one another in the first count.
        for entries in [1, 1, 0] {
            round(&mut translations, maps, Level::Idle);
            assert_eq!(maps.sessions.count().expect("counted"), entries);
            assert_eq!(maps.mappings.count().expect("counted"), entries);
        }
    });
}

#[test]
fn mappings_live_as_their_sessions_do() {
    in_new_netns(|_| async {
        let mut dataplane = open(1000);
        let maps = dataplane.maps_mut();
        let ago = |seconds: u64| now_ns().saturating_sub(seconds * SECOND);
        let established = MappingFlags::ESTABLISHED;
        let both = tcp::SYN | tcp::ACK;
        let fin = both | tcp::FIN;
        // An idle connection, a closed one, one whose mapping is all there is.
        for (number, flags) in [(1, Some([both, both])), (2, Some([fin, fin])), (3, None)] {
            let mapping = samples::mapping_pair(number, proto::TCP, ago(239), established);
            put_mapping(maps, &mapping);
            if let Some(flags) = flags {
                put(
                    maps,
                    &with_flags(&samples::pair(number, proto::TCP, ago(239)), flags),
                );
            }
        }
        put_mapping(
            maps,
            &samples::mapping_pair(4, proto::UDP, ago(301), established),
        );
        let mut translations = Translations::default();
        round(&mut translations, maps, Level::Idle);
        assert_eq!(maps.mappings.count().expect("counted"), 6);
        let gauges = translations.gauges().expect("counted");
        assert_eq!(gauges.sessions["masquerade"], 2);
        assert_eq!(gauges.pools.len(), 2, "{:?}", gauges.pools);
        round(&mut translations, maps, Level::Closed);
        assert_eq!(maps.mappings.count().expect("counted"), 2);
        let left = maps.mappings.entries().expect("read");
        let [(inside, _), (outside, _)] = samples::mapping_pair(1, proto::TCP, 0, established);
        assert!(left.contains_key(&inside) && left.contains_key(&outside));
    });
}

/// Fills the tables with UDP sessions, each with its mapping, that were last seen then.
fn fill(maps: &mut Maps, sessions: u32, seen: impl Fn(u32) -> u64) {
    for number in 0..sessions {
        let seen = seen(number);
        put(maps, &samples::pair(number, proto::UDP, seen));
        let flags = MappingFlags::default();
        put_mapping(
            maps,
            &samples::mapping_pair(number, proto::UDP, seen, flags),
        );
    }
}

/// Runs slices until a round has ended; gives how many, the CPU time of all, and the longest.
fn slices(translations: &mut Translations, maps: &mut Maps) -> (usize, Duration, Duration) {
    translations.hurry();
    let (mut count, mut whole, mut longest) = (0, Duration::ZERO, Duration::ZERO);
    loop {
        let start = cpu_time();
        let ended = translations.run(maps, super::SLICE, Level::Idle);
        let took = cpu_time().saturating_sub(start);
        (count, whole, longest) = (count + 1, whole + took, longest.max(took));
        if ended.expect("a slice") {
            return (count, whole, longest);
        }
    }
}

/// A million sessions with a million mappings, and the time that slices take. It is asserted only that all
/// are counted, and that what is over goes; `NETFWD_SESSIONS` names another number.
#[test]
fn a_round_over_many_sessions_goes_in_slices() {
    in_new_netns(|_| async {
        let number = std::env::var("NETFWD_SESSIONS").ok();
        let sessions: u32 = number.map_or(1 << 16, |n| n.parse().expect("a number"));
        let mut dataplane = open(sessions);
        let maps = dataplane.maps_mut();
        let (start, now) = (Instant::now(), now_ns());
        fill(maps, sessions, |_| now);
        println!("{sessions} sessions made in {:?}", start.elapsed());
        let mut translations = Translations::default();
        let idle = slices(&mut translations, maps);
        println!("none over: {idle:?} (slices, all, longest)");
        let gauges = translations.gauges().expect("counted");
        assert_eq!(gauges.sessions["masquerade"], u64::from(sessions));
        assert!(gauges.sessions_ratio > 0.999);
        let half = |n: u32| {
            if n.is_multiple_of(2) {
                now
            } else {
                now - 301 * SECOND
            }
        };
        fill(maps, sessions, half);
        println!("half over: {:?}", slices(&mut translations, maps));
        assert_eq!(maps.sessions.count().expect("counted"), u64::from(sessions));
        assert_eq!(maps.mappings.count().expect("counted"), u64::from(sessions));
    });
}
