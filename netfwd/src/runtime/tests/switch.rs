//! VLANs, taps, properties of ports, and neighbours by command.

use std::collections::BTreeSet;

use super::{Change, ChangeError, FdbKind, FdbSpec, Object, Op, Runtime, after, file};
use crate::config::{Network, PortAt};
use crate::runtime::{NeighSpec, NetworkSpec, PortChange, PortSpec, SwitchChange};

fn vlans(vlan: Option<u16>, trunk: &[u16]) -> PortChange {
    let trunk: BTreeSet<u16> = trunk.iter().copied().collect();
    PortChange {
        vlan,
        trunk: (!trunk.is_empty()).then_some(trunk),
        ..PortChange::default()
    }
}

fn on(network: &str, options: PortChange) -> Object {
    Object::Port(PortSpec {
        network: Some(network.into()),
        interface: Some("p1".into()),
        options,
        ..PortSpec::default()
    })
}

fn set(network: Option<&str>, options: PortChange) -> Object {
    Object::Port(PortSpec {
        network: network.map(str::to_owned),
        interface: Some("p1".into()),
        options,
        ..PortSpec::default()
    })
}

fn red() -> Object {
    Object::Network(NetworkSpec {
        name: "red".into(),
        switch: SwitchChange {
            vlan: Some(30),
            ageing_seconds: Some(10),
            multicast_snooping: Some(false),
            ..SwitchChange::default()
        },
        ..NetworkSpec::default()
    })
}

fn network(runtime: &Runtime, name: &str) -> Network {
    let config = runtime.merge(&file()).unwrap();
    let mut networks = config.networks.into_iter();
    networks.find(|network| network.name == name).unwrap()
}

/// `p1` as a trunk of blue and of red.
fn shared() -> Runtime {
    let one = after(&Runtime::default(), Op::Add, red()).unwrap();
    let two = after(&one, Op::Add, on("blue", vlans(None, &[10]))).unwrap();
    after(&two, Op::Add, on("red", vlans(None, &[20]))).unwrap()
}

#[test]
fn a_network_has_its_options() {
    let runtime = after(&Runtime::default(), Op::Add, red()).unwrap();
    let switch = network(&runtime, "red").switch;
    assert_eq!((switch.vlan, switch.ageing.as_secs()), (Some(30), 10));
    assert!(!switch.multicast_snooping && switch.learning);
    let bad = |switch: SwitchChange| {
        let spec = NetworkSpec {
            name: "green".into(),
            switch,
            ..NetworkSpec::default()
        };
        after(&runtime, Op::Add, Object::Network(spec)).unwrap_err()
    };
    for switch in [
        SwitchChange {
            vlan: Some(4095),
            ..SwitchChange::default()
        },
        SwitchChange {
            ageing_seconds: Some(9),
            ..SwitchChange::default()
        },
        SwitchChange {
            multicast_snooping: Some(false),
            multicast_querier: Some(true),
            ..SwitchChange::default()
        },
    ] {
        assert_eq!(bad(switch).exit_code(), 2);
    }
}

#[test]
fn a_port_keeps_what_a_set_does_not_name() {
    let options = PortChange {
        isolated: Some(true),
        max_learned: Some(5),
        ..vlans(Some(10), &[])
    };
    let one = after(&Runtime::default(), Op::Add, on("blue", options)).unwrap();
    let change = PortChange {
        isolated: Some(false),
        edge: Some(true),
        ..PortChange::default()
    };
    let two = after(&one, Op::Set, set(None, change)).unwrap();
    let port = &network(&two, "blue").ports[1];
    let options = &port.options;
    assert!(options.edge && !options.isolated);
    assert_eq!((options.vlan, options.max_learned), (Some(10), Some(5)));
    let none = after(&two, Op::Set, set(None, vlans(Some(0), &[]))).unwrap();
    assert_eq!(network(&none, "blue").ports[1].options.vlan, None);
}

#[test]
fn a_trunk_of_two_networks_is_two_listings() {
    let runtime = shared();
    assert_eq!(runtime.ports.len(), 2);
    let again = after(&runtime, Op::Add, on("red", vlans(None, &[21])));
    assert!(matches!(again, Err(ChangeError::Exists(_))), "{again:?}");
    let replaced = after(&runtime, Op::Replace, on("red", vlans(None, &[21]))).unwrap();
    assert_eq!(replaced.ports.len(), 2);
    let gone = after(&runtime, Op::Del, set(Some("red"), PortChange::default())).unwrap();
    assert_eq!(gone.ports[0].network.as_deref(), Some("blue"));
    let all = after(&runtime, Op::Del, set(None, PortChange::default())).unwrap();
    assert!(all.ports.is_empty());
}

#[test]
fn a_set_of_a_shared_trunk_says_whose_vlans() {
    let runtime = shared();
    let refused = after(&runtime, Op::Set, set(None, vlans(None, &[22])));
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("--network"), "{error}");
    let one = after(&runtime, Op::Set, set(Some("red"), vlans(None, &[22]))).unwrap();
    assert_eq!(one.ports[0], runtime.ports[0]);
    assert!(one.ports[1].options.trunk.as_ref().unwrap().contains(&22));
    let isolated = PortChange {
        isolated: Some(true),
        ..PortChange::default()
    };
    let both = after(&runtime, Op::Set, set(Some("red"), isolated)).unwrap();
    assert!(
        both.ports
            .iter()
            .all(|port| port.options.isolated == Some(true))
    );
}

