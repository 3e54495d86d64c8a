//! All figures of an instance that metrics are made of, read in one go.
//!
//! Tables that may have a million entries are not read: learned stations are counted as they come and go, and the
//! daemon counts sessions while it ages them.

use std::collections::BTreeMap;

use netfwd_common::maps::{Member, PeerFlags};

use super::figures::Counted;
use super::peer::state;
use super::{ShowError, Source};
use crate::health::State;

/// The figures of an instance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overview {
    /// All that is counted.
    pub counted: Counted,
    /// What networks are made of, by name.
    pub networks: BTreeMap<String, Extent>,
}

/// What a network is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Its number.
    pub id: u32,
    /// Targets of its flood list: ports and peers, a trunk once for each of its VLANs.
    pub flood_targets: u32,
    /// Its peers by state: `up`, `down` or `unknown`.
    pub peers: BTreeMap<&'static str, u64>,
}

/// The figures of an instance.
pub fn overview(instance: &str) -> Result<Overview, ShowError> {
    let source = Source::open(instance)?;
    let mut peers = peers(&source)?;
    let networks = source.maps.networks.entries()?.into_iter();
    let networks = networks.map(|(id, network)| {
        let extent = Extent {
            id,
            flood_targets: network.flood_len,
            peers: peers.remove(&id).unwrap_or_default(),
        };
        (source.names.network(id), extent)
    });
    Ok(Overview {
        networks: networks.collect(),
        counted: Counted::read(&source)?,
    })
}

/// How many peers are in each state, by network; groups are none.
fn peers(source: &Source) -> Result<BTreeMap<u32, BTreeMap<&'static str, u64>>, ShowError> {
    let flags = source.maps.peers.entries()?;
    let mut counts: BTreeMap<u32, BTreeMap<&'static str, u64>> = BTreeMap::new();
    for (key, Member { last_seen_ns, .. }) in source.maps.members.entries()? {
        let Some(peer) = flags.get(&key.peer) else {
            continue;
        };
        if !peer.flags.has(PeerFlags::GROUP) {
            let state = state(State::of(peer.flags), source.heard(last_seen_ns));
            let of_network = counts.entry(key.network).or_default();
            *of_network.entry(state).or_default() += 1;
        }
    }
    Ok(counts)
}
