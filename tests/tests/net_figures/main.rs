//! What is counted: of networks as the sum over their ports and peers, by `stats` and the `show` commands.

mod trunk;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::{
    netns::Namespace,
    packet::{Mac, RawSocket, ethernet},
    process::eventually,
    topology::{Instance, Stack, TwoHosts},
    traffic::{Ping, ping},
};

/// Within this a change is in force, on a busy machine.
const SOON: Duration = Duration::from_secs(5);
/// Frames that a test sends.
const FRAMES: u64 = 25;
/// Octets of each.
const OCTETS: u64 = 60;

/// A host with ports `p1` to `p3`, their other ends in a namespace that no stack answers in.
struct Host {
    instance: Instance,
    container: Namespace,
}

impl Host {
    fn new(config: &str) -> Result<Self> {
        let (ns, container) = (Namespace::new("hs")?, Namespace::new("cn")?);
        for port in 1..=3 {
            ns.ip(&format!(
                "link add p{port} type veth peer name e{port} netns {}\nlink set p{port} up\n",
                container.name()
            ))?;
            container.sysctl(&format!("net/ipv6/conf/e{port}/disable_ipv6"), "1")?;
            container.ip(&format!("link set e{port} up"))?;
        }
        let mut instance = Instance::new(&ns, config)?;
        instance.start()?;
        Ok(Self {
            instance,
            container,
        })
    }

    fn send(&self, port: u8, from: Mac, to: Mac, frames: u64) -> Result<()> {
        self.send_frame(port, &ethernet(to, from, 0x88b5, &[0; 46]), frames)
    }

    fn send_frame(&self, port: u8, frame: &[u8], frames: u64) -> Result<()> {
        let socket = RawSocket::open(&self.container, &format!("e{port}"))?;
        (0..frames).try_for_each(|_| socket.send(frame))
    }

    fn rows(&self, filter: &str) -> Result<Vec<Value>> {
        self.instance.json(&format!("stats {filter}"))
    }
}

/// The value of a counter of an object, whatever the reasons.
fn value(rows: &[Value], object: (&str, &str), counter: &str) -> u64 {
    let own = rows.iter().filter(|row| {
        (&row["scope"], &row["name"]) == (&json!(object.0), &json!(object.1))
            && row["counter"] == counter
    });
    own.filter_map(|row| row["value"].as_u64()).sum()
}

const BLUE: &str = "[[network]]\nname = \"blue\"\n\
    [[network.port]]\ninterface = \"p1\"\n[[network.port]]\ninterface = \"p2\"\n";
const STATION: Mac = [2, 0, 0, 0, 0, 0x11];
const OTHER: Mac = [2, 0, 0, 0, 0, 0x12];
/// A group's MAC is no source.
const BAD_SOURCE: Mac = [3, 0, 0, 0, 0, 0x13];

#[test]
fn a_network_counts_what_its_ports_count() -> Result<()> {
    let host = Host::new(BLUE)?;
    host.send(1, STATION, [0xff; 6], FRAMES)?;
    host.send(2, OTHER, STATION, FRAMES)?;
    host.send(2, BAD_SOURCE, STATION, 5)?;
    let mut rows = Vec::new();
    eventually("all frames are counted", SOON, || {
        rows = host.rows("")?;
        Ok(value(&rows, ("network", "blue"), "rx_packets") >= 2 * FRAMES + 5)
    })
    .with_context(|| format!("{rows:#?}"))?;
    let of = |counter| value(&rows, ("network", "blue"), counter);
    ensure!(of("rx_packets") == 2 * FRAMES + 5, "{rows:#?}");
    ensure!(of("rx_bytes") == OCTETS * of("rx_packets"), "{rows:#?}");
    ensure!(of("tx_packets") == 2 * FRAMES, "{rows:#?}");
    ensure!(of("drops") == 5, "{rows:#?}");
    for counter in ["rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "drops"] {
        let port = |name| value(&rows, ("port", name), counter);
        ensure!(
            of(counter) == port("p1") + port("p2"),
            "{counter}: {rows:#?}"
        );
    }
    let named = host.rows("--network blue")?;
    ensure!(named.iter().all(|row| row["scope"] == "network"));
    ensure!(value(&named, ("network", "blue"), "rx_packets") == of("rx_packets"));
    let port = host.rows("--network blue --port p1")?;
    ensure!(
        value(&port, ("port", "p1"), "rx_packets") == FRAMES,
        "{port:#?}"
    );
    ensure!(port.iter().all(|row| row["name"] == "p1"), "{port:#?}");
    Ok(())
}

