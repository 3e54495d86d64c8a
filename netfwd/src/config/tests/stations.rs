//! Stations that contradict each other, and what `[host]` names.

use super::{read, refused};

const HOST: &str = "[host]\nuplinks = [\"up0\"]\nvtep = \"192.0.2.1\"\n";

fn network(ports: &str) -> String {
    format!(
        "{HOST}[[network]]\nname = \"a\"\nvni = 7\npeers = [\"192.0.2.7\"]\n[network.gateway]\n\
         addresses = [\"10.0.3.1/24\"]\nmac = \"02:00:00:00:00:01\"\n{ports}"
    )
}

fn pair(netns: &str, more: &str) -> String {
    format!("[[network.port]]\nnetns = \"{netns}\"\nname = \"eth0\"\n{more}\n")
}

fn two(one: &str, other: &str) -> String {
    network(&(pair("c1", one) + &pair("c2", other)))
}

fn error(text: &str) -> String {
    refused(read(text))
}

#[test]
fn an_uplink_is_listed_once_and_has_its_line() {
    let text = HOST.replace("[\"up0\"]", "[\"up0\", \"up0\"]");
    let twice = error(&text);
    assert!(
        twice.contains("f.toml:2: uplink up0 is listed twice; name"),
        "{twice}"
    );
    let port = network("[[network.port]]\ninterface = \"up0\"");
    let port = error(&port);
    assert!(
        port.contains("interface up0 is already used (f.toml:2)"),
        "{port}"
    );
}

#[test]
fn two_pairs_are_two_stations() {
    let mac = "mac = \"02:00:00:00:00:02\"";
    let address = "addresses = [\"10.0.3.20/24\"]";
    for (one, other, name) in [
        (mac, mac, "MAC 02:00:00:00:00:02"),
        (
            address,
            "addresses = [\"10.0.3.20/16\"]",
            "address 10.0.3.20",
        ),
    ] {
        let error = error(&two(one, other));
        let wanted = format!(
            "port c2/eth0 has {name}, which port c1/eth0 has already (f.toml:11); give it another one"
        );
        assert!(
            error.starts_with("f.toml:15: ") && error.ends_with(&wanted),
            "{error}"
        );
    }
    assert!(read(&two(mac, address)).is_ok());
    // VLANs keep them apart.
    let apart = |vlan: u16| format!("{mac}\nvlan = {vlan}");
    assert!(read(&two(&apart(2), &apart(3))).is_ok());
    // Two interfaces may share an address by VRRP, or be a bond.
    let shared = |name: &str| format!("[[network.port]]\ninterface = \"{name}\"\n{mac}\n");
    let both = network(&(shared("p0") + &shared("p1")));
    assert!(read(&both).is_ok());
    assert!(read(&(both + &pair("c1", mac))).is_err());
}

#[test]
fn nobody_is_the_gateway_but_the_gateway() {
    for (more, name) in [
        ("mac = \"02:00:00:00:00:01\"", "MAC 02:00:00:00:00:01"),
        ("addresses = [\"10.0.3.1/24\"]", "address 10.0.3.1"),
    ] {
        let error = error(&network(&pair("c1", more)));
        let wanted = format!(
            "f.toml:11: port c1/eth0 has {name}, which is the gateway's of network a; give it another one"
        );
        assert_eq!(error, wanted);
    }
    let fdb = "[[network.fdb]]\nmac = \"02:00:00:00:00:01\"\npeer = \"192.0.2.7\"";
    assert_eq!(
        error(&network(fdb)),
        "f.toml:11: 02:00:00:00:00:01 is the gateway of network a; use another MAC"
    );
}

#[test]
fn a_default_route_leads_to_a_gateway() {
    let route = |address: &str| format!("addresses = [\"{address}\"]\ndefault_route = true");
    assert!(read(&network(&pair("c1", &route("10.0.3.20/24")))).is_ok());
    assert_eq!(
        error(&network(&pair("c1", &route("10.0.4.20/24")))),
        "f.toml:11: port c1/eth0 has `default_route`, and no gateway is in the subnets of its \
         `addresses`; give it an address in 10.0.3.0/24, or leave `default_route` out"
    );
    let lone = format!(
        "[[network]]\nname = \"a\"\n{}",
        pair("c1", &route("10.0.3.20/24"))
    );
    let lone = error(&lone);
    assert!(
        lone.contains("network a has no gateway address; give the network"),
        "{lone}"
    );
}
