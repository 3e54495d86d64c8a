//! Masquerade, publishes, floating addresses and routing between networks.

use super::{Bad, all_refused, read, refused};

/// Each bad value, and what the error must say.
const BAD: Bad = &[
    (
        "[nat]\nfiltering = \"none\"",
        &["f.toml:2", "\"endpoint\" or \"address-and-port\""],
    ),
    (
        "[nat]\nmax_sessions = 255",
        &["f.toml:2", "a number from 256 to 1048576"],
    ),
    ("[nat]\nmax_sessions = 1048577", &["from 256 to 1048576"]),
    (
        "[nat.timeouts]\nsctp = \"239s\"",
        &["f.toml:2", "at least 240s"],
    ),
    ("[nat.timeouts]\nother = \"59s\"", &["at least 60s"]),
    (
        "[routing]\nbetween = true",
        &["f.toml:2", "\"allow\" or \"deny\""],
    ),
    (
        "[routing]\nallow = [\"a\"]",
        &["f.toml:2", "two different networks"],
    ),
    (
        "[routing]\ndeny = [[\"a\", \"a\"]]",
        &["two different networks"],
    ),
    (
        "[routing]\nallow = [[\"a\", \"b\"]]\n[[network]]\nname = \"a\"",
        &["f.toml:2", "network b of [routing] does not exist"],
    ),
    (
        "[routing]\nallow = [[\"a\", \"b\"]]\ndeny = [[\"b\", \"a\"]]\n[[network]]\nname = \"a\"\n[[network]]\nname = \"b\"",
        &["f.toml:3", "pair of a and b is already used (f.toml:2)"],
    ),
];

#[test]
fn bad_values_are_refused() {
    all_refused(BAD);
}

/// A network on 10.0.3.0/24 and fd00:3::/64, its gateway with `gateway`, and something of it.
fn blue(gateway: &str, more: &str) -> String {
    format!(
        "[host]\nuplinks = [\"up0\", \"up1\"]\n[[network]]\nname = \"blue\"\n[network.gateway]\naddresses = [\"10.0.3.1/24\", \"fd00:3::1/64\"]\n{gateway}\n{more}"
    )
}

fn publish(listen: &str, to: &str) -> String {
    let publish = format!("[[network.publish]]\nlisten = \"{listen}\"\nto = {to}");
    blue("", &publish)
}

fn floating(external: &str, internal: &str) -> String {
    format!("[[network.floating]]\nexternal = \"{external}\"\ninternal = \"{internal}\"\n")
}

#[test]
fn masquerade_takes_what_its_subnets_have() {
    for good in [
        "masquerade = true",
        "masquerade = \"ipv6\"",
        "masquerade = \"192.0.2.1\"",
        "masquerade = \"192.0.2.1-192.0.2.9\"",
        "masquerade = [\"192.0.2.1\", \"2001:db8::1-2001:db8::9\"]",
        "masquerade = [\"ipv4\", \"2001:db8::1\"]",
    ] {
        assert!(read(&blue(good, "")).is_ok(), "{good}");
    }
    for bad in [
        "masquerade = 1",
        "masquerade = \"both\"",
        "masquerade = []",
        "masquerade = [\"ipv4\", \"192.0.2.1\"]",
        "masquerade = \"192.0.2.9-192.0.2.1\"",
        "masquerade = [true]",
    ] {
        let error = refused(read(&blue(bad, "")));
        assert!(error.starts_with("f.toml:7: `masquerade` in"), "{error}");
    }
    let v4 = blue("masquerade = \"ipv6\"", "").replace(", \"fd00:3::1/64\"", "");
    let error = refused(read(&v4));
    assert!(error.contains("needs an IPv6 address"), "{error}");
}

#[test]
fn outside_addresses_are_not_inside() {
    for (gateway, more) in [
        ("masquerade = \"10.0.3.9\"", String::new()),
        ("masquerade = \"10.0.2.250-10.0.3.2\"", String::new()),
        ("", floating("10.0.3.99", "10.0.3.20")),
        ("", floating("fd00:3::99", "fd00:3::20")),
    ] {
        let error = refused(read(&blue(gateway, &more)));
        assert!(error.contains("is in a subnet of network blue"), "{error}");
    }
}

