//! Forgetting FDB entries and sessions that match a filter.

use netfwd_common::maps::{
    FdbEntry, FdbKey, Neighbour, NeighbourFlags, NeighbourKey, Session, SessionFlags, SessionKey,
};

use crate::address::to_addr;
use crate::dataplane::{DataplaneError, Maps};
use crate::plan::{FdbFilter, NeighbourFilter, SessionFilter};

/// Deletes the learned and sticky FDB entries that match; says how many.
pub fn flush_fdb(maps: &mut Maps, filter: &FdbFilter) -> Result<u64, DataplaneError> {
    maps.forget(|key, entry| fdb_matches(filter, key, entry))
}

/// Deletes both directions of the sessions that match; says how many sessions.
pub fn flush_sessions(maps: &mut Maps, filter: &SessionFilter) -> Result<usize, DataplaneError> {
    let entries = maps.sessions.entries()?;
    let mut flushed = 0;
    for (key, session) in &entries {
        if !session_matches(filter, key, session) {
            continue;
        }
        maps.sessions.remove(&key.opposite(session))?;
        flushed += usize::from(maps.sessions.remove(key)?);
    }
    Ok(flushed)
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

/// Whether this is the original direction of a session that matches.
pub fn session_matches(filter: &SessionFilter, key: &SessionKey, session: &Session) -> bool {
    session.flags.has(SessionFlags::ORIGINAL)
        && filter
            .network
            .is_none_or(|network| session.network == network)
        && filter.kind.is_none_or(|kind| session.kind == kind as u8)
        && filter.proto.is_none_or(|proto| key.proto == proto)
        && filter.src.is_none_or(|src| key.src == to_addr(src))
        && filter.dst.is_none_or(|dst| key.dst == to_addr(dst))
}
