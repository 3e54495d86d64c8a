//! `netfwd check` names offloads that are off where that costs something: super-packets become single
//! segments, and the remedy brings them back.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    findings::{Findings, remedy},
    netns::Namespace,
    topology::{Stack, TwoHosts, offload},
    traffic::tcp_bulk,
};

const BULK: u64 = 4 << 20;
/// No single segment is larger, with its headers.
const SEGMENT: f64 = 1600.0;

/// What an interface has sent or received: octets and packets.
fn carried(ns: &Namespace, interface: &str, way: &str) -> Result<(f64, f64)> {
    let said = ns.run(&format!("ip -j -s link show dev {interface}"))?;
    let links: Value = serde_json::from_str(&said.stdout)?;
    let counters = &links[0]["stats64"][way];
    let number = |field: &str| counters[field].as_f64().context("a counter");
    Ok((number("bytes")?, number("packets")?))
}

/// Octets of a frame, on the average, that cross an interface while `c1` sends much to `c3`.
fn frames(hosts: &TwoHosts, interface: &str, way: &str) -> Result<f64> {
    let before = carried(&hosts.a.ns, interface, way)?;
    tcp_bulk(&hosts.c3.ns, hosts.c3.address, &hosts.c1.ns, BULK)?;
    let after = carried(&hosts.a.ns, interface, way)?;
    Ok((after.0 - before.0) / (after.1 - before.1))
}

/// The host's end of the pair that netfwd made for `c1`.
fn host_end(hosts: &mut TwoHosts) -> Result<String> {
    let ports = hosts.a.netfwd()?.json("port show")?;
    let mut names = ports.iter().filter_map(|port| port["interface"].as_str());
    let made = names.find(|name| *name != "veth-c2");
    Ok(made.context("the made port")?.to_owned())
}

#[test]
fn a_container_without_offloads_sends_single_segments() -> Result<()> {
    let mut hosts = TwoHosts::new(Stack::Netfwd)?;
    let port = host_end(&mut hosts)?;
    Findings::of(hosts.a.netfwd()?)?.none(&["ethtool"])?;
    ensure!(frames(&hosts, &port, "rx")? > 2.0 * SEGMENT);
    offload(&hosts.c1.ns, "eth0", "tx off")?;
    let single = frames(&hosts, &port, "rx")?;
    ensure!(single < SEGMENT, "{single} octets a frame");
    let findings = Findings::of(hosts.a.netfwd()?)?;
    let finding = findings.one("warning", &["eth0 in ", "has tx, tso off"])?;
    remedy(&hosts.a.ns, finding)?;
    ensure!(frames(&hosts, &port, "rx")? > 2.0 * SEGMENT);
    Findings::of(hosts.a.netfwd()?)?.none(&["ethtool"])
}

#[test]
fn an_uplink_that_segments_no_tunnels_is_named() -> Result<()> {
    let mut hosts = TwoHosts::new(Stack::Netfwd)?;
    ensure!(frames(&hosts, "up0", "tx")? > 2.0 * SEGMENT);
    for (settings, words) in [
        (
            "tx-udp_tnl-segmentation off",
            "has tx-udp_tnl-segmentation off",
        ),
        ("tso off", "has tso off"),
    ] {
        hosts.a.offload("up0", settings)?;
        let findings = Findings::of(hosts.a.netfwd()?)?;
        remedy(&hosts.a.ns, findings.one("warning", &["up0", words])?)?;
        Findings::of(hosts.a.netfwd()?)?.none(&["ethtool"])?;
    }
    hosts.a.offload("up0", "tx-udp_tnl-segmentation off")?;
    let single = frames(&hosts, "up0", "tx")?;
    ensure!(single < SEGMENT, "{single} octets a frame");
    hosts.a.offload("up1", "tx-udp_tnl-segmentation off")?;
    Findings::of(hosts.a.netfwd()?)?.none(&["up1", "tunnels"])
}

#[test]
fn what_costs_nothing_is_not_named() -> Result<()> {
    let mut hosts = TwoHosts::new(Stack::Netfwd)?;
    let port = host_end(&mut hosts)?;
    hosts.a.offload(&port, "tx off tso off gro off rx off")?;
    hosts
        .a
        .offload("veth-c2", "tx off tso off gro off rx off")?;
    hosts.a.offload("up0", "gro off rx off")?;
    Findings::of(hosts.a.netfwd()?)?.none(&["ethtool"])?;
    // What goes to the container is whole nevertheless: it passes by the host's end.
    let before = carried(&hosts.c1.ns, "eth0", "rx")?;
    tcp_bulk(&hosts.c1.ns, hosts.c1.address, &hosts.c2.ns, BULK)?;
    let after = carried(&hosts.c1.ns, "eth0", "rx")?;
    let whole = (after.0 - before.0) / (after.1 - before.1);
    ensure!(whole > 2.0 * SEGMENT, "{whole} octets a frame");
    Ok(())
}
