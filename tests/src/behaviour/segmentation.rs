//! Segmentation across hosts: with tunnel segmentation on the underlay on and off, with checksums that
//! containers leave to be filled in and with such that they compute, and whether what was sent
//! together arrives together.

use anyhow::{Context as _, Result, ensure};

use super::offload::{containers, uplinks};
use crate::{
    netns::Namespace,
    topology::{Container, TwoHosts},
    traffic::{Datagrams, tcp_bulk, udp_gro, udp_segments},
};

const BYTES: u64 = 20_000_000;
/// Octets of payload of a full packet, about.
const SEGMENT: u64 = 1400;
/// Packets that arrive in one at least, on average, where they arrive together.
const TOGETHER: u64 = 4;

/// Segmentation of tunnel packets by the underlay's interfaces.
fn tunnel_segmentation(hosts: &TwoHosts, state: &str) -> Result<()> {
    uplinks(
        hosts,
        &format!("tx-udp_tnl-segmentation {state} tx-udp_tnl-csum-segmentation {state}"),
    )
}

/// Everything arrives whole with each setting of both, both ways.
pub fn every_setting(hosts: &TwoHosts) -> Result<()> {
    for tunnel in ["on", "off"] {
        tunnel_segmentation(hosts, tunnel)?;
        for checksums in ["on", "off"] {
            containers(hosts, &format!("tx {checksums}"))?;
            for (from, to) in [(&hosts.c1, &hosts.c3), (&hosts.c4, &hosts.c2)] {
                carry(from, to).with_context(|| {
                    format!("tunnel segmentation {tunnel}, container checksums {checksums}")
                })?;
            }
        }
    }
    Ok(())
}

fn carry(from: &Container, to: &Container) -> Result<()> {
    tcp_bulk(&to.ns, to.address, &from.ns, BYTES).context("TCP")?;
    let datagrams = udp_segments(&to.ns, to.address, &from.ns, BYTES / 2);
    datagrams.context("UDP_SEGMENT")?.complete()?;
    Ok(())
}

/// Packets that an interface has received.
fn received(ns: &Namespace) -> Result<u64> {
    let output = ns.run("ip -j -s link show eth0")?;
    let links: Vec<serde_json::Value> = serde_json::from_str(&output.stdout)?;
    let packets = &links[0]["stats64"]["rx"]["packets"];
    packets.as_u64().context("a count of packets")
}

/// TCP segments arrive together, both ways.
fn tcp_together(hosts: &TwoHosts) -> Result<()> {
    for (from, to) in [(&hosts.c1, &hosts.c3), (&hosts.c3, &hosts.c1)] {
        let before = received(&to.ns)?;
        tcp_bulk(&to.ns, to.address, &from.ns, BYTES)?;
        let packets = received(&to.ns)? - before;
        let most = BYTES / SEGMENT / TOGETHER;
        let number = to.number;
        ensure!(
            packets < most,
            "{packets} packets at c{number}, not below {most}"
        );
        println!("c{number}: {} octets a packet", BYTES / packets);
    }
    Ok(())
}

/// TCP's super-packets cross whole where the underlay takes tunnel packets of any size.
pub fn tcp_stays_together(hosts: &TwoHosts) -> Result<()> {
    tcp_together(hosts)
}

/// Where the underlay carries segments, GRO of the receiving uplink puts them together again. A veth
/// does GRO only where its other end does no TSO (drivers/net/veth.c, `veth_skb_is_eligible_for_gro`).
pub fn tcp_comes_together(hosts: &TwoHosts) -> Result<()> {
    tunnel_segmentation(hosts, "off")?;
    uplinks(hosts, "tso off gro on")?;
    tcp_together(hosts)
}

/// A UDP super-packet arrives whole at a socket that takes it so.
pub fn udp_stays_together(hosts: &TwoHosts) -> Result<()> {
    for (from, to) in [(&hosts.c1, &hosts.c3), (&hosts.c3, &hosts.c1)] {
        let Datagrams {
            datagrams, reads, ..
        } = udp_gro(&to.ns, to.address, &from.ns, BYTES)?.complete()?;
        let number = to.number;
        ensure!(
            reads * TOGETHER < datagrams,
            "{reads} reads for {datagrams} datagrams at c{number}"
        );
        println!("c{number}: {} datagrams a read", datagrams / reads);
    }
    Ok(())
}