#[test]
fn publishes_lead_to_what_they_can() {
    for good in [
        publish("80/tcp", "[\"10.0.3.20:80\", \"10.0.3.20:81\"]"),
        publish("[2001:db8::1]:80-89/udp", "\"[fd00:3::20]:80\""),
        publish("80/tcp", "\"[fd00:3::20]:80\""),
        publish("0.0.0.0:132-139/sctp", "[\"10.0.3.20:132\"]"),
        publish("127.0.0.1:80/tcp", "\"10.0.3.20:80\""),
    ] {
        assert!(read(&good).is_ok(), "{good}");
    }
    let many: Vec<String> = (1..=65)
        .map(|port| format!("\"10.0.3.20:{port}\""))
        .collect();
    for (listen, to, wanted) in [
        ("80/tcp", "[]", "80/tcp has 0 targets; give it 1 to 64"),
        (
            "80/tcp",
            &format!("[{}]", many.join(", ")),
            "has 65 targets",
        ),
        (
            "80/tcp",
            "[\"10.0.3.20:80\", \"10.0.3.20:80\"]",
            "stands there twice",
        ),
        (
            "80/tcp",
            "[\"10.0.3.20:80\", \"[fd00:3::20]:80\"]",
            "is IPv6; give it an IPv4 address",
        ),
        (
            "192.0.2.1:80/tcp",
            "\"[fd00:3::20]:80\"",
            "is IPv6; give it an IPv4 address",
        ),
        (
            "80/sctp",
            "\"10.0.3.20:81\"",
            "which SCTP does not allow; give it 80",
        ),
        (
            "80-90/tcp",
            "\"10.0.3.20:65530\"",
            "runs past l4 port 65535 of 10.0.3.20:65530",
        ),
        (
            "80/tcp",
            "[\"10.0.3.20:80\", \"10.0.4.20:80\"]",
            "10.0.4.20 is in no subnet",
        ),
    ] {
        let error = refused(read(&publish(listen, to)));
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn floating_addresses_are_one_stations() {
    let one = floating("192.0.2.20", "10.0.3.20");
    assert!(read(&blue("", &one)).is_ok());
    let other_uplink = format!("{one}uplink = \"up2\"");
    for (gateway, more, wanted) in [
        (
            "",
            one.clone() + &floating("192.0.2.20", "10.0.3.21"),
            "floating address 192.0.2.20 is already used (f.toml:8)",
        ),
        (
            "",
            one.clone() + &floating("192.0.2.21", "10.0.3.20"),
            "internal address 10.0.3.20 is already used (f.toml:8)",
        ),
        (
            "",
            floating("192.0.2.20", "fd00:3::20"),
            "internal address fd00:3::20 of 192.0.2.20 is IPv6; give it an IPv4 address",
        ),
        (
            "",
            floating("192.0.2.20", "10.0.4.20"),
            "10.0.4.20 is in no subnet of network blue's gateway",
        ),
        (
            "",
            floating("192.0.2.20", "10.0.3.1"),
            "10.0.3.1 is network blue's gateway; give a station's address",
        ),
        (
            "",
            other_uplink,
            "`uplink` up2 of floating address 192.0.2.20 is none of [host]",
        ),
        (
            "masquerade = \"192.0.2.10-192.0.2.30\"",
            one.clone(),
            "floating address 192.0.2.20 is masqueraded to as well (f.toml:5)",
        ),
    ] {
        let error = refused(read(&blue(gateway, &more)));
        assert!(error.contains(wanted), "{error}");
    }
    let without = blue("", &one).replace("uplinks = [\"up0\", \"up1\"]", "");
    let error = refused(read(&without));
    assert!(error.contains("192.0.2.20 needs an uplink"), "{error}");
}
