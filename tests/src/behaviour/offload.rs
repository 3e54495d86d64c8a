//! TCP bulk and UDP super-packets across hosts, with offloads on and off everywhere they matter.

use anyhow::{Context, Result};

use crate::{
    netns::Namespace,
    topology::{OUTSIDE, TwoHosts, UNDERLAY, UPLINK, offload},
    traffic::{tcp_bulk, udp_segments},
};

const BYTES: u64 = 10_000_000;

/// Everything as veth has it from the start.
pub fn defaults(hosts: &TwoHosts) -> Result<()> {
    carry(hosts)
}

/// Containers that segment for themselves.
pub fn no_segmentation_in_containers(hosts: &TwoHosts) -> Result<()> {
    containers(hosts, "tso off gso off tx-udp-segmentation off")?;
    carry(hosts)
}

/// Containers that compute their checksums.
pub fn no_checksums_in_containers(hosts: &TwoHosts) -> Result<()> {
    containers(hosts, "tx off")?;
    carry(hosts)
}

/// Uplinks that take no super-packets: the kernel segments what was encapsulated.
pub fn no_segmentation_on_uplinks(hosts: &TwoHosts) -> Result<()> {
    uplinks(
        hosts,
        "tso off gso off tx-udp-segmentation off tx-udp_tnl-segmentation off",
    )?;
    carry(hosts)
}

/// Uplinks that compute no checksums.
pub fn no_checksums_on_uplinks(hosts: &TwoHosts) -> Result<()> {
    uplinks(hosts, "tx off")?;
    carry(hosts)
}

/// GRO everywhere: super-packets also arise on the way.
pub fn gro_everywhere(hosts: &TwoHosts) -> Result<()> {
    containers(hosts, "gro on")?;
    uplinks(hosts, "gro on")?;
    carry(hosts)
}

/// GRO nowhere.
pub fn gro_nowhere(hosts: &TwoHosts) -> Result<()> {
    containers(hosts, "gro off")?;
    uplinks(hosts, "gro off")?;
    carry(hosts)
}

/// No offload at all.
pub fn nothing(hosts: &TwoHosts) -> Result<()> {
    let off = "tx off tso off gso off gro off";
    containers(hosts, off)?;
    uplinks(hosts, off)?;
    carry(hosts)
}

/// Sets offloads of every container.
pub(super) fn containers(hosts: &TwoHosts, settings: &str) -> Result<()> {
    let TwoHosts { c1, c2, c3, c4, .. } = hosts;
    [c1, c2, c3, c4]
        .iter()
        .try_for_each(|container| offload(&container.ns, "eth0", settings))
}

/// Sets offloads of every uplink.
pub(super) fn uplinks(hosts: &TwoHosts, settings: &str) -> Result<()> {
    for host in [&hosts.a, &hosts.b] {
        offload(&host.ns, UNDERLAY, settings)?;
        offload(&host.ns, UPLINK, settings)?;
    }
    Ok(())
}

/// TCP and UDP super-packets, both ways across hosts and out through masquerade.
fn carry(hosts: &TwoHosts) -> Result<()> {
    let (c1, c3) = (&hosts.c1, &hosts.c3);
    both(&c3.ns, c3.address, &c1.ns).context("c1 to c3")?;
    both(&c1.ns, c1.address, &c3.ns).context("c3 to c1")?;
    both(&hosts.outside, OUTSIDE, &hosts.c2.ns).context("c2 to the outside")
}

fn both(server: &Namespace, address: std::net::Ipv4Addr, client: &Namespace) -> Result<()> {
    tcp_bulk(server, address, client, BYTES).context("TCP")?;
    let datagrams = udp_segments(server, address, client, BYTES).context("UDP_SEGMENT")?;
    datagrams.complete().context("UDP_SEGMENT")?;
    Ok(())
}
