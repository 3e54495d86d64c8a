//! What is accepted, and what is said about what is not.

mod switch;

use super::reader::Source;
use super::{Config, ConfigError, Masquerade, PortAt, Tos, files};

fn read(text: &str) -> Result<Config, ConfigError> {
    files::parse_text(text)
}

/// The whole of what this version accepts.
const FULL: &str = r#"
[host]
name = "node1"
uplinks = ["eth0"]
vtep = "172.31.0.106"
xdp = "off"
[vxlan]
port = 4789
source_ports = [49152, 65535]
ttl = 64
tos = 16
udp_checksum = false
unknown_sources = "drop"
[nat]
ports = [32768, 60999]
[nat.timeouts]
udp = "5m"
tcp_established = "7440s"
tcp_transitory = "240s"
icmp = "60000ms"
[[network]]
name = "blue"
vni = 200
mtu = "auto"
ageing = "300s"
learning = true
unknown_unicast = "flood"
vlan = 10
max_learned = 4096
max_learned_total = 100000
storm_control = 1000
arp_suppression = true
multicast_snooping = true
multicast_querier = true
peers = ["172.31.0.107"]
  [network.gateway]
  device = "lxcbr0"
  addresses = ["10.0.3.1/24"]
  mac = "02:00:00:00:00:01"
  masquerade = true
  [[network.port]]
  interface = "veth-c1"
  isolated = true
  learning = false
  unknown_unicast = "drop"
  trunk = [10, 20, "100-102"]
  vlan = 10
  tag_native = true
  max_learned = 0
  storm_control = 5
  anti_spoof = true
  mac = "02:00:00:00:00:01"
  addresses = ["10.0.3.21", "fd00::21/64"]
  server = true
  edge = true
  hairpin = true
  multicast_router = true
  outside = true
  [[network.port]]
  tap = "vm1"
  multi_queue = true
  vnet_header = false
  owner = 1000
  [[network.port]]
  netns = "c2"
  name = "eth0"
  mac = "02:00:00:00:00:02"
  addresses = ["10.0.3.20/24"]
  default_route = true
  [[network.publish]]
  listen = "49153/tcp"
  to = "10.0.3.20:22"
  [[network.fdb]]
  mac = "02:00:00:00:00:09"
  peer = "172.31.0.107"
  [[network.fdb]]
  mac = "02:00:00:00:00:0a"
  port = "c2/eth0"
  [[network.fdb]]
  mac = "02:00:00:00:00:0a"
  port = "veth-c1"
  vlan = 101
  [[network.neighbour]]
  ip = "10.0.3.30"
  mac = "02:00:00:00:00:1e"
  vlan = 20
"#;

#[test]
fn every_key_is_read() {
    let config = read(FULL).unwrap();
    let network = &config.networks[0];
    assert_eq!(config.host.name.as_deref(), Some("node1"));
    assert_eq!(config.vxlan.tos, Tos::Fixed(16));
    assert_eq!(config.nat.timeouts.udp.as_secs(), 300);
    assert_eq!(config.nat.timeouts.icmp.as_secs(), 60);
    assert_eq!((network.vni, network.mtu), (Some(200), None));
    let gateway = network.gateway.as_ref().unwrap();
    assert_eq!(
        (gateway.device.as_str(), gateway.masquerade),
        ("lxcbr0", Masquerade::Uplink)
    );
    assert_eq!(network.ports[0].options.unknown_unicast, Some(false));
    assert!(matches!(&network.ports[2].at, PortAt::Pair(pair) if pair.default_route));
    assert_eq!(network.publishes[0].listen.to_string(), "49153/tcp");
    assert_eq!(network.fdb.len(), 3);
}

#[test]
fn an_empty_file_is_a_host_without_networks() {
    assert_eq!(read("").unwrap(), Config::default());
}

/// Bad inputs, each with what the error must say.
type Bad = &'static [(&'static str, &'static [&'static str])];