#[test]
fn what_is_gone_counts_in_one_row_for_each_reason() -> Result<()> {
    let red = "[[network]]\nname = \"red\"\n[[network.port]]\ninterface = \"p3\"\n";
    let mut host = Host::new(&format!("{BLUE}{red}"))?;
    host.send(1, BAD_SOURCE, STATION, 2)?;
    host.send(3, BAD_SOURCE, STATION, 3)?;
    eventually("the drops are counted", SOON, || {
        let rows = host.rows("")?;
        let of = |name| value(&rows, ("network", name), "drops");
        Ok((of("blue"), of("red")) == (2, 3))
    })?;
    host.instance.reload("[host]\nuplinks = []\n")?;
    let name = host.instance.name().to_owned();
    let mut rows = Vec::new();
    eventually("nothing is left of the networks", SOON, || {
        rows = host.rows("")?;
        let mut scopes = rows.iter().map(|row| &row["scope"]);
        Ok(scopes.all(|scope| scope == "instance" || scope == "nat"))
    })?;
    let spoofed = rows.iter().filter(|row| row["reason"] == "source-mac");
    let spoofed: Vec<_> = spoofed.collect();
    ensure!(spoofed.len() == 1, "{rows:#?}");
    ensure!(
        spoofed[0]["value"] == 5 && spoofed[0]["name"] == name,
        "{rows:#?}"
    );
    Ok(())
}

#[test]
fn a_trunk_is_shown_with_each_of_its_networks() -> Result<()> {
    let of = |name: &str, vlan: u16| {
        format!(
            "[[network]]\nname = \"{name}\"\n[[network.port]]\ninterface = \"p1\"\ntrunk = [{vlan}]\n"
        )
    };
    let host = Host::new(&format!("{}{}", of("a", 10), of("b", 20)))?;
    for network in ["a", "b"] {
        let ports = host
            .instance
            .json(&format!("port show --network {network}"))?;
        ensure!(
            ports.len() == 1 && ports[0]["interface"] == "p1",
            "{ports:?}"
        );
        ensure!(ports[0]["networks"] == json!(["a", "b"]), "{ports:?}");
        ensure!(ports[0]["network"] == "a", "{ports:?}");
    }
    Ok(())
}

#[test]
fn a_pair_that_is_made_has_its_name_and_the_gateway_is_no_port() -> Result<()> {
    let mut hosts = TwoHosts::new(Stack::Netfwd)?;
    let a = hosts.a.netfwd()?;
    let ports = a.json("port show")?;
    let made = ports.iter().find(|port| port["name"] == "eth0");
    let made = made.context("the pair into c1")?;
    ensure!(made["netns"] == hosts.c1.ns.name(), "{made}");
    let given = ports.iter().find(|port| port["interface"] == "veth-c2");
    ensure!(given.context("veth-c2")?["netns"].is_null(), "{ports:#?}");
    ensure!(ports.len() == 2, "{ports:#?}");
    let network = a.object("network show", "name", "blue")?;
    ensure!(
        network["ports"]
            .as_array()
            .is_some_and(|ports| ports.len() == 2)
    );
    let gateway = a.json("fdb show --port gw-blue")?;
    ensure!(
        gateway.len() == 1 && gateway[0]["flags"][1] == "gateway",
        "{gateway:?}"
    );
    for port in &ports {
        let interface = port["interface"].as_str().context("a name")?;
        a.cli(&format!(
            "fdb replace 02:00:00:00:00:77 --network blue --port {interface}"
        ))?;
    }
    Ok(())
}

#[test]
fn a_peer_of_two_networks_counts_for_each() -> Result<()> {
    let mut hosts = TwoHosts::new(Stack::Netfwd)?;
    ping(&hosts.c1.ns, hosts.c3.address, Ping::count(5))?.complete()?;
    let a = hosts.a.netfwd()?;
    a.cli("network add red --vni 300 --peer 172.31.0.2")?;
    ping(&hosts.c1.ns, hosts.c3.address, Ping::count(5))?.complete()?;
    let peer = a.object("peer show", "address", "172.31.0.2")?;
    ensure!(peer["networks"] == json!(["blue", "red"]), "{peer}");
    ensure!(
        peer["l4_port"] == 4789 && peer.get("port").is_none(),
        "{peer}"
    );
    let rows = a.json("stats --peer 172.31.0.2")?;
    let all = value(&rows, ("peer", "172.31.0.2"), "rx_packets");
    ensure!(
        all >= 10 && peer["rx_packets"].as_u64() <= Some(all),
        "{rows:#?}"
    );
    let blue = a.json("stats --peer 172.31.0.2 --network blue")?;
    ensure!(
        value(&blue, ("peer", "172.31.0.2"), "rx_packets") == all,
        "{blue:#?}"
    );
    let red = a.json("stats --peer 172.31.0.2 --network red")?;
    ensure!(
        value(&red, ("peer", "172.31.0.2"), "rx_packets") == 0,
        "{red:#?}"
    );
    Ok(())
}
