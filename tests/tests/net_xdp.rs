//! `xdp = "native"` on a veth underlay. A veth hands partial checksums to XDP, which a redirect loses,
//! so containers compute theirs here; a NIC would have filled them in.

use std::{thread::sleep, time::Duration};

use anyhow::{Context, Result, ensure};
use tests::{
    netns::Namespace,
    process::{TIMEOUT, eventually},
    topology::{Container, Options, Stack, TwoHosts, UNDERLAY, offload},
    traffic::{Ping, WhoAmI, ask_udp, ping, tcp_bulk},
};

fn hosts() -> Result<TwoHosts> {
    let hosts = Options::both(Stack::Netfwd).xdp("native").start()?;
    for container in [&hosts.c1, &hosts.c2, &hosts.c3, &hosts.c4] {
        offload(&container.ns, "eth0", "tx off")?;
    }
    Ok(hosts)
}

/// Frames that XDP on an interface has redirected.
fn redirected(ns: &Namespace, interface: &str) -> Result<u64> {
    let statistics = ns.run(&format!("ethtool -S {interface}"))?.stdout;
    let counts = statistics.lines().filter_map(|line| {
        let (name, count) = line.trim().split_once(": ")?;
        let is_redirect = name.starts_with("rx_queue_") && name.ends_with("_xdp_redirect");
        is_redirect.then(|| count.parse::<u64>().ok()).flatten()
    });
    Ok(counts.sum())
}

#[test]
fn known_unicast_is_finished_by_xdp() -> Result<()> {
    let mut hosts = hosts()?;
    let status = hosts.b.netfwd()?.json("status")?;
    let text = serde_json_text(&status);
    ensure!(text.contains("xdp-native"), "{text}");
    ping(&hosts.c1.ns, hosts.c3.address, Ping::count(2))?.complete()?;
    let before = redirected(&hosts.b.ns, UNDERLAY)?;
    ping(&hosts.c1.ns, hosts.c3.address, Ping::count(100))?.complete()?;
    let after = redirected(&hosts.b.ns, UNDERLAY)?;
    ensure!(
        after - before >= 100,
        "XDP redirected {} of 100 echoes",
        after - before
    );
    let peer = hosts
        .b
        .netfwd()?
        .object("peer show", "address", "172.31.0.1")?;
    let counted = peer["rx_packets"].as_u64().context("rx_packets")?;
    ensure!(
        counted >= 102,
        "{counted} frames from the peer were counted"
    );
    Ok(())
}

fn serde_json_text(values: &[serde_json::Value]) -> String {
    values.iter().map(ToString::to_string).collect()
}

#[test]
fn every_container_is_reached() -> Result<()> {
    let hosts = hosts()?;
    for (from, to) in [
        (&hosts.c1, &hosts.c3),
        (&hosts.c2, &hosts.c4),
        (&hosts.c4, &hosts.c1),
    ] {
        ping(&from.ns, to.address, Ping::count(20))?.complete()?;
        let server = WhoAmI::start(&to.ns, to.address, 7)?;
        for _ in 0..20 {
            ensure!(ask_udp(&from.ns, server.address)?.ip() == from.address);
        }
    }
    Ok(())
}

#[test]
fn tcp_bulk_arrives_whole() -> Result<()> {
    let hosts = hosts()?;
    let transfer = tcp_bulk(&hosts.c3.ns, hosts.c3.address, &hosts.c1.ns, 50_000_000)?;
    println!(
        "TCP bulk by XDP on veth: {:.2} Gbit/s",
        transfer.rate() / 1e9
    );
    Ok(())
}

#[test]
fn broadcast_and_the_outside_are_left_to_tc() -> Result<()> {
    let hosts = hosts()?;
    // The neighbour is asked for by broadcast, the server is reached through the other uplink.
    ping(&hosts.c3.ns, hosts.c2.address, Ping::count(3))?.complete()?;
    ping(&hosts.c3.ns, tests::topology::OUTSIDE, Ping::count(10))?.complete()?;
    Ok(())
}

#[test]
fn off_means_off() -> Result<()> {
    let mut hosts = Options::both(Stack::Netfwd).xdp("off").start()?;
    let text = serde_json_text(&hosts.a.netfwd()?.json("status")?);
    ensure!(
        !text.contains("xdp-native") && !text.contains("xdp-generic"),
        "{text}"
    );
    ping(&hosts.c1.ns, hosts.c3.address, Ping::count(5))?.complete()?;
    ensure!(redirected(&hosts.b.ns, UNDERLAY)? == 0);
    Ok(())
}