#[test]
fn a_port_that_wants_untagged_frames_is_the_one_that_has_them() {
    let one = after(&Runtime::default(), Op::Add, red()).unwrap();
    let two = after(&one, Op::Add, on("blue", PortChange::default())).unwrap();
    let again = after(&two, Op::Add, on("red", PortChange::default()));
    assert!(matches!(again, Err(ChangeError::Exists(_))), "{again:?}");
    let moved = after(&two, Op::Replace, on("red", PortChange::default())).unwrap();
    assert_eq!(moved.ports.len(), 1);
    assert_eq!(moved.ports[0].network.as_deref(), Some("red"));
}

#[test]
fn a_tap_is_added_and_options_of_other_kinds_are_refused() {
    let tap = PortSpec {
        network: Some("blue".into()),
        tap: Some("vm1".into()),
        owner: Some(1000),
        vnet_header: Some(false),
        ..PortSpec::default()
    };
    let add = |spec: &PortSpec| after(&Runtime::default(), Op::Add, Object::Port(spec.clone()));
    let one = add(&tap).unwrap();
    let PortAt::Tap(made) = &network(&one, "blue").ports[1].at else {
        panic!("{one:?}");
    };
    assert_eq!((made.name.as_str(), made.kind.owner), ("vm1", Some(1000)));
    assert!(!made.kind.vnet_header);
    for wrong in [
        PortSpec {
            default_route: true,
            ..tap.clone()
        },
        PortSpec {
            interface: Some("p1".into()),
            tap: None,
            ..tap.clone()
        },
        PortSpec {
            interface: Some("p1".into()),
            ..tap.clone()
        },
        PortSpec {
            addresses: vec!["224.0.0.1".into()],
            ..tap.clone()
        },
        PortSpec {
            options: vlans(Some(4095), &[]),
            ..tap.clone()
        },
    ] {
        let error = add(&wrong).unwrap_err();
        assert!(matches!(error, ChangeError::Bad(_)), "{error}");
    }
}

fn neigh(mac: Option<&str>, vlan: Option<u16>) -> Object {
    Object::Neigh(NeighSpec {
        network: "blue".into(),
        ip: "10.0.3.9".parse().unwrap(),
        mac: mac.map(str::to_owned),
        vlan,
    })
}

#[test]
fn a_neighbour_is_added_replaced_and_deleted() {
    let (mac, other) = (Some("02:00:00:00:00:09"), Some("02:00:00:00:00:0a"));
    let empty = Runtime::default();
    let one = after(&empty, Op::Add, neigh(mac, None)).unwrap();
    assert_eq!(network(&one, "blue").neighbours[0].mac[5], 9);
    let again = after(&one, Op::Add, neigh(other, None));
    assert!(matches!(again, Err(ChangeError::Exists(_))), "{again:?}");
    assert_eq!(after(&one, Op::Replace, neigh(mac, None)), Ok(one.clone()));
    let two = after(&one, Op::Replace, neigh(other, None)).unwrap();
    assert_eq!(network(&two, "blue").neighbours[0].mac[5], 10);
    assert_eq!(after(&two, Op::Del, neigh(None, None)), Ok(empty.clone()));
    let gone = after(&empty, Op::Del, neigh(None, None));
    assert!(matches!(gone, Err(ChangeError::Absent(_))), "{gone:?}");
    let bad = after(&empty, Op::Add, neigh(Some("03:00:00:00:00:01"), None));
    assert!(matches!(bad, Err(ChangeError::Bad(_))), "{bad:?}");
    let no_vlans = after(&empty, Op::Add, neigh(mac, Some(10)));
    assert!(
        matches!(no_vlans, Err(ChangeError::Config(_))),
        "{no_vlans:?}"
    );
}

#[test]
fn a_neighbour_keeps_its_network() {
    let one = after(&Runtime::default(), Op::Add, red()).unwrap();
    let spec = NeighSpec {
        network: "red".into(),
        ip: "10.0.9.9".parse().unwrap(),
        mac: Some("02:00:00:00:00:09".into()),
        vlan: Some(30),
    };
    let two = after(&one, Op::Add, Object::Neigh(spec)).unwrap();
    let refused = after(&two, Op::Del, red());
    assert!(
        matches!(refused, Err(ChangeError::InUse { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_station_of_two_vlans_is_deleted_from_the_one_that_is_named() {
    let entry = |vlan: Option<u16>, port: Option<&str>| {
        Object::Fdb(FdbSpec {
            network: "blue".into(),
            mac: "02:00:00:00:00:09".into(),
            port: port.map(str::to_owned),
            vlan,
            kind: FdbKind::Static,
            ..FdbSpec::default()
        })
    };
    let trunk = on("blue", vlans(None, &[10, 20]));
    let trunk = after(&Runtime::default(), Op::Add, trunk).unwrap();
    let one = after(&trunk, Op::Add, entry(Some(10), Some("p1"))).unwrap();
    let two = after(&one, Op::Add, entry(Some(20), Some("p1"))).unwrap();
    let which = after(&two, Op::Del, entry(None, None)).unwrap_err();
    assert!(which.to_string().contains("--vlan"), "{which}");
    assert_eq!(after(&two, Op::Del, entry(Some(20), None)), Ok(one.clone()));
    assert_eq!(after(&one, Op::Del, entry(None, None)), Ok(trunk));
}

#[test]
fn a_port_reads_as_an_older_version_wrote_it() {
    let old = r#"{"network":"blue","interface":"p1","netns":null,"name":null,"mac":null,"addresses":[],"default_route":false,"isolated":true}"#;
    let spec: PortSpec = serde_json::from_str(old).unwrap();
    assert_eq!(spec.options.isolated, Some(true));
    let change = Change {
        op: Op::Set,
        object: set(None, vlans(Some(10), &[10, 11])),
    };
    let text = serde_json::to_string(&change).unwrap();
    assert_eq!(serde_json::from_str::<Change>(&text).unwrap(), change);
}
