//! What a scrape says of figures that are known.

use std::collections::BTreeMap;

use netfwd_common::maps::Counters;

use super::vitals::State;
use super::{exposition, families};
use crate::ageing::{Gauges, PortPool};
use crate::ids::Scope;
use crate::naming;
use crate::show::{self, Extent, Figures, Overview, Part};

fn counted(scope: Scope, name: &str, network: Option<&str>, frames: u64) -> (Part, Figures) {
    let part = Part {
        scope,
        name: name.to_owned(),
        network: network.map(ToOwned::to_owned),
    };
    let figures = Figures {
        counters: Counters {
            rx_packets: frames,
            ..Counters::default()
        },
        drops: BTreeMap::from([(1, frames)]),
        learned: 3,
        learn_refused: 0,
    };
    (part, figures)
}

fn overview() -> Overview {
    let blue = Some("blue");
    let parts = [
        counted(Scope::Network, "blue", blue, 1),
        counted(Scope::Port, "veth-c1", blue, 10),
        counted(Scope::Port, &naming::gateway_end("blue"), blue, 20),
        counted(Scope::Peer, "192.0.2.1", blue, 100),
        counted(Scope::Peer, "2001:db8::1", blue, 200),
        counted(Scope::Uplink, "up0", None, 1000),
    ];
    let extent = Extent {
        id: 1,
        flood_targets: 4,
        peers: [("up", 2)].into(),
    };
    Overview {
        counted: show::Counted {
            parts: parts.into(),
            others: [(1, 5)].into(),
        },
        networks: [("blue".to_owned(), extent)].into(),
    }
}

fn state() -> State {
    let pool = |address: &str, used| PortPool {
        address: address.to_owned(),
        proto: "udp".to_owned(),
        used,
        ports: 100,
    };
    let nat = Gauges {
        sessions: [("masquerade".to_owned(), 6)].into(),
        pools: vec![pool("203.0.113.1", 5), pool("203.0.113.2", 1)],
        ports_used_ratio: 0.05,
        ..Gauges::default()
    };
    State {
        static_fdb: [(1, 2)].into(),
        nat: Some(nat),
        ..State::default()
    }
}

fn text() -> String {
    exposition::text(families::of(&overview(), &state(), 1.0)).expect("text")
}

#[test]
fn figures_are_added_up_without_addresses() {
    let text = text();
    for line in [
        "netfwd_packets_total{network=\"blue\",port=\"veth-c1\",direction=\"rx\"} 10",
        "netfwd_packets_total{network=\"blue\",port=\"gateway\",direction=\"rx\"} 20",
        "netfwd_packets_total{network=\"blue\",port=\"peers\",direction=\"rx\"} 300",
        "netfwd_packets_total{network=\"blue\",port=\"others\",direction=\"rx\"} 1",
        "netfwd_uplink_packets_total{uplink=\"up0\",direction=\"rx\"} 1000",
        "netfwd_fdb_entries{network=\"blue\"} 5.0",
        "netfwd_peers{network=\"blue\",state=\"up\"} 2.0",
        "netfwd_peers{network=\"blue\",state=\"down\"} 0.0",
        "netfwd_sessions{kind=\"masquerade\"} 6.0",
        "netfwd_nat_ports_used{proto=\"udp\"} 6.0",
        "netfwd_nat_ports_used_ratio 0.05",
    ] {
        assert!(text.contains(&format!("{line}\n")), "{line} in\n{text}");
    }
    for address in ["192.0.2", "2001:db8", "203.0.113"] {
        assert!(!text.contains(address), "{address} in\n{text}");
    }
}

#[test]
fn drops_name_their_reason_and_whose_they_were() {
    let (text, reason) = (text(), show::reason(1));
    for (labels, count) in [
        ("network=\"blue\",port=\"peers\",", 300),
        ("port=\"up0\",", 1000),
        ("", 5),
    ] {
        let line = format!("netfwd_drops_total{{{labels}reason=\"{reason}\"}} {count}\n");
        assert!(text.contains(&line), "{line} in\n{text}");
    }
}