#[test]
fn auto_leaves_a_veth_to_tc() -> Result<()> {
    let mut hosts = TwoHosts::new(Stack::Netfwd)?;
    let text = serde_json_text(&hosts.a.netfwd()?.json("status")?);
    ensure!(!text.contains("xdp-native"), "{text}");
    Ok(())
}

/// Frames that XDP redirects on host b while a container of host a pings another one there.
fn by_xdp(hosts: &TwoHosts, to: &Container) -> Result<u64> {
    let before = redirected(&hosts.b.ns, UNDERLAY)?;
    ping(&hosts.c1.ns, to.address, Ping::count(50))?.complete()?;
    Ok(redirected(&hosts.b.ns, UNDERLAY)? - before)
}

/// Pings until they go by XDP, or by TC: the daemon looks once a second, and frames that were redirected
/// to a receiver that takes none any more are lost until then.
fn goes_over(hosts: &TwoHosts, to: &Container, xdp: bool) -> Result<()> {
    eventually("the other way", TIMEOUT, || {
        sleep(Duration::from_millis(200));
        Ok(by_xdp(hosts, to).is_ok_and(|count| (count >= 45) == xdp))
    })
}

#[test]
fn a_container_may_switch_gro_on_and_off() -> Result<()> {
    let hosts = hosts()?;
    // The harness made this one's pair: its GRO is as the kernel leaves it.
    ping(&hosts.c1.ns, hosts.c4.address, Ping::count(3))?.complete()?;
    ensure!(by_xdp(&hosts, &hosts.c4)? == 0);
    offload(&hosts.c4.ns, "eth0", "gro on")?;
    goes_over(&hosts, &hosts.c4, true)?;
    offload(&hosts.c4.ns, "eth0", "gro off")?;
    goes_over(&hosts, &hosts.c4, false)?;
    ensure!(by_xdp(&hosts, &hosts.c4)? == 0);
    Ok(())
}

#[test]
fn gro_of_a_pair_that_netfwd_made_comes_back() -> Result<()> {
    let hosts = hosts()?;
    goes_over(&hosts, &hosts.c3, true)?;
    offload(&hosts.c3.ns, "eth0", "gro off")?;
    goes_over(&hosts, &hosts.c3, true)?;
    let features = hosts.c3.ns.run("ethtool -k eth0")?.stdout;
    ensure!(
        features.contains("generic-receive-offload: on"),
        "{features}"
    );
    Ok(())
}

#[test]
fn check_names_a_receiver_without_gro() -> Result<()> {
    let mut hosts = hosts()?;
    let instance = hosts.b.netfwd()?;
    let line = format!("-j check --config {}", instance.config_path().display());
    let found = instance.attempt(&line)?.stdout;
    ensure!(
        found.contains("takes no frames that XDP redirects"),
        "{found}"
    );
    offload(&hosts.c4.ns, "eth0", "gro on")?;
    let found = hosts.b.netfwd()?.attempt(&line)?.stdout;
    ensure!(
        !found.contains("takes no frames that XDP redirects"),
        "{found}"
    );
    Ok(())
}

/// Findings of `check` that are about tags which XDP does not see.
fn about_tags(hosts: &mut TwoHosts) -> Result<usize> {
    let instance = hosts.a.netfwd()?;
    let path = instance.config_path().display().to_string();
    let findings = instance.attempt(&format!("-j check --config {path}"))?;
    let findings: Vec<serde_json::Value> = serde_json::from_str(&findings.stdout)?;
    let text = |finding: &serde_json::Value| finding["finding"].to_string();
    Ok(findings
        .iter()
        .filter(|one| text(one).contains("802.1Q"))
        .count())
}

#[test]
fn check_tells_whose_tags_xdp_does_not_see() -> Result<()> {
    let mut hosts = hosts()?;
    ensure!(about_tags(&mut hosts)? == 2, "two uplinks take tags off");
    for uplink in ["up0", "up1"] {
        offload(&hosts.a.ns, uplink, "rxvlan off")?;
    }
    ensure!(about_tags(&mut hosts)? == 0, "they do no more");
    let mut off = Options::both(Stack::Netfwd).xdp("off").start()?;
    ensure!(about_tags(&mut off)? == 0, "TC sees them");
    Ok(())
}
