//! VTEPs, peers, groups and what is said of VXLAN.

use super::{Bad, all_refused, read, refused, two_networks};
use crate::config::{Df, Probe};

#[test]
fn the_underlay_is_read() {
    let config = read(super::FULL).unwrap();
    let network = &config.networks[0];
    let vteps: Vec<String> = config.host.vteps.iter().map(ToString::to_string).collect();
    assert_eq!(vteps, ["172.31.0.106", "fd00::6"]);
    let ports: Vec<u16> = network.peers.iter().map(|p| config.port_of(p)).collect();
    assert_eq!(ports, [4789, 8472, 4789, 8472]);
    let address = |of: &Option<(std::net::IpAddr, _)>| of.as_ref().unwrap().0.to_string();
    assert_eq!(address(&network.group), "ff05::100");
    assert_eq!(address(&network.vtep), "fd00::6");
    assert_eq!(network.accept_unknown, Some(true));
}

#[test]
fn vxlan_is_read() {
    let vxlan = read(super::FULL).unwrap().vxlan;
    assert_eq!(
        (vxlan.df, vxlan.strict, vxlan.mss_clamp),
        (Df::Inherit, true, false)
    );
    let probe = |interval, failures| {
        let interval = std::time::Duration::from_secs(interval);
        Some(Probe { interval, failures })
    };
    assert_eq!(vxlan.probe, probe(10, 5));
    let default = read("[vxlan]").unwrap().vxlan;
    assert_eq!(
        (default.df, default.strict, default.mss_clamp),
        (Df::Set, false, true)
    );
    assert_eq!(default.probe, None);
    let probed = read("[vxlan]\nprobe_interval = \"1s\"").unwrap().vxlan;
    assert_eq!(probed.probe, probe(1, 3));
}

#[test]
fn one_vtep_needs_no_array() {
    let config = read("[host]\nvtep = \"fd00::6\"").unwrap();
    assert_eq!(
        config.host.vteps,
        ["fd00::6".parse::<std::net::IpAddr>().unwrap()]
    );
}

#[test]
fn unknown_sources_are_of_the_network_or_its_group_or_the_instance() {
    let accepts = |of_instance: &str, of_network: &str| {
        let text = format!(
            "[vxlan]\nunknown_sources = \"{of_instance}\"\n[[network]]\nname = \"a\"\nvni = 1\n{of_network}"
        );
        let config = read(&text).unwrap();
        config.networks[0].accepts_unknown(&config)
    };
    assert!(!accepts("drop", "") && accepts("accept", ""));
    assert!(accepts("drop", "group = \"239.1.1.1\""));
    assert!(accepts("drop", "unknown_sources = \"accept\""));
    assert!(!accepts(
        "accept",
        "unknown_sources = \"drop\"\ngroup = \"239.1.1.1\""
    ));
}

/// Each bad input, and what the error must say.
const BAD: Bad = &[
    (
        "[host]\nvtep = \"224.0.0.1\"",
        &["f.toml:2", "a unicast address of the underlay"],
    ),
    (
        "[host]\nvtep = [\"fe80::1\"]",
        &["f.toml:2", "`vtep`", "a unicast address"],
    ),
    (
        "[host]\nvtep = []",
        &["f.toml:2", "an array of several different ones"],
    ),
    (
        "[host]\nvtep = [\"fd00::1\", \"fd00:0::1\"]",
        &["f.toml:2", "different"],
    ),
    (
        "[vxlan]\ndf = true",
        &["f.toml:2", "\"set\", \"unset\" or \"inherit\""],
    ),
    (
        "[vxlan]\nreserved_bits = \"drop\"",
        &["f.toml:2", "\"strict\" or \"ignore\""],
    ),
    ("[vxlan]\nmss_clamp = 1", &["f.toml:2", "true or false"]),
    (
        "[vxlan]\nprobe_interval = \"500ms\"",
        &["f.toml:2", "from 1s to 3600s"],
    ),
    (
        "[vxlan]\nprobe_interval = \"1s\"\nprobe_failures = 0",
        &["f.toml:3", "from 1 to 100"],
    ),
    (
        "[vxlan]\nprobe_failures = 3",
        &["f.toml:2", "give a `probe_interval`"],
    ),
    (
        "[[network]]\nname = \"a\"\npeers = [\"1.1.1.1\"]",
        &["f.toml:3", "no VNI"],
    ),
    (
        "[[network]]\nname = \"a\"\ngroup = \"239.1.1.1\"",
        &["f.toml:3", "group 239.1.1.1 but no VNI"],
    ),
    (
        "[[network]]\nname = \"a\"\nvni = 1\ngroup = \"10.0.0.1\"",
        &["f.toml:4", "a multicast address"],
    ),
    (
        "[[network]]\nname = \"a\"\nvni = 1\npeers = [\n\"239.1.1.1\"]",
        &["f.toml:5", "a peer's address"],
    ),
    (
        "[[network]]\nname = \"a\"\nvni = 1\npeers = [\"1.1.1.1:70000\"]",
        &["f.toml:4", "a peer's address"],
    ),
    (
        "[[network]]\nname = \"a\"\nvni = 1\npeers = [\"1.1.1.1\",\n\"1.1.1.1:8472\"]",
        &["f.toml:5", "peer 1.1.1.1 is already used (f.toml:4)"],
    ),
    (
        "[host]\nvtep = \"1.1.1.1\"\n[[network]]\nname = \"a\"\nvni = 1\npeers = [\"fd00::7\"]",
        &[
            "f.toml:6",
            "fd00::7 of network a is IPv6",
            "1.1.1.1",
            "add an IPv6 address to `vtep`",
        ],
    ),
    (
        "[host]\nvtep = \"fd00::1\"\n[[network]]\nname = \"a\"\nvni = 1\ngroup = \"239.1.1.1\"",
        &["f.toml:6", "239.1.1.1 of network a is IPv4", "fd00::1"],
    ),
    (
        "[host]\nvtep = \"1.1.1.1\"\n[[network]]\nname = \"a\"\nvni = 1\nvtep = \"1.1.1.2\"",
        &[
            "f.toml:6",
            "`vtep` 1.1.1.2 of network a is none of [host]; use 1.1.1.1",
        ],
    ),
    (
        "[[network]]\nname = \"a\"\nvni = 1\nunknown_sources = false",
        &["f.toml:4", "\"accept\" or \"drop\""],
    ),
];

#[test]
fn bad_input_is_refused_with_its_place_and_what_would_do() {
    all_refused(BAD);
}

#[test]
fn a_peer_has_one_port() {
    let network = |vni: u32, peer: &str| format!("vni = {vni}\npeers = [\"{peer}\"]");
    let pair = |one, two| two_networks(&network(1, one), &network(2, two));
    let error = refused(pair("1.1.1.1", "1.1.1.1:8472"));
    assert_eq!(
        error,
        "f.toml:8: peer 1.1.1.1 has UDP port 8472 here and 4789 elsewhere (f.toml:4); give it the same one everywhere"
    );
    assert!(pair("1.1.1.1", "1.1.1.1:4789").is_ok());
    assert!(pair("[fd00::1]:8472", "[fd00::1]:8472").is_ok());
}
