//! VLANs, ports of every kind, limits and neighbours.

use super::super::{PortAt, TapKind};
use super::{Bad, Config, FULL, all_refused, read, refused, two_networks};

fn with_port(port: &str) -> String {
    format!("[[network]]\nname = \"a\"\n[[network.port]]\ninterface = \"x\"\n{port}")
}

fn port(config: &Config, index: usize) -> &super::super::Port {
    &config.networks[0].ports[index]
}

#[test]
fn every_key_of_the_switch_is_read() {
    let config = read(FULL).unwrap();
    let network = &config.networks[0];
    let switch = &network.switch;
    assert_eq!(switch.vlan, Some(10));
    assert_eq!(
        (switch.max_learned, switch.max_learned_total),
        (4096, 100_000)
    );
    assert_eq!(switch.storm_control, 1000);
    assert!(switch.arp_suppression && switch.multicast_snooping && switch.multicast_querier);
    assert_eq!(
        (network.fdb[2].vlan, network.vlan_of(&network.fdb[2])),
        (Some(101), 101)
    );
    assert_eq!(network.vlan_of(&network.fdb[0]), 10);
    assert_eq!(network.neighbours[0].vlan, Some(20));
}

#[test]
fn every_key_of_a_port_is_read() {
    let config = read(FULL).unwrap();
    let trunk = port(&config, 0);
    let options = &trunk.options;
    let vlans: Vec<u16> = options.trunk.iter().copied().collect();
    assert_eq!(vlans, [10, 20, 100, 101, 102]);
    assert_eq!((options.vlan, options.tag_native), (Some(10), true));
    assert_eq!(
        (options.max_learned, options.storm_control),
        (Some(0), Some(5))
    );
    assert!(options.anti_spoof && options.server && options.edge);
    assert!(options.hairpin && options.multicast_router);
    assert_eq!(options.outside, Some(true));
    assert_eq!(trunk.mac, Some([2, 0, 0, 0, 0, 1]));
    let addresses: Vec<String> = trunk
        .addresses
        .iter()
        .map(|a| a.addr().to_string())
        .collect();
    assert_eq!(addresses, ["10.0.3.21", "fd00::21"]);
    let PortAt::Tap(tap) = &port(&config, 1).at else {
        panic!("{:?}", port(&config, 1));
    };
    let made = TapKind {
        multi_queue: true,
        vnet_header: false,
        owner: Some(1000),
    };
    assert_eq!((tap.name.as_str(), tap.kind), ("vm1", made));
}

#[test]
fn what_is_not_said_is_as_a_bridge_has_it() {
    let config = read(&with_port("")).unwrap();
    let network = &config.networks[0];
    assert!(network.switch.learning && network.switch.unknown_unicast);
    assert!(network.switch.multicast_snooping && !network.switch.arp_suppression);
    assert_eq!(network.switch.max_learned, 0);
    assert_eq!(network.switch.ageing.as_secs(), 300);
    assert!(!network.is_vlan_aware(&config.shared()));
    let tap = read("[[network]]\nname = \"a\"\n[[network.port]]\ntap = \"t\"").unwrap();
    let PortAt::Tap(tap) = &port(&tap, 0).at else {
        panic!("{tap:?}");
    };
    assert_eq!(tap.kind, TapKind::default());
    assert!(tap.kind.vnet_header && !tap.kind.multi_queue);
}

