//! From any configuration to any other.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::{INTERFACES, converge, host, parse};
use crate::config::Config;
use crate::ids::Ids;

/// What one of the networks of a generated configuration is made of.
#[derive(Clone, Debug)]
struct Shape {
    vni: Option<u32>,
    /// Whether it masquerades, where there is one.
    gateway: Option<bool>,
    peers: Vec<u8>,
    /// Properties of its ports, as the file writes them.
    port: &'static str,
    /// A device that it has made, as the file writes it.
    made: &'static str,
    /// Its own properties, as the file writes them.
    own: &'static str,
}

const PORT: [&str; 6] = [
    "",
    "isolated = true",
    "vlan = 10",
    "trunk = [20, 21]\nedge = true",
    "trunk = [10]\nvlan = 10\ntag_native = true",
    "anti_spoof = true\nmac = \"02:00:00:00:00:05\"\noutside = true",
];
const MADE: [&str; 4] = [
    "",
    "[[network.port]]\nnetns = \"cN\"\nname = \"eth0\"\naddresses = [\"10.0.N.2/24\"]\nanti_spoof = true\n",
    "[[network.port]]\ntap = \"tapN\"\n",
    "[[network.port]]\ntap = \"tapN\"\nmulti_queue = true\n",
];
const OWN: [&str; 3] = [
    "",
    "vlan = 10\nmax_learned = 9",
    "arp_suppression = true\nmulticast_snooping = false",
];

fn shape() -> impl Strategy<Value = Shape> {
    let peers = proptest::sample::subsequence(vec![2u8, 3, 4, 5], 0..=4);
    let (port, made, own) = (
        proptest::sample::select(&PORT[..]),
        proptest::sample::select(&MADE[..]),
        proptest::sample::select(&OWN[..]),
    );
    (any::<bool>(), any::<Option<bool>>(), peers, port, made, own).prop_map(
        |(overlay, gateway, peers, port, made, own)| Shape {
            vni: overlay.then_some(100),
            gateway,
            peers,
            port,
            made,
            own,
        },
    )
}

/// A configuration: networks by name, and which of them owns each interface.
fn config() -> impl Strategy<Value = Config> {
    let networks = proptest::collection::vec(proptest::option::of(shape()), 2);
    let owners = proptest::collection::vec(0usize..3, INTERFACES.len() - 1);
    (networks, owners).prop_map(|(networks, owners)| parse(&text(&networks, &owners)))
}

fn text(networks: &[Option<Shape>], owners: &[usize]) -> String {
    let mut text = "[host]\nuplinks = [\"up0\"]\n".to_owned();
    for (index, shape) in networks.iter().enumerate() {
        if let Some(shape) = shape {
            network(&mut text, index, shape, owners).unwrap();
        }
    }
    text
}

fn network(out: &mut String, index: usize, shape: &Shape, owners: &[usize]) -> std::fmt::Result {
    writeln!(out, "[[network]]\nname = \"n{index}\"\n{}", shape.own)?;
    if let Some(vni) = shape.vni {
        let peers = shape.peers.iter().map(|peer| format!("\"192.0.2.{peer}\""));
        let peers: Vec<_> = peers.collect();
        writeln!(
            out,
            "vni = {}\npeers = [{}]",
            vni + index as u32,
            peers.join(", ")
        )?;
    }
    if let Some(masquerade) = shape.gateway {
        writeln!(
            out,
            "[network.gateway]\naddresses = [\"10.0.{index}.1/24\"]\nmasquerade = {masquerade}"
        )?;
        writeln!(
            out,
            "[[network.publish]]\nlisten = \"8{index}/udp\"\nto = \"10.0.{index}.9:53\""
        )?;
    }
    for (port, owner) in INTERFACES[1..].iter().zip(owners) {
        if *owner == index {
            writeln!(
                out,
                "[[network.port]]\ninterface = \"{port}\"\n{}",
                shape.port
            )?;
        }
    }
    out.push_str(&shape.made.replace('N', &index.to_string()));
    Ok(())
}

proptest! {
    /// From any configuration to any other, a host gets there, is there, and stays there; at no
    /// step does a flood list have a hole, and nothing is deleted that is not there.
    #[test]
    fn every_configuration_is_reached_from_every_other(
        configs in proptest::collection::vec(config(), 1..4)
    ) {
        let (mut sim, mut ids) = (host(), Ids::default());
        for config in &configs {
            converge(config, &mut ids, &mut sim);
        }
        converge(&Config::default(), &mut ids, &mut sim);
        prop_assert_eq!(sim.observed.links.len(), INTERFACES.len());
        prop_assert!(sim.observed.maps.ports.is_empty());
        prop_assert!(sim.observed.maps.vlans.is_empty() && sim.observed.maps.bindings.is_empty());
        prop_assert!(sim.observed.links.values().all(|link| !link.promiscuous));
    }
}
