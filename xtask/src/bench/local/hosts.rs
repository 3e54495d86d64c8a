//! Hosts with two containers.

use anyhow::Result;

use crate::bench::frames::text;
use crate::bench::path::{ADDRESSES, MACS};
use crate::bench::subject::Subject;
use crate::bench::twin::Firewall;
use crate::run::netns::Netns;

/// Two containers plugged into a host: the host's ends are `p1` and `p2`.
pub struct Plugged {
    /// The host.
    pub host: Netns,
    /// The containers; their interface is `eth0`.
    pub containers: [Netns; 2],
}

impl Plugged {
    /// Makes them, with nothing that forwards yet.
    pub fn create(prefix: &str, label: &str) -> Result<Self> {
        let host = Netns::create(format!("{prefix}{label}h"))?;
        let containers = containers(prefix, label)?;
        for (port, container) in ["p1", "p2"].iter().zip(&containers) {
            let name = container.name();
            host.ip(&format!(
                "link add {port} type veth peer name eth0 netns {name}"
            ))?;
            host.ip(&format!("link set {port} up"))?;
        }
        give_addresses(&containers)?;
        Ok(Self { host, containers })
    }

    /// What is measured on it.
    pub fn subject(&self, name: &'static str) -> Subject {
        Subject::new(name, &[&self.host])
    }
}

/// Has the kernel bridge.
pub fn bridge(prefix: &str, label: &str, firewall: Firewall) -> Result<Plugged> {
    let plugged = Plugged::create(prefix, label)?;
    let host = &plugged.host;
    host.ip("link add br0 type bridge")?;
    host.ip("link set br0 up")?;
    firewall.set(host)?;
    for port in ["p1", "p2"] {
        host.ip(&format!("link set {port} master br0"))?;
    }
    Ok(plugged)
}

/// Two containers with nothing but a wire between them.
pub fn wire(prefix: &str) -> Result<[Netns; 2]> {
    let containers = containers(prefix, "w")?;
    let [near, far] = &containers;
    let name = far.name();
    near.ip(&format!(
        "link add eth0 type veth peer name eth0 netns {name}"
    ))?;
    give_addresses(&containers)?;
    Ok(containers)
}

fn containers(prefix: &str, label: &str) -> Result<[Netns; 2]> {
    let container = |number: u8| Netns::create(format!("{prefix}{label}{number}"));
    Ok([container(1)?, container(2)?])
}

fn give_addresses(containers: &[Netns; 2]) -> Result<()> {
    for ((container, mac), address) in containers.iter().zip(MACS).zip(ADDRESSES) {
        let mac = text(mac);
        container.ip(&format!("link set eth0 address {mac} up"))?;
        container.ip(&format!("address add {address}/24 dev eth0"))?;
    }
    Ok(())
}
