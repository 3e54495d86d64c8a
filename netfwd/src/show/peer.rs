//! `peer show`.

use std::collections::BTreeMap;

use netfwd_common::addr::Addr;
use netfwd_common::maps::{Member, MemberKey, Peer};
use serde::Serialize;

use super::{ShowError, Source, address};
use crate::health::State;

/// A peer that was heard within this many seconds is up.
const UP: u64 = 300;

/// A peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeerRow {
    /// Its VTEP.
    pub address: String,
    /// The networks that it takes part in.
    pub networks: Vec<String>,
    /// `down` where it missed its probes, `up` where it answered them or was heard lately, else `unknown`.
    pub state: &'static str,
    /// Frames from it.
    pub rx_packets: u64,
    /// Octets from it.
    pub rx_bytes: u64,
    /// Frames to it.
    pub tx_packets: u64,
    /// Octets to it.
    pub tx_bytes: u64,
    /// Seconds since a frame came from it; `None` where none ever did.
    pub last_seen_seconds: Option<u64>,
}

/// The peers of an instance.
pub fn peers(instance: &str) -> Result<Vec<PeerRow>, ShowError> {
    let source = Source::open(instance)?;
    let peers = source.maps.peers.entries()?;
    let mut members: BTreeMap<Addr, Members> = BTreeMap::new();
    for (key, member) in source.maps.members.entries()? {
        members.entry(key.peer).or_default().push((key, member));
    }
    let rows = peers.iter();
    rows.map(|(key, peer)| row(&source, members.remove(key), key, peer))
        .collect()
}

/// What a peer takes part in.
type Members = Vec<(MemberKey, Member)>;

fn row(
    source: &Source,
    members: Option<Members>,
    key: &Addr,
    peer: &Peer,
) -> Result<PeerRow, ShowError> {
    let counters = source.maps.counters(peer.slot)?;
    let mine = members.unwrap_or_default();
    let last_ns = mine.iter().map(|(_, member)| member.last_seen_ns).max();
    let last_seen_seconds = source.heard(last_ns.unwrap_or_default());
    Ok(PeerRow {
        address: address(key).to_string(),
        networks: mine
            .iter()
            .map(|(member, _)| source.names.network(member.network))
            .collect(),
        state: state(State::of(peer.flags), last_seen_seconds),
        rx_packets: counters.rx_packets,
        rx_bytes: counters.rx_bytes,
        tx_packets: counters.tx_packets,
        tx_bytes: counters.tx_bytes,
        last_seen_seconds,
    })
}

fn state(probed: State, last_seen_seconds: Option<u64>) -> &'static str {
    let heard = last_seen_seconds.is_some_and(|seconds| seconds <= UP);
    match probed {
        State::Down => "down",
        State::Up => "up",
        State::Unknown if heard => "up",
        State::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::{State, state};

    #[test]
    fn a_peer_is_up_while_it_answers_or_is_heard() {
        assert_eq!(state(State::Unknown, Some(3)), "up");
        assert_eq!(state(State::Unknown, Some(301)), "unknown");
        assert_eq!(state(State::Up, None), "up");
        assert_eq!(state(State::Down, Some(3)), "down");
    }
}