const BAD: Bad = &[
    (
        "[[network]]\nname = \"a\"\nvlan = 0",
        &["f.toml:3", "`vlan`", "a VLAN from 1 to 4094"],
    ),
    (
        "[[network]]\nname = \"a\"\nvlan = 4095",
        &["f.toml:3", "a VLAN from 1 to 4094"],
    ),
    (
        "[[network]]\nname = \"a\"\nvlan = \"10\"",
        &["f.toml:3", "a VLAN from 1 to 4094"],
    ),
    (
        "[[network]]\nname = \"a\"\nmax_learned = -1",
        &["f.toml:3", "from 0 to 1048576"],
    ),
    (
        "[[network]]\nname = \"a\"\nageing = \"9s\"",
        &["f.toml:3", "from 10s to 1000000s"],
    ),
    (
        "[[network]]\nname = \"a\"\nageing = \"1000001s\"",
        &["f.toml:3", "from 10s to 1000000s"],
    ),
    (
        "[[network]]\nname = \"a\"\nstorm_control = \"1k\"",
        &["f.toml:3", "from 0 to 1000000000"],
    ),
    (
        "[[network]]\nname = \"a\"\nmulticast_snooping = false\nmulticast_querier = true",
        &["f.toml:1", "`multicast_querier`", "`multicast_snooping`"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.port]]\ninterface = \"x\"\ntap = \"t\"",
        &["f.toml:3", "either `interface`", "`tap`"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.port]]\ntap = \"t\"\nname = \"e\"",
        &["f.toml:5", "`name` is for a pair"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.port]]\ninterface = \"x\"\nowner = 0",
        &["f.toml:5", "`owner` is for a tap"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.port]]\ntap = \"t\"\noutside = true",
        &["f.toml:5", "`outside` is for an existing link"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.port]]\ntap = \"a-name-too-long-for-linux\"",
        &["f.toml:4", "1 to 15 characters"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.port]]\ninterface = \"x\"\ntrunk = []",
        &["f.toml:5", "at least one VLAN"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.port]]\ninterface = \"x\"\ntrunk = [4095]",
        &["f.toml:5", "a VLAN from 1 to 4094"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.port]]\ninterface = \"x\"\ntrunk = [\"20-10\"]",
        &["f.toml:5", "a range of them such as \"100-199\""],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.port]]\ninterface = \"x\"\nvlan = 10\ntag_native = true",
        &["f.toml:3", "`tag_native`", "native VLAN"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.port]]\ninterface = \"x\"\naddresses = [\"224.0.0.1\"]",
        &["f.toml:5", "a station's address"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.port]]\nnetns = \"c\"\nname = \"e\"\naddresses = [\"10.0.0.2\"]",
        &["f.toml:6", "an address with its prefix"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.neighbour]]\nip = \"10.0.0.2\"",
        &["f.toml:3", "[[network.neighbour]] needs `mac`"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.neighbour]]\nip = \"ff02::1\"\nmac = \"02:00:00:00:00:01\"",
        &["f.toml:4", "a station's address"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.neighbour]]\nip = \"10.0.0.2\"\nmac = \"ff:ff:ff:ff:ff:ff\"",
        &["f.toml:5", "a unicast MAC"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.neighbour]]\nip = \"10.0.0.2\"\nmac = \"02:00:00:00:00:01\"\nvlan = 5",
        &["f.toml:3", "network a has no VLANs"],
    ),
    (
        "[[network]]\nname = \"a\"\n[network.gateway]\naddresses = [\"10.0.0.1/24\"]\n[[network.neighbour]]\nip = \"10.0.0.1\"\nmac = \"02:00:00:00:00:01\"",
        &["f.toml:5", "10.0.0.1 is the gateway of network a"],
    ),
];

#[test]
fn bad_input_is_refused() {
    all_refused(BAD);
}

#[test]
fn a_station_is_in_a_vlan_that_its_port_carries() {
    let entry = |vlan: &str| {
        let fdb = "[[network.fdb]]\nmac = \"02:00:00:00:00:09\"\nport = \"x\"\n";
        read(&with_port(&format!("trunk = [10, 20]\n{fdb}{vlan}")))
    };
    assert!(entry("vlan = 20").is_ok());
    let error = refused(entry("vlan = 30"));
    assert!(
        error.contains("f.toml:6: port x does not carry VLAN 30; it has 10, 20"),
        "{error}"
    );
    let error = refused(entry(""));
    assert!(
        error.contains("give the entry a `vlan` of 10, 20"),
        "{error}"
    );
}

#[test]
fn one_station_in_two_vlans_is_two_entries() {
    let entry = |vlan| {
        format!("[[network.fdb]]\nmac = \"02:00:00:00:00:09\"\nport = \"x\"\nvlan = {vlan}\n")
    };
    let two = |one, other| {
        read(&with_port(&format!(
            "trunk = [10, 20]\n{}{}",
            entry(one),
            entry(other)
        )))
    };
    assert!(two(10, 20).is_ok());
    let error = refused(two(10, 10));
    assert!(
        error.contains("FDB entry 02:00:00:00:00:09 of VLAN 10 is already used"),
        "{error}"
    );
}

#[test]
fn networks_share_a_trunk_whose_vlans_differ() {
    let port = |keys: &str| format!("[[network.port]]\ninterface = \"x\"\n{keys}");
    let both = |one: &str, other: &str| two_networks(&port(one), &port(other));
    let config = both("trunk = [10]", "trunk = [20]").unwrap();
    assert!(config.shared().contains("x"));
    assert!(both("", "trunk = [20]").is_ok());
    assert!(both("trunk = [10]\nvlan = 10", "trunk = [20]").is_ok());
    let error = refused(both("trunk = [10, 20]", "trunk = [20]"));
    assert!(
        error.contains("VLAN 20 of interface x is already used (f.toml:3)"),
        "{error}"
    );
    let error = refused(both("vlan = 10", "trunk = [20]\nvlan = 20"));
    assert!(error.contains("for its untagged frames"), "{error}");
    let error = refused(both("trunk = [10]\nisolated = true", "trunk = [20]"));
    assert!(error.contains("has other options at f.toml:3"), "{error}");
}

#[test]
fn a_network_that_shares_a_trunk_has_vlans() {
    let plain = "[[network.port]]\ninterface = \"x\"\n[[network.port]]\ninterface = \"y\"";
    let trunk = "[[network.port]]\ninterface = \"x\"\ntrunk = [20]";
    let config = two_networks(plain, trunk).unwrap();
    let shared = config.shared();
    assert!(config.networks.iter().all(|n| n.is_vlan_aware(&shared)));
    let alone = two_networks(plain, "").unwrap();
    assert!(!alone.networks[0].is_vlan_aware(&alone.shared()));
}

#[test]
fn a_network_lists_an_interface_once() {
    let port = "[[network.port]]\ninterface = \"x\"\n";
    let error = refused(read(&format!("[[network]]\nname = \"a\"\n{port}{port}")));
    assert!(error.contains("a network lists it once"), "{error}");
}
