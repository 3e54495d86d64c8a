//! `peer show`.

use std::collections::BTreeMap;

use netfwd_common::addr::{Addr, UNSPECIFIED, to_v4};
use netfwd_common::limits::{MTU_OVERHEAD_V4, MTU_OVERHEAD_V6};
use netfwd_common::maps::{Peer, PeerFlags};
use serde::Serialize;

use super::{ShowError, Source, address};
use crate::health::State;
use crate::ids::Scope;

/// A peer that was heard within this many seconds is up.
const UP: u64 = 300;

/// What a table shows of a peer; JSON has the rest.
pub const PEER_COLUMNS: &[&str] = &[
    "address",
    "l4_port",
    "networks",
    "kind",
    "state",
    "mtu",
    "rx_packets",
    "tx_packets",
    "last_seen_seconds",
];

/// A peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeerRow {
    /// Its VTEP.
    pub address: String,
    /// The UDP port that it listens on.
    pub l4_port: u16,
    /// The networks that it takes part in.
    pub networks: Vec<String>,
    /// `peer`; `group` for a multicast group; `learned` where a frame, not the configuration, told of it.
    pub kind: &'static str,
    /// `down` where it missed its probes, `up` where it answered them or was heard lately, else `unknown`.
    pub state: &'static str,
    /// The VTEP of this host that it sees; `None` where it is the kernel's choice.
    pub source: Option<String>,
    /// Octets of the largest IP packet that the path to it takes in a frame; `None` while it is not known.
    pub mtu: Option<u32>,
    /// Frames from it; `None` for a learned one, which has no counters of its own: its network counts for it.
    pub rx_packets: Option<u64>,
    /// Octets from it.
    pub rx_bytes: Option<u64>,
    /// Frames to it.
    pub tx_packets: Option<u64>,
    /// Octets to it.
    pub tx_bytes: Option<u64>,
    /// Seconds since a frame came from it; `None` where none ever did.
    pub last_seen_seconds: Option<u64>,
}

/// The networks of each peer, and when it was last heard in each.
type Networks = BTreeMap<Addr, Vec<(u32, u64)>>;

/// The peers of an instance.
pub fn peers(instance: &str) -> Result<Vec<PeerRow>, ShowError> {
    let source = Source::open(instance)?;
    let peers = source.maps.peers.entries()?;
    let mut networks = Networks::new();
    for (key, member) in source.maps.members.entries()? {
        let of_peer = networks.entry(key.peer).or_default();
        of_peer.push((key.network, member.last_seen_ns));
    }
    let rows = peers.iter();
    rows.map(|(key, peer)| {
        let networks = networks.get(key).map_or(&[][..], Vec::as_slice);
        row(&source, networks, key, peer)
    })
    .collect()
}

fn row(
    source: &Source,
    networks: &[(u32, u64)],
    key: &Addr,
    peer: &Peer,
) -> Result<PeerRow, ShowError> {
    let kind = kind(peer.flags);
    let name = address(key).to_string();
    let counters = source.counters(Scope::Peer, &name)?;
    let counted = |count| (kind != LEARNED).then_some(count);
    let last_ns = networks.iter().map(|(_, last_ns)| *last_ns).max();
    let last_seen_seconds = source.heard(last_ns.unwrap_or_default());
    let names = networks.iter();
    Ok(PeerRow {
        address: name,
        l4_port: peer.port,
        networks: names.map(|(id, _)| source.names.network(*id)).collect(),
        kind,
        state: state(State::of(peer.flags), last_seen_seconds),
        source: (peer.source != UNSPECIFIED).then(|| address(&peer.source).to_string()),
        mtu: mtu(key, peer.next_hop.mtu),
        rx_packets: counted(counters.rx_packets),
        rx_bytes: counted(counters.rx_bytes),
        tx_packets: counted(counters.tx_packets),
        tx_bytes: counted(counters.tx_bytes),
        last_seen_seconds,
    })
}

const LEARNED: &str = "learned";

fn kind(flags: PeerFlags) -> &'static str {
    if flags.has(PeerFlags::GROUP) {
        "group"
    } else if flags.has(PeerFlags::LEARNED) {
        LEARNED
    } else {
        "peer"
    }
}

/// What a path's MTU leaves to the frames of a network.
fn mtu(peer: &Addr, path: u32) -> Option<u32> {
    let overhead = match to_v4(peer) {
        Some(_) => MTU_OVERHEAD_V4,
        None => MTU_OVERHEAD_V6,
    };
    path.checked_sub(overhead)
}

pub(super) fn state(probed: State, last_seen_seconds: Option<u64>) -> &'static str {
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
    use netfwd_common::addr::{Addr, from_v4};
    use netfwd_common::maps::PeerFlags;

    use super::{State, kind, mtu, state};

    #[test]
    fn a_peer_is_up_while_it_answers_or_is_heard() {
        assert_eq!(state(State::Unknown, Some(3)), "up");
        assert_eq!(state(State::Unknown, Some(301)), "unknown");
        assert_eq!(state(State::Up, None), "up");
        assert_eq!(state(State::Down, Some(3)), "down");
    }

    #[test]
    fn a_path_leaves_what_the_headers_of_its_family_do_not_take() {
        let (v4, v6) = (from_v4([192, 0, 2, 1]), Addr::new([0xfd; 16]));
        assert_eq!((mtu(&v4, 1500), mtu(&v6, 1500)), (Some(1450), Some(1430)));
        assert_eq!(mtu(&v4, 0), None);
    }

    #[test]
    fn a_peer_is_of_one_kind() {
        assert_eq!(kind(PeerFlags::UP), "peer");
        assert_eq!(kind(PeerFlags::GROUP), "group");
        assert_eq!(kind(PeerFlags::LEARNED), "learned");
    }
}
