//! Peers with UDP ports, groups and VTEPs by command.

use super::{
    ChangeError, FdbKind, FdbSpec, NetworkSpec, Object, Op, PeerSpec, Runtime, after, file, peer,
};

/// What is said of a change to nothing yet.
fn refused(op: Op, object: Object) -> ChangeError {
    after(&Runtime::default(), op, object).unwrap_err()
}

fn network(spec: NetworkSpec) -> Object {
    Object::Network(NetworkSpec {
        name: "red".into(),
        vni: Some(300),
        ..spec
    })
}

#[test]
fn a_peer_is_its_address_whatever_its_port() {
    let empty = Runtime::default();
    let one = after(&empty, Op::Add, peer("192.0.2.8:8472")).unwrap();
    let again = after(&one, Op::Add, peer("192.0.2.8"));
    assert!(matches!(again, Err(ChangeError::Exists(_))), "{again:?}");
    let other = after(&one, Op::Replace, peer("192.0.2.8:4790")).unwrap();
    assert_eq!(other.peers.len(), 1);
    assert_eq!(
        other.merge(&file()).unwrap().networks[0].peers[1].at.port,
        Some(4790)
    );
    let wrong = after(&one, Op::Del, peer("192.0.2.8:4790"));
    assert!(matches!(wrong, Err(ChangeError::Absent(_))), "{wrong:?}");
    for named in ["192.0.2.8", "192.0.2.8:8472"] {
        assert_eq!(after(&one, Op::Del, peer(named)), Ok(empty.clone()));
    }
}

#[test]
fn a_port_of_its_own_must_be_the_same_everywhere() {
    let error = refused(
        Op::Add,
        network(NetworkSpec {
            peers: vec!["192.0.2.7:8472".parse().unwrap()],
            ..NetworkSpec::default()
        }),
    );
    let error = error.to_string();
    assert!(
        error.contains("peer 192.0.2.7 has UDP port 8472 here and 4789 elsewhere"),
        "{error}"
    );
}

#[test]
fn networks_have_groups_and_vteps() {
    let group = |text: &str| NetworkSpec {
        group: Some(text.parse().unwrap()),
        unknown_sources: Some(false),
        ..NetworkSpec::default()
    };
    let runtime = after(&Runtime::default(), Op::Add, network(group("ff05::100"))).unwrap();
    let merged = runtime.merge(&file()).unwrap();
    let red = &merged.networks[1];
    assert_eq!(red.group.as_ref().unwrap().0.to_string(), "ff05::100");
    assert!(!red.accepts_unknown(&merged));
    for (bad, wanted) in [
        ("192.0.2.1", "is no group; use"),
        ("224.0.0.1", "is no group; use"),
    ] {
        let error = refused(Op::Add, network(group(bad))).to_string();
        assert!(error.contains(wanted), "{error}");
    }
    let vtep = NetworkSpec {
        vtep: Some("fe80::1".parse().unwrap()),
        ..NetworkSpec::default()
    };
    let error = refused(Op::Add, network(vtep)).to_string();
    assert!(error.contains("fe80::1 is no VTEP; use"), "{error}");
}

#[test]
fn stations_may_be_behind_peers_of_either_family() {
    let empty = Runtime::default();
    let with_peer = after(&empty, Op::Add, peer("fd00::8")).unwrap();
    let entry = |peer: &str| {
        Object::Fdb(FdbSpec {
            network: "blue".into(),
            mac: "02:00:00:00:00:09".into(),
            peer: Some(peer.parse().unwrap()),
            kind: FdbKind::Static,
            ..FdbSpec::default()
        })
    };
    assert!(after(&with_peer, Op::Add, entry("fd00::8")).is_ok());
    let error = refused(Op::Add, entry("fd00::8")).to_string();
    assert!(
        error.contains("network blue has no peer fd00::8"),
        "{error}"
    );
    let error = refused(Op::Add, entry("239.1.1.1")).to_string();
    assert!(
        error.contains("239.1.1.1 is no peer's address; use"),
        "{error}"
    );
}

#[test]
fn what_is_kept_is_what_was_written() {
    let spec = PeerSpec {
        network: "blue".into(),
        address: "[fd00::8]:8472".parse().unwrap(),
    };
    let text = serde_json::to_string(&spec).unwrap();
    assert_eq!(text, r#"{"network":"blue","address":"[fd00::8]:8472"}"#);
    assert_eq!(serde_json::from_str::<PeerSpec>(&text).unwrap(), spec);
    let bad = text.replace("fd00::8", "ff05::8");
    let error = serde_json::from_str::<PeerSpec>(&bad)
        .unwrap_err()
        .to_string();
    assert!(error.contains("is not a peer's address"), "{error}");
}
