//! Checks of the overlay: reachability, what the underlay carries, and packets of the full MTU.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::netns::Netns;
use super::ping::{self, ping};
use super::process::{self, Background};
use super::topology::{Topology, addresses};

/// Outer packets to capture: three pings and their replies make as many.
const PACKETS: usize = 6;
/// ICMP payload of an IPv4 packet of 1450 octets, the MTU that VXLAN leaves of 1500.
const FULL_PAYLOAD: u32 = 1450 - 20 - 8;

/// Container to container on each host.
pub fn same_host(lab: &Topology) -> Result<String> {
    let [c1, _, c3, _] = &lab.containers;
    let [_, second, _, fourth] = addresses::CONTAINERS;
    let on_a = ping(c1, second, "-c 20 -i 0.01")?
        .lossless()
        .context("on host a")?;
    ping(c3, fourth, "-c 20 -i 0.01")?
        .lossless()
        .context("on host b")?;
    Ok(on_a.to_string())
}

/// Container to container across hosts, every pair.
pub fn across_hosts(lab: &Topology) -> Result<String> {
    let [c1, c2, ..] = &lab.containers;
    let [.., third, fourth] = addresses::CONTAINERS;
    let first = ping(c1, third, "-c 20 -i 0.01")?
        .lossless()
        .context("c1 to c3")?;
    for (from, to, names) in [(c1, fourth, "c1 to c4"), (c2, third, "c2 to c3")] {
        ping(from, to, "-c 5 -i 0.01")?.lossless().context(names)?;
    }
    ping(c2, fourth, "-c 5 -i 0.01")?
        .lossless()
        .context("c2 to c4")?;
    Ok(first.to_string())
}

/// What the underlay carries while containers on different hosts talk, as tcpdump reads it.
pub fn on_the_wire(lab: &Topology) -> Result<String> {
    let mut tcpdump = lab.hosts.a.command("tcpdump");
    tcpdump.args(["-i", "eth0", "-nn", "-t", "-l", "--immediate-mode", "-c"]);
    tcpdump.args([&PACKETS.to_string(), "ip"]);
    let mut capture = Background::start(&mut tcpdump)?;
    capture.wait_for("listening on", Duration::from_secs(5))?;
    ping(&lab.containers[0], addresses::CONTAINERS[2], "-c 3 -i 0.01")?.lossless()?;
    read_capture(&capture.join(Duration::from_secs(5))?)
}

/// Every outer packet must be VXLAN of the network's VNI between the VTEPs.
fn read_capture(lines: &[String]) -> Result<String> {
    let vxlan = |line: &&String| line.contains(".4789: VXLAN, flags [I] (0x08), vni 200");
    let outer = lines.iter().filter(vxlan).count();
    let first = lines
        .iter()
        .find(vxlan)
        .context("no VXLAN with VNI 200 in the capture")?;
    let inner = lines
        .iter()
        .find(|line| line.starts_with("IP 10.0.3."))
        .context("no inner packet")?;
    ensure!(
        outer == PACKETS,
        "only {outer} of {PACKETS} packets are VXLAN: {}",
        lines.join(" / ")
    );
    let inner = inner.split(", id").next().unwrap_or(inner);
    Ok(format!(
        "VXLAN, all {PACKETS} packets captured\n{first}\n  {inner}"
    ))
}

/// Packets of the full MTU that must not be fragmented arrive; one octet more never leaves.
pub fn full_mtu(lab: &Topology) -> Result<String> {
    let c1 = &lab.containers[0];
    let to = addresses::CONTAINERS[2];
    let full = ping(c1, to, &format!("-c 10 -i 0.01 -M do -s {FULL_PAYLOAD}"))?.lossless()?;
    let refusal = refused(c1, &format!("-c 1 -M do -s {}", FULL_PAYLOAD + 1))?;
    Ok(format!("{full}\n1450 octets pass; 1451: {refusal}"))
}

fn refused(from: &Netns, options: &str) -> Result<String> {
    let mut command = ping::command(from, addresses::CONTAINERS[2], options);
    let done = process::finish(&mut command, Duration::from_secs(5))?;
    let words = format!("{}\n{}", done.stdout, done.stderr);
    let line = words.lines().find(|line| line.contains("essage too long"));
    let line = line.context("a packet of 1451 octets was not refused by the container's stack")?;
    Ok(line.trim_start_matches("ping: ").to_owned())
}
