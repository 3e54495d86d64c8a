//! Whether the maps have room for what should be in them.

use netfwd_common::limits;

use super::DesiredError;
use crate::observed::MapState;

/// Refuses what the maps could not hold, before anything is written.
pub fn fits(maps: &MapState) -> Result<(), DesiredError> {
    let tables = [
        ("networks", maps.networks.len(), limits::NETWORKS),
        ("ports", maps.ports.len(), limits::PORTS),
        ("VLANs of all ports", maps.vlans.len(), limits::VLANS),
        (
            "bindings of anti-spoof ports",
            maps.bindings.len(),
            limits::BINDINGS,
        ),
        (
            "static neighbours",
            maps.neighbours.len(),
            limits::NEIGHBOURS,
        ),
        ("static FDB entries", maps.fdb.len(), limits::FDB_ENTRIES),
        (
            "flood targets of all networks",
            maps.flood.len(),
            limits::FLOOD_TARGETS,
        ),
        ("peers", maps.peers.len(), limits::PEERS),
        ("peers of all networks", maps.members.len(), limits::MEMBERS),
        (
            "VTEPs and multicast groups",
            maps.vteps.len(),
            limits::VTEPS,
        ),
        ("uplinks", maps.uplinks.len(), limits::UPLINKS),
        (
            "addresses on uplinks and gateways",
            maps.locals.len(),
            limits::LOCAL_ADDRESSES,
        ),
        ("subnets", maps.subnets.len(), limits::SUBNETS),
        (
            "published l4 ports",
            maps.publishes.len(),
            limits::PUBLISHES,
        ),
        ("targets", maps.targets.len(), limits::TARGETS),
        (
            "floating addresses",
            maps.floatings.len() / 2,
            limits::FLOATINGS / 2,
        ),
        (
            "outside addresses to answer for",
            maps.externals.len(),
            limits::EXTERNALS,
        ),
        ("pairs of networks", maps.pairs.len() / 2, limits::PAIRS / 2),
    ];
    tables
        .into_iter()
        .try_for_each(|(what, count, most)| holds(what, count, most))
}

/// Refuses more than there is room for.
pub(super) fn holds(what: &'static str, count: usize, most: usize) -> Result<(), DesiredError> {
    if count > most {
        return Err(DesiredError::TooMany { what, count, most });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use netfwd_common::{
        limits::VLANS,
        maps::{Vlan, VlanKey},
    };

    use super::fits;
    use crate::observed::MapState;

    fn trunks(vids: usize) -> MapState {
        let key = |index: usize| VlanKey {
            ifindex: (index / 4094) as u32,
            vid: (index % 4094 + 1) as u16,
            pad: 0,
        };
        let vlan = Vlan {
            network: 1,
            slot: 1,
            vlan: 1,
            tag: 1,
        };
        MapState {
            vlans: (0..vids).map(|index| (key(index), vlan)).collect(),
            ..MapState::default()
        }
    }

    #[test]
    fn a_map_takes_as_many_as_it_has_room_for() {
        assert_eq!(fits(&trunks(VLANS)), Ok(()));
        let error = fits(&trunks(VLANS + 1)).expect_err("one too many");
        assert_eq!(
            error.to_string(),
            "65537 VLANs of all ports are more than the 65536 that one instance holds; take some out, or split them over instances"
        );
    }
}
