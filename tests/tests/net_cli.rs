//! The command line: what every `show` answers, with and without a daemon.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    netns::Namespace,
    packet::{self, RawSocket, ethernet},
    process::{TIMEOUT, eventually},
    topology::{Instance, OUTSIDE, Stack, TwoHosts},
    traffic::{Ping, WhoAmI, ask_tcp, ask_udp, ping},
};

/// The fields that the contract promises of each `show`.
const FIELDS: [(&str, &str); 7] = [
    ("network show", "name vni subnets gateway mtu ports peers"),
    (
        "port show",
        "interface ifindex network mac vlan isolated mode rx_packets rx_bytes tx_packets tx_bytes \
         drops",
    ),
    (
        "peer show",
        "address networks state rx_packets rx_bytes tx_packets tx_bytes last_seen_seconds",
    ),
    ("fdb show", "network mac vlan port peer flags age_seconds"),
    (
        "session show",
        "proto kind inside_src inside_dst outside_src outside_dst state age_seconds idle_seconds \
         packets bytes",
    ),
    (
        "publish show",
        "listen to targets affinity network sessions",
    ),
    ("stats", "scope name counter value"),
];

/// Hosts that have carried some traffic of each kind.
fn used() -> Result<TwoHosts> {
    let hosts = TwoHosts::new(Stack::Netfwd)?;
    let server = WhoAmI::start(&hosts.outside, OUTSIDE, 7000)?;
    let _published = WhoAmI::start(&hosts.c1.ns, hosts.c1.address, 80)?;
    ping(&hosts.c1.ns, hosts.c3.address, Ping::count(3))?.complete()?;
    ask_udp(&hosts.c2.ns, server.address)?;
    ask_tcp(&hosts.outside, (hosts.a.address, 8080))?;
    Ok(hosts)
}

fn all_fields(instance: &Instance) -> Result<()> {
    for (show, fields) in FIELDS {
        let objects = instance.json(show)?;
        ensure!(!objects.is_empty(), "`{show}` shows nothing");
        for (object, field) in objects
            .iter()
            .flat_map(|o| fields.split(' ').map(move |f| (o, f)))
        {
            ensure!(
                object.get(field).is_some(),
                "no {field} of `{show}`: {object}"
            );
        }
    }
    Ok(())
}

#[test]
fn every_show_has_its_fields_with_and_without_a_daemon() -> Result<()> {
    let mut hosts = used()?;
    let instance = hosts.a.netfwd()?;
    all_fields(instance)?;
    instance.kill()?;
    all_fields(instance)
}

#[test]
fn tables_name_their_columns() -> Result<()> {
    let mut hosts = used()?;
    let instance = hosts.a.netfwd()?;
    for (show, fields) in FIELDS {
        let table = instance.cli(show)?.stdout;
        let head = table
            .lines()
            .next()
            .context("a table has a head")?
            .to_lowercase();
        let first = fields.split(' ').next().unwrap_or_default();
        ensure!(
            head.contains(first),
            "no {first} in the head of `{show}`: {head}"
        );
        ensure!(table.lines().count() > 1, "`{show}` shows nothing");
    }
    Ok(())
}

#[test]
fn shows_say_what_is() -> Result<()> {
    let mut hosts = used()?;
    let (c1, c3) = (hosts.c1.mac_text(), hosts.c3.mac_text());
    let ifindex = hosts.a.ns.ifindex("veth-c2")?;
    let instance = hosts.a.netfwd()?;
    let network = instance.object("network show", "name", "blue")?;
    ensure!(network["vni"] == 200 && network["mtu"] == 1450, "{network}");
    ensure!(
        network["subnets"] == serde_json::json!(["10.0.3.0/24"]),
        "{network}"
    );
    ensure!(
        network["peers"] == serde_json::json!(["172.31.0.2"]),
        "{network}"
    );
    let port = instance.object("port show", "interface", "veth-c2")?;
    ensure!(
        port["ifindex"] == ifindex && port["network"] == "blue",
        "{port}"
    );
    ensure!(
        port["rx_packets"].as_u64() > Some(0) && port["isolated"] == false,
        "{port}"
    );
    let here = instance.object("fdb show", "mac", &c1)?;
    ensure!(here["port"].is_string() && here["peer"].is_null(), "{here}");
    let there = instance.object("fdb show", "mac", &c3)?;
    ensure!(
        there["peer"] == "172.31.0.2" && there["port"].is_null(),
        "{there}"
    );
    let peer = instance.object("peer show", "address", "172.31.0.2")?;
    ensure!(
        peer["state"] == "up" && peer["rx_packets"].as_u64() > Some(0),
        "{peer}"
    );
    sessions(instance)
}

fn sessions(instance: &Instance) -> Result<()> {
    let out = instance.object("session show", "kind", "masquerade")?;
    ensure!(out["proto"] == "udp" && out["state"] == "replied", "{out}");
    ensure!(starts(&out["inside_src"], "10.0.3.12:"), "{out}");
    ensure!(starts(&out["outside_src"], "192.168.99.1:"), "{out}");
    ensure!(
        out["outside_dst"] == "192.168.99.100:7000" && out["packets"] == 2,
        "{out}"
    );
    let inward = instance.object("session show", "kind", "publish")?;
    ensure!(inward["proto"] == "tcp" && starts(&inward["outside_src"], "192.168.99.100:"));
    let publish = instance.object("publish show", "listen", "8080/tcp")?;
    ensure!(
        publish["to"] == "10.0.3.11:80" && publish["sessions"] == 1,
        "{publish}"
    );
    Ok(())
}

fn starts(value: &Value, prefix: &str) -> bool {
    value.as_str().is_some_and(|text| text.starts_with(prefix))
}

