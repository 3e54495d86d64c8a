//! Random switches and frames, on netfwd and on the kernel's bridge: nothing leaves its network or
//! VLAN, nothing returns to its port, and what arrives is what was sent, octet by octet.

use std::collections::BTreeMap;

use anyhow::Result;
use proptest::{
    prelude::*,
    sample::{select, subsequence},
    test_runner::TestCaseError,
};
use tests::{
    packet::{BROADCAST, Mac, ethernet},
    switch::{Layout, Make, Model, Network, NetworkOption, PEER, PortOption, Sent, station},
};

const PORTS: usize = 9;
const VLANS: [u16; 3] = [10, 20, 4094];
const FRAMES: usize = 150;

/// Options that a port of any switch may have.
fn plain_port() -> impl Strategy<Value = Vec<PortOption>> {
    let options = vec![
        PortOption::Isolated,
        PortOption::NoLearning,
        PortOption::NoUnknownUnicast,
    ];
    prop_oneof![3 => Just(Vec::new()), 2 => subsequence(options, 1..=3)]
}

/// What a port says of VLANs.
fn vlan_port() -> impl Strategy<Value = Vec<PortOption>> {
    let native = (any::<prop::sample::Index>(), any::<bool>());
    let trunk = (subsequence(VLANS.to_vec(), 1..=3), prop::option::of(native));
    prop_oneof![
        Just(Vec::new()),
        select(&VLANS[..]).prop_map(|vlan| vec![PortOption::Vlan(vlan)]),
        trunk.prop_map(|(vlans, native)| trunk_port(vlans, native)),
    ]
}

fn trunk_port(vlans: Vec<u16>, native: Option<(prop::sample::Index, bool)>) -> Vec<PortOption> {
    let mut options = Vec::new();
    if let Some((native, tagged)) = native {
        options.push(PortOption::Vlan(*native.get(&vlans)));
        options.extend(tagged.then_some(PortOption::TagNative));
    }
    options.push(PortOption::Trunk(vlans));
    options
}

/// A switch whose ports are each in one of three networks.
fn plain() -> impl Strategy<Value = Layout> {
    let ports = prop::collection::vec((0..3_usize, plain_port()), PORTS);
    ports.prop_map(|ports| assemble(ports, [None; 3]))
}

/// A switch whose first network spans hosts.
fn spanning(layout: impl Strategy<Value = Layout>) -> impl Strategy<Value = Layout> {
    layout.prop_map(|layout| layout.network(NetworkOption::Overlay))
}

/// The same, with VLANs; in a network where no port says anything of them, tags are payload.
fn with_vlans() -> impl Strategy<Value = Layout> {
    let port = (0..3_usize, plain_port(), vlan_port());
    let port = port.prop_map(|(network, plain, vlans)| (network, [plain, vlans].concat()));
    let ports = prop::collection::vec(port, PORTS);
    let own = prop::array::uniform3(prop::option::of(select(&VLANS[..])));
    (ports, own).prop_map(|(ports, own)| assemble(ports, own))
}

fn assemble(ports: Vec<(usize, Vec<PortOption>)>, own: [Option<u16>; 3]) -> Layout {
    let mut networks: Vec<_> = own
        .into_iter()
        .map(|own| Network {
            options: own.map(NetworkOption::Vlan).into_iter().collect(),
            ports: BTreeMap::new(),
        })
        .collect();
    for (port, (network, options)) in (1..).zip(ports) {
        networks[network].ports.insert(port, options);
    }
    networks.retain(|network| !network.ports.is_empty());
    Layout::networks(PORTS, networks)
}

/// Tag control information: none, a priority alone, or a VLAN, known or not, with any priority.
fn tag() -> impl Strategy<Value = Option<u16>> {
    let vid = select(vec![0, 10, 20, 30, 4094]);
    let tci = (vid, 0..16_u16).prop_map(|(vid, priority)| priority << 12 | vid);
    prop::option::of(tci)
}

/// A frame. Stations have a port of their own that they seldom leave: who moves to and fro is held.
fn frame(tags: bool) -> impl Strategy<Value = Sent> {
    let to = prop_oneof![
        2 => Just(BROADCAST),
        1 => Just([0x01, 0, 0x5e, 1, 2, 3]),
        5 => (0..PORTS as u16 + 3).prop_map(station),
    ];
    let tag = if tags {
        tag().boxed()
    } else {
        Just(None).boxed()
    };
    let moves = prop::bool::weighted(0.02);
    let payload = prop::collection::vec(any::<u8>(), 46..1200);
    (PEER..=PORTS, to, tag, moves, payload).prop_map(|(port, to, tci, moves, payload)| {
        let home = if moves { port % PORTS + 1 } else { port };
        sent(port, to, station(home as u16), tci, &payload)
    })
}

fn sent(port: usize, dst: Mac, src: Mac, tci: Option<u16>, payload: &[u8]) -> Sent {
    // An EtherType for experiments (IEEE 802): nothing looks into it.
    const EXPERIMENT: u16 = 0x88b5;
    Sent {
        port,
        tci,
        frame: ethernet(dst, src, EXPERIMENT, payload),
    }
}

fn holds(make: Make, layout: &Layout, frames: &[Sent]) -> Result<(), TestCaseError> {
    let spans = layout.networks[0].options.contains(&NetworkOption::Overlay);
    let mut frames = frames.to_vec();
    frames.retain(|sent| spans || sent.port != PEER);
    let shown = || -> Result<()> {
        let switch = layout.start(make)?;
        switch.expect_model(&mut Model::new(layout), &frames)
    };
    shown().map_err(|error| TestCaseError::fail(format!("{error:#}")))
}

fn frames(tags: bool) -> impl Strategy<Value = Vec<Sent>> {
    prop::collection::vec(frame(tags), FRAMES)
}

/// So many cases, each a switch; few steps of shrinking, as each of them starts another one.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        max_shrink_iters: 12,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn netfwd(layout in plain(), frames in frames(true)) {
        holds(Make::Netfwd, &layout, &frames)?;
    }

    #[test]
    fn netfwd_with_vlans(layout in with_vlans(), frames in frames(true)) {
        holds(Make::Netfwd, &layout, &frames)?;
    }

    #[test]
    fn netfwd_with_a_peer(layout in spanning(with_vlans()), frames in frames(true)) {
        holds(Make::Netfwd, &layout, &frames)?;
    }

    #[test]
    fn bridge(layout in plain(), frames in frames(true)) {
        holds(Make::Bridge, &layout, &frames)?;
    }

    #[test]
    fn bridge_with_a_peer(layout in spanning(plain()), frames in frames(true)) {
        holds(Make::Bridge, &layout, &frames)?;
    }
}