/// Each bad input, and what the error must say.
const BAD: Bad = &[
    ("[host\n", &["f.toml:1", "not valid TOML"]),
    (
        "\n[hots]\n",
        &[
            "f.toml:2",
            "unknown key `hots`",
            "accepted are host, vxlan, nat, network",
        ],
    ),
    (
        "[host]\nvtap = \"1.2.3.4\"",
        &["f.toml:2", "unknown key `vtap` in [host]", "vtep"],
    ),
    (
        "[metrics]\nlisten = \"x\"",
        &["f.toml:1", "`metrics`", "not in this version"],
    ),
    (
        "[host]\nvtep = \"fd00::1\"",
        &["f.toml:2", "`vtep`", "IPv6 is not in this version"],
    ),
    (
        "[host]\nvtep = \"224.0.0.1\"",
        &["f.toml:2", "an IPv4 address"],
    ),
    (
        "[host]\nxdp = \"on\"",
        &["f.toml:2", "\"auto\", \"native\", \"generic\" or \"off\""],
    ),
    ("[host]\nuplinks = \"eth0\"", &["f.toml:2", "an array"]),
    (
        "[host]\nuplinks = [\"a-name-too-long-for-linux\"]",
        &["1 to 15 characters"],
    ),
    (
        "[vxlan]\nport = 0",
        &["f.toml:2", "a number from 1 to 65535"],
    ),
    (
        "[vxlan]\nsource_ports = [5, 4]",
        &["f.toml:2", "the lower first"],
    ),
    (
        "[vxlan]\ntos = 256",
        &["f.toml:2", "\"inherit\" or a number from 0 to 255"],
    ),
    (
        "[nat.timeouts]\nudp = \"119s\"",
        &["f.toml:2", "at least 120s (RFC 4787 REQ-5)"],
    ),
    (
        "[nat.timeouts]\ntcp_established = \"2h\"",
        &["at least 7440s (RFC 5382 REQ-5)"],
    ),
    (
        "[nat.timeouts]\ntcp_transitory = \"10s\"",
        &["at least 240s (RFC 5382 REQ-5)"],
    ),
    (
        "[nat.timeouts]\nicmp = \"30s\"",
        &["at least 60s (RFC 5508 REQ-2)"],
    ),
    (
        "[nat.timeouts]\nicmp = 60",
        &["a duration such as \"300s\""],
    ),
    (
        "[[network]]\nvni = 1",
        &["f.toml:1", "[[network]] needs `name`"],
    ),
    (
        "[[network]]\nname = \"a/b\"",
        &["f.toml:2", "letters, digits"],
    ),
    (
        "[[network]]\nname = \"a\"\nvni = 16777216",
        &["f.toml:3", "from 1 to 16777215"],
    ),
    (
        "[[network]]\nname = \"a\"\nvni = 0",
        &["f.toml:3", "from 1 to 16777215"],
    ),
    (
        "[[network]]\nname = \"a\"\nmtu = 100",
        &["f.toml:3", "from 576 to 65535"],
    ),
    (
        "[[network]]\nname = \"a\"\nageing = \"1s\"",
        &["f.toml:3", "from 10s to 1000000s"],
    ),
    (
        "[[network]]\nname = \"a\"\nageing = \"300\"",
        &["f.toml:3", "a duration"],
    ),
    (
        "[[network]]\nname = \"a\"\ngroup = \"239.1.1.1\"",
        &["f.toml:3", "`group`", "not in this version"],
    ),
    (
        "[[network]]\nname = \"a\"\npeers = [\"1.1.1.1\"]",
        &["f.toml:3", "no VNI"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.floating]]\nexternal = \"1.1.1.1\"",
        &["`floating`", "not in this version"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.port]]\nisolated = true",
        &["f.toml:3", "either `interface`"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.port]]\nnetns = \"c\"\nname = \"e\"\nmac = \"03:00:00:00:00:01\"",
        &["f.toml:6", "a unicast MAC"],
    ),
    (
        "[[network]]\nname = \"a\"\n[network.gateway]\naddresses = [\"10.0.0.0/24\"]",
        &["f.toml:4", "an address with its prefix"],
    ),
    (
        "[[network]]\nname = \"a\"\n[network.gateway]\nmasquerade = true",
        &["f.toml:3", "needs an IPv4 address"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.publish]]\nlisten = \"80\"\nto = \"10.0.0.2:80\"",
        &["f.toml:4", "/tcp or /udp"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.publish]]\nlisten = \"80/tcp\"\nto = \"10.0.0.2\"",
        &["f.toml:5", "address:port"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.publish]]\nlisten = \"80/tcp\"\nto = \"10.0.0.2:80\"",
        &["f.toml:3", "in no subnet of network a's gateway"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network.fdb]]\nmac = \"02:00:00:00:00:01\"\nport = \"x\"",
        &["f.toml:3", "network a has no port x"],
    ),
    (
        "[[network]]\nname = \"a\"\nvni = 1\n[[network]]\nname = \"b\"\nvni = 1",
        &["f.toml:4", "VNI 1 is already used (f.toml:1)"],
    ),
    (
        "[[network]]\nname = \"a\"\n[[network]]\nname = \"a\"",
        &["f.toml:3", "network a is already used (f.toml:1)"],
    ),
    (
        "[host]\nuplinks = [\"x\"]\n[[network]]\nname = \"a\"\n[[network.port]]\ninterface = \"x\"",
        &["f.toml:5", "interface x is already used (an uplink)"],
    ),
];

