//! `peer show`.

use std::collections::BTreeMap;

use netfwd_common::addr::Addr;
use netfwd_common::maps::{Member, MemberKey, Peer};
use serde::Serialize;

use super::{ShowError, Source, address};

/// A peer that was heard within this many seconds is up.
const UP: u64 = 300;

/// A peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeerRow {
    /// Its VTEP.
    pub address: String,
    /// The networks that it takes part in.
    pub networks: Vec<String>,
    /// `up` where it was heard lately, `idle` where only the way to it is known, else `unresolved`.
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
    let members = source.maps.members.entries()?;
    let rows = peers.iter();
    rows.map(|(key, peer)| row(&source, &members, key, peer))
        .collect()
}

fn row(
    source: &Source,
    members: &BTreeMap<MemberKey, Member>,
    key: &Addr,
    peer: &Peer,
) -> Result<PeerRow, ShowError> {
    let counters = source.maps.counters(peer.slot)?;
    let mine: Vec<_> = members.iter().filter(|(m, _)| m.peer == *key).collect();
    let last_ns = mine.iter().map(|(_, member)| member.last_seen_ns).max();
    let last_seen_seconds = source.heard(last_ns.unwrap_or_default());
    Ok(PeerRow {
        address: address(key).to_string(),
        networks: mine
            .iter()
            .map(|(member, _)| source.names.network(member.network))
            .collect(),
        state: state(last_seen_seconds, peer.next_hop.ifindex != 0),
        rx_packets: counters.rx_packets,
        rx_bytes: counters.rx_bytes,
        tx_packets: counters.tx_packets,
        tx_bytes: counters.tx_bytes,
        last_seen_seconds,
    })
}

fn state(last_seen_seconds: Option<u64>, resolved: bool) -> &'static str {
    match last_seen_seconds {
        Some(seconds) if seconds <= UP => "up",
        _ if resolved => "idle",
        _ => "unresolved",
    }
}

#[cfg(test)]
mod tests {
    use super::state;

    #[test]
    fn a_peer_is_up_while_it_is_heard() {
        assert_eq!(state(Some(3), false), "up");
        assert_eq!(state(Some(301), true), "idle");
        assert_eq!(state(None, false), "unresolved");
    }
}
