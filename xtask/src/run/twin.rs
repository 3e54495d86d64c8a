//! The kernel's own way to build the lab's overlay, bridge and vxlan, to measure netfwd against.

use std::fs;

use anyhow::{Context as _, Result};

use super::netns::Netns;
use super::topology::{Hosts, addresses};

/// Two hosts with one container each, joined by bridge and vxlan.
pub struct Twin {
    _hosts: Hosts,
    /// The counterparts of c1 and c3.
    pub containers: [Netns; 2],
}

impl Twin {
    /// Makes it.
    pub fn create(prefix: &str) -> Result<Self> {
        let hosts = Hosts::create(prefix, ["ka", "kb"])?;
        let container = |name| Netns::create(format!("{prefix}{name}"));
        let containers = [container("k1")?, container("k3")?];
        let [local, remote] = addresses::UNDERLAY.map(|address| address.to_string());
        let [first, _, third, _] = addresses::CONTAINERS.map(|address| address.to_string());
        overlay(&hosts.a, &local, &remote)?;
        overlay(&hosts.b, &remote, &local)?;
        attach(&hosts.a, &containers[0], &first)?;
        attach(&hosts.b, &containers[1], &third)?;
        Ok(Self {
            _hosts: hosts,
            containers,
        })
    }
}

/// Bridge and vxlan of one host, as a person would build them.
fn overlay(host: &Netns, local: &str, remote: &str) -> Result<()> {
    host.ip("link add lxcbr0 mtu 1450 type bridge")?;
    host.ip("address add 10.0.3.1/24 dev lxcbr0")?;
    host.ip(&format!(
        "link add vxlan200 mtu 1450 type vxlan id 200 local {local} remote {remote} dstport 4789"
    ))?;
    host.ip("link set vxlan200 master lxcbr0 up")?;
    host.ip("link set lxcbr0 up")?;
    host.enter(spare_the_firewall)
}

/// Bridged frames skip the firewall: the kernel's faster setting, so that the comparison is fair.
pub fn spare_the_firewall() -> Result<()> {
    for table in ["iptables", "ip6tables", "arptables"] {
        let file = format!("/proc/sys/net/bridge/bridge-nf-call-{table}");
        if fs::exists(&file)? {
            fs::write(&file, "0").with_context(|| file.clone())?;
        }
    }
    Ok(())
}

fn attach(host: &Netns, container: &Netns, address: &str) -> Result<()> {
    host.ip(&format!(
        "link add port mtu 1450 type veth peer name eth0 mtu 1450 netns {}",
        container.name()
    ))?;
    host.ip("link set port master lxcbr0 up")?;
    container.ip(&format!("address add {address}/24 dev eth0"))?;
    container.ip("link set eth0 up")?;
    container.ip("route add default via 10.0.3.1")
}
