//! Parts that contradict each other.

use super::{refused, two_networks};

#[test]
fn an_interface_serves_one_port() {
    let port = "[[network.port]]\ninterface = \"x\"";
    let error = refused(two_networks(port, port));
    assert!(
        error.starts_with("f.toml:7: interface x is already used (f.toml:3)"),
        "{error}"
    );
}

#[test]
fn a_gateway_device_is_used_once() {
    let gateway = "[network.gateway]\ndevice = \"br0\"";
    let error = refused(two_networks(gateway, gateway));
    assert!(error.contains("interface br0 is already used"), "{error}");
}

fn gateway(address: &str, masquerade: bool) -> String {
    format!("[network.gateway]\naddresses = [\"{address}\"]\nmasquerade = {masquerade}")
}

#[test]
fn overlapping_subnets_are_refused_only_where_one_is_masqueraded() {
    let (wide, narrow) = ("10.0.0.1/16", "10.0.3.1/24");
    let error = refused(two_networks(&gateway(wide, true), &gateway(narrow, false)));
    assert!(
        error.contains("10.0.3.0/24 overlaps 10.0.0.0/16 (f.toml:3)"),
        "{error}"
    );
    assert!(two_networks(&gateway(wide, false), &gateway(narrow, false)).is_ok());
}

#[test]
fn listeners_that_a_packet_could_match_both_are_refused() {
    let network = |listen: &str, address: &str| {
        let to = address.replace(".1/24", ".2:80");
        format!(
            "{}\n[[network.publish]]\nlisten = \"{listen}\"\nto = \"{to}\"",
            gateway(address, true)
        )
    };
    let pair = |one: &str, two: &str| {
        two_networks(&network(one, "10.0.1.1/24"), &network(two, "10.0.2.1/24"))
    };
    for (one, two) in [
        ("80/tcp", "80/tcp"),
        ("80/tcp", "1.1.1.1:80/tcp"),
        ("80/tcp", "0.0.0.0:80/tcp"),
        ("70-90/tcp", "80/tcp"),
        ("80/tcp", "1.1.1.1:75-85/tcp"),
    ] {
        let error = refused(pair(one, two));
        assert!(
            error.contains("overlaps") && error.contains("f.toml:"),
            "{error}"
        );
    }
    let v6 = "[network.gateway]\naddresses = [\"fd00::1/64\"]\n[[network.publish]]\nlisten = \"80/tcp\"\nto = \"[fd00::2]:80\"";
    for one in ["80/tcp", "0.0.0.0:80/tcp", "192.0.2.1:80/tcp"] {
        let both = two_networks(&network(one, "10.0.1.1/24"), v6);
        assert!(both.is_ok(), "one l4 port over both families: {one}");
    }
    for (one, two) in [
        ("80/tcp", "80/udp"),
        ("1.1.1.1:80/tcp", "1.1.1.2:80/tcp"),
        ("70-79/tcp", "80/tcp"),
    ] {
        assert!(pair(one, two).is_ok(), "{one} {two}");
    }
}
