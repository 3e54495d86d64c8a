//! What is accepted, and what is said about what is not.

mod overlap;
mod refusals;
mod stations;
mod switch;
mod translation;
mod underlay;

use std::path::Path;

use super::reader::Source;
use super::{Affinity, Config, ConfigError, Masquerade, PortAt, SourceNat, Tos, files};

fn read(text: &str) -> Result<Config, ConfigError> {
    files::parse_text(text)
}

/// The whole of what this version accepts.
const FULL: &str = r#"
[host]
name = "node1"
uplinks = ["eth0"]
vtep = ["172.31.0.106", "fd00::6"]
xdp = "off"
[vxlan]
port = 4789
source_ports = [49152, 65535]
ttl = 64
tos = 16
udp_checksum = false
unknown_sources = "drop"
df = "inherit"
reserved_bits = "strict"
mss_clamp = false
probe_interval = "10s"
probe_failures = 5
[nat]
ports = [32768, 60999]
filtering = "endpoint"
max_sessions = 1048576
[nat.timeouts]
udp = "5m"
tcp_established = "7440s"
tcp_transitory = "240s"
icmp = "60000ms"
sctp = "240s"
other = "1h"
[routing]
between = "allow"
allow = [["green", "blue"]]
deny = [["red", "blue"]]
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
peers = ["172.31.0.107", "172.31.0.108:8472", "fd00::7", "[fd00::8]:8472"]
group = "ff05::100"
vtep = "fd00::6"
unknown_sources = "accept"
  [network.gateway]
  device = "lxcbr0"
  addresses = ["10.0.3.1/24"]
  mac = "02:00:00:00:00:11"
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
  [[network.publish]]
  listen = "192.0.2.1:5000-5009/sctp"
  to = ["10.0.3.20:5000", "10.0.3.21:5000"]
  affinity = "source"
  [[network.floating]]
  external = "192.0.2.20"
  internal = "10.0.3.20"
  uplink = "eth0"
  [[network.fdb]]
  mac = "02:00:00:00:00:09"
  peer = "fd00::8"
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
[[network]]
name = "green"
  [network.gateway]
  addresses = ["10.0.4.1/24", "fd00:4::1/64"]
  masquerade = ["192.0.2.10-192.0.2.13", "ipv6"]
[[network]]
name = "red"
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
        ("lxcbr0", Masquerade::UPLINK)
    );
    assert_eq!(network.ports[0].options.unknown_unicast, Some(false));
    assert!(matches!(&network.ports[2].at, PortAt::Pair(pair) if pair.default_route));
    assert_eq!(network.publishes[0].listen.to_string(), "49153/tcp");
    assert_eq!(network.fdb.len(), 3);
}

#[test]
fn every_key_of_translation_is_read() {
    let config = read(FULL).unwrap();
    let (nat, routing) = (&config.nat, &config.routing);
    assert_eq!((nat.any_endpoint, nat.max_sessions), (true, 1_048_576));
    assert_eq!(nat.timeouts.sctp.as_secs(), 240);
    assert_eq!(nat.timeouts.other.as_secs(), 3600);
    let pairs = routing.pairs.iter();
    let pairs: Vec<_> = pairs
        .map(|pair| (pair.networks.1.as_str(), pair.allowed))
        .collect();
    assert_eq!(
        (routing.between, pairs),
        (true, vec![("green", true), ("red", false)])
    );
    let masquerade = config.networks[1].gateway.as_ref().unwrap().masquerade;
    assert!(matches!(masquerade.v4, SourceNat::Range { count: 4, .. }));
    assert_eq!(masquerade.v6, SourceNat::Uplink);
    let network = &config.networks[0];
    let publish = &network.publishes[1];
    assert_eq!(publish.listen.to_string(), "192.0.2.1:5000-5009/sctp");
    assert_eq!((publish.to.len(), publish.affinity), (2, Affinity::Source));
    let floating = &network.floatings[0];
    assert_eq!(floating.external.to_string(), "192.0.2.20");
    assert_eq!(floating.uplink.as_deref(), Some("eth0"));
}

#[test]
fn every_example_is_accepted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let files = std::fs::read_dir(folder).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let examples: Vec<_> = files
        .filter(|f| f.extension().is_some_and(|e| e == "toml"))
        .collect();
    assert!(examples.len() >= 6, "{examples:?}");
    for example in examples {
        let config = super::load(&example).unwrap_or_else(|error| panic!("{error}"));
        assert!(!config.networks.is_empty(), "{}", example.display());
    }
}

#[test]
fn an_empty_file_is_a_host_without_networks() {
    assert_eq!(read("").unwrap(), Config::default());
}

/// Bad inputs, each with what the error must say.
type Bad = &'static [(&'static str, &'static [&'static str])];

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
    let error = super::load(Path::new("/nonexistent/netfwd.toml"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("/nonexistent/netfwd.toml: cannot be read"),
        "{error}"
    );
}
