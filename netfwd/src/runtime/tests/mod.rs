//! Changes by command.

mod switch;
mod translation;
mod underlay;

use super::{
    Change, ChangeError, FdbKind, FdbSpec, NetworkSpec, Object, Op, PeerSpec, PortChange, PortSpec,
    PublishSpec, Runtime, Store,
};
use crate::config::{self, Config};

const FILE: &str = r#"
[[network]]
name = "blue"
vni = 200
peers = ["192.0.2.7"]
[network.gateway]
addresses = ["10.0.3.1/24"]
[[network.port]]
interface = "p0"
[[network.publish]]
listen = "80/tcp"
to = "10.0.3.20:80"
"#;

fn file() -> Config {
    config::parse_text(FILE).unwrap()
}

fn after(runtime: &Runtime, op: Op, object: Object) -> Result<Runtime, ChangeError> {
    let now = runtime.merge(&file()).unwrap();
    runtime.after(&Change { op, object }, &file(), &now)
}

fn peer(address: &str) -> Object {
    Object::Peer(PeerSpec {
        network: "blue".into(),
        address: address.parse().unwrap(),
    })
}

fn port(interface: &str) -> Object {
    Object::Port(PortSpec {
        network: Some("blue".into()),
        interface: Some(interface.into()),
        ..PortSpec::default()
    })
}

fn publish(listen: &str, to: &str) -> Object {
    Object::Publish(PublishSpec {
        listen: listen.into(),
        to: vec![to.into()],
        network: Some("blue".into()),
        ..PublishSpec::default()
    })
}

#[test]
fn add_refuses_what_exists_and_del_what_does_not() {
    let empty = Runtime::default();
    let one = after(&empty, Op::Add, peer("192.0.2.8")).unwrap();
    assert_eq!(one.merge(&file()).unwrap().networks[0].peers.len(), 2);
    let again = after(&one, Op::Add, peer("192.0.2.8"));
    assert!(matches!(again, Err(ChangeError::Exists(_))), "{again:?}");
    assert_eq!(after(&one, Op::Replace, peer("192.0.2.8")), Ok(one.clone()));
    assert_eq!(after(&one, Op::Del, peer("192.0.2.8")), Ok(empty.clone()));
    let gone = after(&empty, Op::Del, peer("192.0.2.8"));
    assert!(matches!(gone, Err(ChangeError::Absent(_))), "{gone:?}");
}

#[test]
fn what_the_file_declares_is_left_to_the_file() {
    let empty = Runtime::default();
    for object in [
        peer("192.0.2.7"),
        port("p0"),
        publish("80/tcp", "10.0.3.20:80"),
    ] {
        let refused = after(&empty, Op::Del, object.clone());
        let error = refused.unwrap_err();
        assert!(matches!(error, ChangeError::InFile { .. }), "{error}");
        assert!(error.to_string().contains("f.toml:"), "{error}");
        // As it is already, `replace` has nothing to do.
        assert_eq!(after(&empty, Op::Replace, object), Ok(empty.clone()));
    }
    let moved = after(&empty, Op::Replace, publish("80/tcp", "10.0.3.21:80"));
    assert!(
        matches!(moved, Err(ChangeError::InFile { .. })),
        "{moved:?}"
    );
}

#[test]
fn set_changes_a_port_that_a_command_added() {
    let set = |interface: &str| {
        Object::Port(PortSpec {
            interface: Some(interface.into()),
            options: PortChange {
                isolated: Some(true),
                ..PortChange::default()
            },
            ..PortSpec::default()
        })
    };
    let one = after(&Runtime::default(), Op::Add, port("p1")).unwrap();
    let two = after(&one, Op::Set, set("p1")).unwrap();
    assert_eq!(two.ports[0].options.isolated, Some(true));
    assert_eq!(two.ports[0].network, one.ports[0].network);
    let in_file = after(&one, Op::Set, set("p0"));
    assert!(
        matches!(in_file, Err(ChangeError::InFile { .. })),
        "{in_file:?}"
    );
    let absent = after(&one, Op::Set, set("p2"));
    assert!(matches!(absent, Err(ChangeError::Absent(_))), "{absent:?}");
    let peer = after(&one, Op::Set, peer("192.0.2.8"));
    assert!(matches!(peer, Err(ChangeError::Bad(_))), "{peer:?}");
}

#[test]
fn replace_changes_what_a_command_added() {
    let one = after(
        &Runtime::default(),
        Op::Add,
        publish("81/tcp", "10.0.3.20:80"),
    )
    .unwrap();
    let two = after(&one, Op::Replace, publish("81/tcp", "10.0.3.21:80")).unwrap();
    assert_eq!(two.publishes.len(), 1);
    assert_eq!(two.publishes[0].to, ["10.0.3.21:80"]);
}

#[test]
fn a_contradiction_is_refused_before_anything_moves() {
    let error = after(
        &Runtime::default(),
        Op::Add,
        publish("70-90/tcp", "10.0.3.20:1"),
    )
    .unwrap_err();
    assert!(matches!(error, ChangeError::Config(_)), "{error}");
    assert_eq!(error.exit_code(), 2);
    let error = after(
        &Runtime::default(),
        Op::Add,
        publish("70/sctp", "10.0.3.20:1"),
    )
    .unwrap_err();
    assert_eq!(error.exit_code(), 2, "{error}");
}

