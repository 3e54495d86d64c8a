//! Published ports, floating addresses and masquerade by command.

use super::{Change, ChangeError, NetworkSpec, Object, Op, PublishSpec, Runtime, after, publish};
use crate::config::{self, Affinity, Config, Masquerade, SourceNat};
use crate::runtime::{FloatingSpec, MasqueradeSpec};

const FILE: &str = r#"
[host]
uplinks = ["up0"]
[[network]]
name = "blue"
[network.gateway]
addresses = ["10.0.3.1/24"]
[[network.floating]]
external = "192.0.2.20"
internal = "10.0.3.20"
"#;

fn file() -> Config {
    config::parse_text(FILE).unwrap()
}

fn change(runtime: &Runtime, op: Op, object: Object) -> Result<Runtime, ChangeError> {
    let now = runtime.merge(&file()).unwrap();
    runtime.after(&Change { op, object }, &file(), &now)
}

fn floating(external: &str, internal: &str) -> Object {
    Object::Floating(FloatingSpec {
        external: external.parse().unwrap(),
        internal: Some(internal.parse().unwrap()),
        uplink: None,
        network: Some("blue".into()),
    })
}

#[test]
fn floating_addresses_come_change_and_go() {
    let empty = Runtime::default();
    let one = change(&empty, Op::Add, floating("192.0.2.21", "10.0.3.21")).unwrap();
    assert_eq!(one.merge(&file()).unwrap().networks[0].floatings.len(), 2);
    let again = change(&one, Op::Add, floating("192.0.2.21", "10.0.3.22"));
    assert!(matches!(again, Err(ChangeError::Exists(_))), "{again:?}");
    let other = change(&one, Op::Replace, floating("192.0.2.21", "10.0.3.22")).unwrap();
    assert_eq!(other.floatings.len(), 1);
    let gone = change(&other, Op::Del, floating("192.0.2.21", "10.0.3.22"));
    assert_eq!(gone, Ok(empty.clone()));
    let absent = change(&empty, Op::Del, floating("192.0.2.21", "10.0.3.21")).unwrap_err();
    assert!(
        absent
            .to_string()
            .contains("floating address 192.0.2.21 does not exist")
    );
    let of_file = change(&empty, Op::Del, floating("192.0.2.20", "10.0.3.20")).unwrap_err();
    assert!(
        of_file.to_string().contains("is declared at f.toml:8"),
        "{of_file}"
    );
    let taken = change(&empty, Op::Add, floating("192.0.2.22", "10.0.3.20")).unwrap_err();
    assert!(
        taken.to_string().contains("10.0.3.20 is already used"),
        "{taken}"
    );
}

#[test]
fn a_network_with_a_floating_address_stays() {
    let spec = NetworkSpec {
        name: "green".into(),
        gateway: vec!["10.0.4.1/24".parse().unwrap()],
        masquerade: MasqueradeSpec::Words(vec!["192.0.2.30-192.0.2.33".into()]),
        ..NetworkSpec::default()
    };
    let network = change(&Runtime::default(), Op::Add, Object::Network(spec.clone())).unwrap();
    let masquerade = network.merge(&file()).unwrap().networks[1]
        .gateway
        .clone()
        .unwrap()
        .masquerade;
    assert!(matches!(
        masquerade,
        Masquerade {
            v4: SourceNat::Range { count: 4, .. },
            v6: SourceNat::Off
        }
    ));
    let Object::Floating(green) = floating("192.0.2.24", "10.0.4.2") else {
        unreachable!("a floating address");
    };
    let green = FloatingSpec {
        network: Some("green".into()),
        ..green
    };
    let used = change(&network, Op::Add, Object::Floating(green)).unwrap();
    let error = change(&used, Op::Del, Object::Network(spec)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("still has floating address 192.0.2.24"),
        "{error}"
    );
}

#[test]
fn nothing_is_masqueraded_as_nonsense() {
    let spec = NetworkSpec {
        name: "green".into(),
        gateway: vec!["10.0.4.1/24".parse().unwrap()],
        masquerade: MasqueradeSpec::Words(vec!["maybe".into()]),
        ..NetworkSpec::default()
    };
    let error = change(&Runtime::default(), Op::Add, Object::Network(spec)).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(
        error
            .to_string()
            .starts_with("`maybe` is nothing to masquerade as; use")
    );
}

#[test]
fn a_publish_gets_and_loses_targets() {
    let two = |affinity| {
        Object::Publish(PublishSpec {
            listen: "81/tcp".into(),
            to: vec!["10.0.3.20:80".into(), "10.0.3.21:80".into()],
            affinity,
            network: Some("blue".into()),
        })
    };
    let one = after(
        &Runtime::default(),
        Op::Add,
        publish("81/tcp", "10.0.3.20:80"),
    )
    .unwrap();
    let more = after(&one, Op::Replace, two(Affinity::Source)).unwrap();
    assert_eq!(more.publishes[0].to.len(), 2);
    assert_eq!(
        after(&more, Op::Replace, two(Affinity::Source)),
        Ok(more.clone())
    );
    let plain = after(&more, Op::Replace, two(Affinity::None)).unwrap();
    assert_eq!(plain.publishes[0].affinity, Affinity::None);
}

#[test]
fn one_l4_port_is_published_over_both_families() {
    let spec = |listen: &str, to: &[&str]| {
        Object::Publish(PublishSpec {
            listen: listen.into(),
            to: to.iter().map(|to| (*to).to_owned()).collect(),
            network: Some("dual".into()),
            ..PublishSpec::default()
        })
    };
    let network = NetworkSpec {
        name: "dual".into(),
        gateway: ["10.0.5.1/24", "fd00:5::1/64"]
            .map(|a| a.parse().unwrap())
            .into(),
        ..NetworkSpec::default()
    };
    let none = change(&Runtime::default(), Op::Add, Object::Network(network)).unwrap();
    let v4 = change(&none, Op::Add, spec("80/tcp", &["10.0.5.2:80"])).unwrap();
    let both = change(&v4, Op::Add, spec("80/tcp", &["[fd00:5::2]:80"])).unwrap();
    assert_eq!(both.publishes.len(), 2);
    let error = change(&both, Op::Del, spec("80/tcp", &[])).unwrap_err();
    assert!(
        error.to_string().contains("is there over IPv4 and IPv6"),
        "{error}"
    );
    let left = change(&both, Op::Del, spec("[::]:80/tcp", &[])).unwrap();
    assert_eq!(left, v4);
    assert_eq!(change(&left, Op::Del, spec("80/tcp", &[])), Ok(none));
}

#[test]
fn a_state_file_of_the_first_version_is_read() {
    let text = r#"{"networks": [{"name": "green", "gateway": ["10.0.4.1/24"], "masquerade": true}],
        "publishes": [{"listen": "80/tcp", "to": "10.0.4.2:80", "network": "green"}]}"#;
    let runtime: Runtime = serde_json::from_str(text).unwrap();
    assert_eq!(runtime.publishes[0].to, ["10.0.4.2:80"]);
    let green = &runtime.merge(&file()).unwrap().networks[1];
    assert_eq!(
        green.gateway.as_ref().unwrap().masquerade,
        Masquerade::UPLINK
    );
}
