//! Forgetting FDB entries and sessions that match a filter.

use netfwd_common::maps::{
    FdbEntry, FdbKey, Mapping, MappingKey, Neighbour, NeighbourFlags, NeighbourKey, Session,
    SessionKey,
};

use crate::dataplane::{DataplaneError, Maps, Walk};
use crate::plan::{FdbFilter, Gone, NeighbourFilter, SessionFilter};

/// Deletes the learned and sticky FDB entries that match; says how many.
pub fn flush_fdb(maps: &mut Maps, filter: &FdbFilter) -> Result<u64, DataplaneError> {
    maps.forget(|key, entry| fdb_matches(filter, key, entry))
}

/// Deletes both directions of the sessions that match, and their mappings; says how many sessions.
pub fn flush_sessions(maps: &mut Maps, filter: &SessionFilter) -> Result<usize, DataplaneError> {
    let flushed = forget_sessions(maps, |key, session| filter.matches(key, session))?;
    if filter.is_of_mappings() {
        forget_mappings(maps, |key, mapping| filter.matches_mapping(key, mapping))?;
    }
    Ok(flushed)
}

/// Deletes both directions of the sessions, and the mappings, that use what is no more.
pub(super) fn end_sessions(maps: &mut Maps, ended: &Gone) -> Result<(), DataplaneError> {
    let count = forget_sessions(maps, |key, session| ended.ends(key, session))?;
    if ended.is_of_mappings() {
        forget_mappings(maps, |key, mapping| ended.ends_mapping(key, mapping))?;
    }
    if count > 0 {
        tracing::info!("ended {count} sessions of what is no more");
    }
    Ok(())
}

/// Deletes sessions a few thousand at a time: there may be a million. `which` is shown either direction.
fn forget_sessions(
    maps: &mut Maps,
    which: impl Fn(&SessionKey, &Session) -> bool,
) -> Result<usize, DataplaneError> {
    let mut walk = Walk::default();
    let mut forgotten = 0;
    while !walk.is_over() {
        let read = maps.sessions.read_on(&mut walk)?;
        let read = read.filter(|(key, session)| which(key, session));
        let batch: Vec<SessionKey> = read.map(|(key, _)| *key).collect();
        for key in batch {
            forgotten += usize::from(maps.end_session(&key, |_, _, _| true)?);
        }
    }
    if forgotten != 0 {
        // Their packets' ways are remembered.
        maps.renew()?;
    }
    Ok(forgotten)
}

fn forget_mappings(
    maps: &mut Maps,
    which: impl Fn(&MappingKey, &Mapping) -> bool,
) -> Result<(), DataplaneError> {
    let mut walk = Walk::default();
    while !walk.is_over() {
        let read = maps.mappings.read_on(&mut walk)?;
        let read = read.filter(|(key, mapping)| which(key, mapping));
        let batch: Vec<_> = read.map(|(key, m)| [*key, key.opposite(m)]).collect();
        for key in batch.into_iter().flatten() {
            maps.mappings.remove(&key)?;
        }
    }
    Ok(())
}

/// Deletes the learned neighbours that match.
pub fn flush_neighbours(maps: &mut Maps, filter: &NeighbourFilter) -> Result<(), DataplaneError> {
    let matches = |key: &NeighbourKey, neighbour: &Neighbour| {
        !neighbour.flags.has(NeighbourFlags::STATIC)
            && filter.network.is_none_or(|network| key.network == network)
            && filter.mac.is_none_or(|mac| neighbour.mac == mac)
            && filter.vlan.is_none_or(|vlan| key.vlan == vlan)
    };
    for (key, neighbour) in maps.neighbours.matching(matches)? {
        let station = FdbKey {
            network: key.network,
            vlan: key.vlan,
            mac: neighbour.mac,
        };
        let behind = maps.fdb.get(&station)?.map(|entry| entry.ifindex);
        if filter.ifindex.is_none() || filter.ifindex == behind {
            maps.neighbours.remove(&key)?;
        }
    }
    Ok(())
}

fn fdb_matches(filter: &FdbFilter, key: &FdbKey, entry: &FdbEntry) -> bool {
    filter.network.is_none_or(|network| key.network == network)
        && filter.ifindex.is_none_or(|index| entry.ifindex == index)
        && filter.peer.is_none_or(|peer| entry.peer == peer)
        && filter.mac.is_none_or(|mac| key.mac == mac)
        && filter.vlan.is_none_or(|vlan| key.vlan == vlan)
}