#[test]
fn bad_input_is_refused_with_its_place_and_what_would_do() {
    all_refused(BAD);
}

fn all_refused(inputs: Bad) {
    for (text, wanted) in inputs {
        let error = read(text).expect_err(text).to_string();
        for part in *wanted {
            assert!(
                error.contains(part),
                "{text:?}\n gives {error:?}\n without {part:?}"
            );
        }
        assert!(!error.contains('\n'), "{error:?} is more than one line");
    }
}

fn two_networks(one: &str, two: &str) -> Result<Config, ConfigError> {
    read(&format!(
        "[[network]]\nname = \"a\"\n{one}\n[[network]]\nname = \"b\"\n{two}\n"
    ))
}

fn refused(result: Result<Config, ConfigError>) -> String {
    result.expect_err("must be refused").to_string()
}

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
        ("70-90/tcp", "80/tcp"),
        ("80/tcp", "1.1.1.1:75-85/tcp"),
    ] {
        let error = refused(pair(one, two));
        assert!(
            error.contains("overlaps") && error.contains("f.toml:"),
            "{error}"
        );
    }
    for (one, two) in [
        ("80/tcp", "80/udp"),
        ("1.1.1.1:80/tcp", "1.1.1.2:80/tcp"),
        ("70-79/tcp", "80/tcp"),
    ] {
        assert!(pair(one, two).is_ok(), "{one} {two}");
    }
}

#[test]
fn conf_d_adds_networks_and_nothing_of_the_host() {
    let mut config = read("[[network]]\nname = \"a\"").unwrap();
    let more = Source::new("b.toml", "[[network]]\nname = \"b\"");
    files::parse(&more, &mut config, false).unwrap();
    assert_eq!(config.networks.len(), 2);
    let host = Source::new("b.toml", "[host]\nname = \"x\"");
    let error = files::parse(&host, &mut config, false)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("b.toml:1: [host] belongs in the main file"),
        "{error}"
    );
}

#[test]
fn a_missing_file_says_so() {
    let error = super::load(std::path::Path::new("/nonexistent/netfwd.toml"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("/nonexistent/netfwd.toml: cannot be read"),
        "{error}"
    );
}