#[test]
fn status_names_hooks_and_modes() -> Result<()> {
    let mut hosts = TwoHosts::new(Stack::Netfwd)?;
    let instance = hosts.a.netfwd()?;
    let status = instance.json("status")?;
    let text: String = status.iter().map(ToString::to_string).collect();
    for word in [
        instance.name(),
        "up0",
        "up1",
        "veth-c2",
        "ingress",
        "egress",
    ] {
        ensure!(text.contains(word), "no {word} in {text}");
    }
    ensure!(
        text.contains("\"tcx\"") || text.contains("\"clsact\""),
        "no mode in {text}"
    );
    Ok(())
}

#[test]
fn drops_are_counted_by_reason() -> Result<()> {
    let mut hosts = TwoHosts::new(Stack::Netfwd)?;
    let bad_source = [0x03, 0, 0, 0, 0, 1];
    let frame = ethernet(hosts.c1.mac, bad_source, packet::ether_type::IPV6, &[0; 46]);
    let socket = RawSocket::open(&hosts.c2.ns, "eth0")?;
    (0..5).try_for_each(|_| socket.send(&frame))?;
    let instance = hosts.a.netfwd()?;
    eventually("five drops", TIMEOUT, || {
        let drops = instance.object("stats --port veth-c2", "reason", "source-mac");
        Ok(drops.is_ok_and(|drops| drops["value"] == 5 && drops["name"] == "veth-c2"))
    })?;
    ensure!(instance.object("port show", "interface", "veth-c2")?["drops"].as_u64() >= Some(5));
    Ok(())
}

#[test]
fn filters_select_and_refuse() -> Result<()> {
    let mut hosts = used()?;
    let c3 = hosts.c3.mac_text();
    let instance = hosts.a.netfwd()?;
    ensure!(instance.json(&format!("fdb show --mac {c3}"))?.len() == 1);
    ensure!(
        instance
            .json("fdb show --peer 172.31.0.2")?
            .iter()
            .all(|e| e["peer"].is_string())
    );
    ensure!(
        instance
            .json("fdb show --port veth-c2")?
            .iter()
            .all(|e| e["port"] == "veth-c2")
    );
    ensure!(!instance.json("port show --network blue")?.is_empty());
    ensure!(
        instance
            .json("session show --kind publish --proto tcp")?
            .len()
            == 1
    );
    ensure!(instance.json("session show --proto icmp")?.is_empty());
    for refused in [
        "fdb show --network red",
        "fdb show --port veth-c9",
        "fdb show --peer 172.31.0.99",
    ] {
        let output = instance.attempt(refused)?;
        ensure!(
            output.code != Some(0) && output.stderr.lines().count() == 1,
            "{output}"
        );
    }
    Ok(())
}

/// Nobody sends any more, and nothing is on its way: containers have reports and solicitations of their own to
/// send for seconds after they came up, ends of connections come late, and all that is learned anew.
fn hush(hosts: &mut TwoHosts) -> Result<()> {
    for (ns, interface) in senders(hosts) {
        ns.run(&format!("tc qdisc add dev {interface} root blackhole"))?;
    }
    let instance = hosts.a.netfwd()?;
    let figures = || instance.json("stats --network blue");
    eventually("silence", TIMEOUT, || Ok(figures()? == figures()?))
}

fn resume(hosts: &TwoHosts) -> Result<()> {
    for (ns, interface) in senders(hosts) {
        ns.run(&format!("tc qdisc del dev {interface} root"))?;
    }
    Ok(())
}

fn senders(hosts: &TwoHosts) -> [(&Namespace, &str); 5] {
    let [c1, c2, c3, c4] = [&hosts.c1, &hosts.c2, &hosts.c3, &hosts.c4].map(|c| (&c.ns, "eth0"));
    [c1, c2, c3, c4, (&hosts.outside, "br0")]
}

#[test]
fn flushing_forgets_what_was_learned() -> Result<()> {
    let mut hosts = used()?;
    hush(&mut hosts)?;
    let instance = hosts.a.netfwd()?;
    instance.cli("session flush")?;
    ensure!(instance.json("session show")?.is_empty());
    instance.cli("fdb flush")?;
    ensure!(
        !instance
            .json("fdb show")?
            .iter()
            .any(|entry| entry["peer"].is_string())
    );
    resume(&hosts)?;
    ping(&hosts.c1.ns, hosts.c3.address, Ping::count(5))?.complete()?;
    Ok(())
}

#[test]
fn pinned_maps_dump_with_field_names() -> Result<()> {
    let mut hosts = used()?;
    let maps = hosts.a.netfwd()?.pins().join("maps");
    let dump = |map: &str| -> Result<String> {
        let path = maps.join(map).display().to_string();
        Ok(hosts
            .a
            .ns
            .run(&format!("bpftool map dump pinned {path}"))?
            .stdout)
    };
    for (map, field) in [
        ("fdb", "last_seen_ns"),
        ("sessions", "station"),
        ("ports", "slot"),
    ] {
        let text = dump(map)?;
        ensure!(
            text.contains(&format!("\"{field}\"")),
            "no {field} in {map}: {text}"
        );
    }
    Ok(())
}

#[test]
fn check_lists_findings() -> Result<()> {
    let mut hosts = TwoHosts::new(Stack::Netfwd)?;
    let instance = hosts.a.netfwd()?;
    let path = instance.config_path().display().to_string();
    let findings = instance.attempt(&format!("-j check --config {path}"))?;
    let findings: Vec<Value> = serde_json::from_str(&findings.stdout)?;
    ensure!(findings.iter().all(Value::is_object), "{findings:?}");
    Ok(())
}