#[test]
fn a_network_goes_only_when_nothing_is_on_it() {
    let red = |op| {
        let spec = NetworkSpec {
            name: "red".into(),
            vni: Some(300),
            ..NetworkSpec::default()
        };
        (op, Object::Network(spec))
    };
    let (op, network) = red(Op::Add);
    let one = after(&Runtime::default(), op, network.clone()).unwrap();
    let on_red = Object::Port(PortSpec {
        network: Some("red".into()),
        interface: Some("p1".into()),
        ..PortSpec::default()
    });
    let two = after(&one, Op::Add, on_red.clone()).unwrap();
    let refused = after(&two, Op::Del, network.clone());
    assert!(
        matches!(refused, Err(ChangeError::InUse { .. })),
        "{refused:?}"
    );
    let elsewhere = after(&two, Op::Del, port("p1"));
    assert!(
        matches!(elsewhere, Err(ChangeError::Absent(_))),
        "{elsewhere:?}"
    );
    let three = after(&two, Op::Del, on_red).unwrap();
    assert_eq!(after(&three, Op::Del, network), Ok(Runtime::default()));
}

#[test]
fn only_static_fdb_entries_are_state() {
    let entry = |kind| {
        Object::Fdb(FdbSpec {
            network: "blue".into(),
            mac: "02:00:00:00:00:09".into(),
            port: Some("p0".into()),
            peer: None,
            vlan: None,
            kind,
        })
    };
    let empty = Runtime::default();
    assert_eq!(
        after(&empty, Op::Add, entry(FdbKind::Learned)),
        Ok(empty.clone())
    );
    let one = after(&empty, Op::Add, entry(FdbKind::Static)).unwrap();
    assert_eq!(one.fdb.len(), 1);
    assert_eq!(
        after(&one, Op::Replace, entry(FdbKind::Sticky)),
        Ok(empty.clone())
    );
    assert_eq!(after(&one, Op::Del, entry(FdbKind::Learned)), Ok(empty));
}

#[test]
fn what_no_longer_fits_an_edited_file_is_left_out_with_its_reason() {
    let one = after(&Runtime::default(), Op::Add, port("p1")).unwrap();
    let two = after(&one, Op::Add, peer("192.0.2.8")).unwrap();
    let edited = config::parse_text(&FILE.replace("\"p0\"", "\"p1\"")).unwrap();
    let fit = two.fitting(&Runtime::default(), &edited);
    assert_eq!((fit.kept.ports.len(), fit.kept.peers.len()), (0, 1));
    assert_eq!((fit.misfits.ports.len(), fit.misfits.peers.len()), (1, 0));
    let why = fit.why[0].to_string();
    assert!(why.contains("interface p1 is already used"), "{why}");
    // The next start tries it again, and counts once what both files have.
    let again = fit.kept.fitting(&fit.misfits, &edited);
    assert_eq!((&again.kept, &again.misfits), (&fit.kept, &fit.misfits));
    let back = fit.kept.fitting(&two, &config::parse_text(FILE).unwrap());
    assert_eq!((back.kept.ports, back.kept.peers), (two.ports, two.peers));
    assert_eq!(back.misfits, Runtime::default());
}

#[test]
fn what_has_lost_its_network_is_named_with_the_way_out() {
    let one = after(&Runtime::default(), Op::Add, port("p1")).unwrap();
    let without = config::parse_text(&FILE.replace("\"blue\"", "\"green\"")).unwrap();
    let why = one.merge(&without).unwrap_err().to_string();
    assert!(
        why.contains("port p1, added by command, is in network blue"),
        "{why}"
    );
    assert!(why.contains("`netfwd port del p1 --network blue`"), "{why}");
}

#[test]
fn a_change_reads_as_it_is_written() {
    let change = Change {
        op: Op::Add,
        object: peer("192.0.2.8"),
    };
    let text = serde_json::to_string(&change).unwrap();
    assert_eq!(
        text,
        r#"{"op":"add","object":"peer","network":"blue","address":"192.0.2.8"}"#
    );
    assert_eq!(serde_json::from_str::<Change>(&text).unwrap(), change);
}

#[test]
fn state_is_kept_in_files() {
    let dir = std::env::temp_dir().join(format!("netfwd-store-{}", std::process::id()));
    let store = Store::at(dir.clone());
    assert_eq!(store.runtime().unwrap(), Runtime::default());
    let one = after(&Runtime::default(), Op::Add, port("p1")).unwrap();
    store.save_runtime(&one).unwrap();
    assert_eq!(store.runtime().unwrap(), one);
    std::fs::write(dir.join("runtime.json"), "{").unwrap();
    let error = store.runtime().unwrap_err().to_string();
    assert!(
        error.contains("runtime.json cannot be understood"),
        "{error}"
    );
    std::fs::remove_dir_all(dir).unwrap();
}
