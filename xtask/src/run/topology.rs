//! The lab's hosts, containers and outside server, and the wires between them.

use anyhow::Result;

use super::netns::Netns;

/// Addresses of the lab; the examples' configuration files use the same.
pub mod addresses {
    use std::net::Ipv4Addr;

    /// Underlay addresses of the hosts, a and b.
    pub const UNDERLAY: [Ipv4Addr; 2] = [
        Ipv4Addr::new(172, 31, 0, 106),
        Ipv4Addr::new(172, 31, 0, 107),
    ];
    /// Outside addresses of the hosts, a and b.
    pub const OUTSIDE: [Ipv4Addr; 2] = [
        Ipv4Addr::new(192, 168, 99, 1),
        Ipv4Addr::new(192, 168, 99, 2),
    ];
    /// The outside server.
    pub const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 99, 100);
    /// Containers c1 to c4.
    pub const CONTAINERS: [Ipv4Addr; 4] = [
        Ipv4Addr::new(10, 0, 3, 11),
        Ipv4Addr::new(10, 0, 3, 12),
        Ipv4Addr::new(10, 0, 3, 13),
        Ipv4Addr::new(10, 0, 3, 14),
    ];
}

/// Two hosts that an underlay joins, eth0 to eth0.
pub struct Hosts {
    /// Host a.
    pub a: Netns,
    /// Host b.
    pub b: Netns,
}

impl Hosts {
    /// Makes them; their names are the prefix and these.
    pub fn create(prefix: &str, [a, b]: [&str; 2]) -> Result<Self> {
        let a = Netns::create(format!("{prefix}{a}"))?;
        let b = Netns::create(format!("{prefix}{b}"))?;
        a.ip(&format!(
            "link add eth0 type veth peer name eth0 netns {}",
            b.name()
        ))?;
        for (host, address) in [&a, &b].into_iter().zip(addresses::UNDERLAY) {
            host.ip(&format!("address add {address}/24 dev eth0"))?;
            host.ip("link set eth0 up")?;
        }
        Ok(Self { a, b })
    }
}

/// Everything that netfwd finds when it starts: hosts with their uplinks, containers that have no
/// interface yet, and the outside server.
pub struct Topology {
    /// The hosts.
    pub hosts: Hosts,
    /// Containers c1, c2 (on a), c3, c4 (on b).
    pub containers: [Netns; 4],
    /// The server outside.
    pub server: Netns,
}

impl Topology {
    /// Makes it.
    pub fn create(prefix: &str) -> Result<Self> {
        let container = |name| Netns::create(format!("{prefix}{name}"));
        let topology = Self {
            hosts: Hosts::create(prefix, ["a", "b"])?,
            containers: [
                container("c1")?,
                container("c2")?,
                container("c3")?,
                container("c4")?,
            ],
            server: Netns::create(format!("{prefix}server"))?,
        };
        topology.wire_outside()?;
        Ok(topology)
    }

    /// The second uplinks: eth1 of both hosts on a bridge that stands in the server's namespace.
    fn wire_outside(&self) -> Result<()> {
        let server = &self.server;
        server.ip("link add eth0 type bridge")?;
        server.ip(&format!("address add {}/24 dev eth0", addresses::SERVER))?;
        server.ip("link set eth0 up")?;
        let hosts = [&self.hosts.a, &self.hosts.b].into_iter().zip(["a", "b"]);
        for ((host, name), address) in hosts.zip(addresses::OUTSIDE) {
            host.ip(&format!(
                "link add eth1 type veth peer name to-{name} netns {}",
                server.name()
            ))?;
            server.ip(&format!("link set to-{name} master eth0 up"))?;
            host.ip(&format!("address add {address}/24 dev eth1"))?;
            host.ip("link set eth1 up")?;
        }
        Ok(())
    }
}
