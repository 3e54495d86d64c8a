//! The way of a session is asked for again once it is a second old, by XDP as by TC.

use anyhow::{Result, ensure};
use netfwd_common::maps::{FdbEntry, FdbFlags, Session};
use tests::prog::{Verdict, World, mac, slot, station};

use super::{flow::Flow, place::Place};

/// Older than a way may be.
fn old(session: &mut Session) {
    session.next_hop.resolved_ns -= 2_000_000_000;
}

/// Puts the station elsewhere, or nowhere, and nobody has said so.
fn put_station(place: &mut Place, entry: Option<FdbEntry>) -> Result<()> {
    let key = World::fdb_key(mac::C1);
    let mut tables = place.world.tables();
    match entry {
        Some(entry) => tables.put_unnoticed("fdb", &key, &entry),
        None => tables.remove_unnoticed::<_, FdbEntry>("fdb", &key),
    }
}

#[test]
fn an_old_way_is_asked_for_again() -> Result<()> {
    let mut place = Place::new()?;
    for flow in Flow::ALL {
        let taken = place.both(&flow.frame(64, b"data"), old)?;
        ensure!(taken == Some(flow.translated(63, b"data")), "{flow:?}");
    }
    Ok(())
}

#[test]
fn the_station_is_followed() -> Result<()> {
    let mut place = Place::new()?;
    let takes = FdbFlags::STATIC.with(FdbFlags::XDP_TARGET);
    let p2 = FdbEntry {
        flags: takes,
        ..station(place.world.wires.p2, slot::P2)
    };
    put_station(&mut place, Some(p2))?;
    for flow in Flow::ALL {
        // `both` sees to it that the octets are counted for the same port.
        ensure!(place.both(&flow.frame(64, b"data"), old)?.is_some());
        ensure!(place.by_xdp(&flow.frame(64, b"data"), old)?.verdict == Verdict::Redirect);
        ensure!(place.world.counters(slot::P2)?.tx_packets == 1, "{flow:?}");
    }
    Ok(())
}

#[test]
fn what_has_no_way_by_xdp_is_left() -> Result<()> {
    let mut place = Place::new()?;
    let p1 = place.world.wires.p1;
    let elsewhere = [
        ("a port that takes none", Some(station(p1, slot::P1))),
        ("a peer", Some(World::behind_peer())),
        ("nowhere", None),
        (
            "a tagged port",
            Some(FdbEntry {
                flags: FdbFlags::XDP_TARGET,
                tag: 10,
                ..station(p1, slot::P1)
            }),
        ),
    ];
    for (what, entry) in elsewhere {
        if entry.is_none() {
            put_station(&mut place, Some(World::behind_peer()))?;
        }
        put_station(&mut place, entry)?;
        for flow in Flow::ALL {
            let taken = place.both(&flow.frame(64, b"data"), old)?;
            ensure!(taken.is_none(), "{what}: {flow:?}");
        }
    }
    Ok(())
}

/// Whoever changes what ways follow from says so, and then TC looks first.
#[test]
fn a_change_is_for_tc_to_see() -> Result<()> {
    let mut place = Place::new()?;
    place.world.tables().renew()?;
    for flow in Flow::ALL {
        ensure!(place.both(&flow.frame(64, b"data"), |_| {})?.is_none());
        ensure!(place.both(&flow.frame(64, b"data"), old)?.is_none());
    }
    Ok(())
}
