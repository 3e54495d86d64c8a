//! Hosts and containers.

use std::net::Ipv4Addr;

use anyhow::{Context, Result};

use super::{Config, GATEWAY, Instance, MTU, Options, Stack, twin, wiring::veth};
use crate::{netns::Namespace, packet::Mac, process};

/// A container: a namespace with `eth0` on the network and a default route to its gateway.
#[derive(Clone, Debug)]
pub struct Container {
    /// Its namespace.
    pub ns: Namespace,
    /// Its number; the last octet of address and MAC is 10 more.
    pub number: u8,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its MAC.
    pub mac: Mac,
}

impl Container {
    pub(super) fn new(number: u8) -> Result<Self> {
        let last = 10 + number;
        Ok(Self {
            ns: Namespace::new(&format!("c{number}"))?,
            number,
            address: Ipv4Addr::new(10, 0, 3, last),
            mac: [0x02, 0, 0, 0, 0, last],
        })
    }

    /// Its MAC as commands write it.
    pub fn mac_text(&self) -> String {
        self.mac.map(|octet| format!("{octet:02x}")).join(":")
    }

    /// The host's end of its veth pair, where the harness makes it.
    pub fn host_end(&self) -> String {
        format!("veth-c{}", self.number)
    }

    /// Makes the veth pair and sets up `eth0`, as a container runtime would.
    pub(super) fn plug(&self, host: &Namespace) -> Result<()> {
        veth(host, &self.host_end(), &self.ns, "eth0")?;
        host.ip(&format!("link set {} mtu {MTU}", self.host_end()))?;
        let (mac, address) = (self.mac_text(), self.address);
        self.ns.ip(&format!(
            "link set eth0 address {mac} mtu {MTU}
             addr add {address}/24 dev eth0
             route add default via {GATEWAY}"
        ))
    }
}

/// A listener on a host and what it is forwarded to.
#[derive(Clone, Copy, Debug)]
pub struct Publish {
    /// `tcp` or `udp`.
    pub proto: &'static str,
    /// The host's l4 port.
    pub listen: u16,
    /// The container's address.
    pub address: Ipv4Addr,
    /// The container's l4 port.
    pub port: u16,
}

impl Publish {
    /// A TCP listener for the container with this last octet.
    pub fn tcp(listen: u16, last: u8, port: u16) -> Self {
        Self {
            proto: "tcp",
            listen,
            address: Ipv4Addr::new(10, 0, 3, last),
            port,
        }
    }

    /// A UDP listener for the container with this last octet.
    pub fn udp(listen: u16, last: u8, port: u16) -> Self {
        Self {
            proto: "udp",
            ..Self::tcp(listen, last, port)
        }
    }
}

#[derive(Debug)]
enum Job {
    Netfwd(Box<Instance>),
    Kernel,
}

/// A host of the topology.
#[derive(Debug)]
pub struct Host {
    job: Job,
    /// Its namespace.
    pub ns: Namespace,
    /// Its number: the last octet of its addresses.
    pub number: u8,
    /// Its VTEP.
    pub vtep: Ipv4Addr,
    /// Its address outside, which masquerade translates to.
    pub address: Ipv4Addr,
}

impl Host {
    pub(super) fn start(
        number: u8,
        ns: Namespace,
        containers: [&Container; 2],
        options: &Options,
    ) -> Result<Self> {
        let job = match options.stacks[usize::from(number) - 1] {
            Stack::Kernel => {
                twin::start(number, &ns, containers, options)?;
                Job::Kernel
            }
            Stack::Netfwd => Job::Netfwd(Box::new(netfwd(number, &ns, containers, options)?)),
        };
        Ok(Self {
            job,
            ns,
            number,
            vtep: Ipv4Addr::new(172, 31, 0, number),
            address: Ipv4Addr::new(192, 168, 99, number),
        })
    }

    /// What does the job here.
    pub fn stack(&self) -> Stack {
        match self.job {
            Job::Netfwd(_) => Stack::Netfwd,
            Job::Kernel => Stack::Kernel,
        }
    }

    /// The netfwd that runs here; an error on a kernel twin.
    pub fn netfwd(&mut self) -> Result<&mut Instance> {
        match &mut self.job {
            Job::Netfwd(instance) => Ok(instance),
            Job::Kernel => anyhow::bail!("host {} runs the kernel twin", self.number),
        }
    }

    /// Sets offloads of an interface: `offload("up0", "tso off gso off")`.
    pub fn offload(&self, interface: &str, settings: &str) -> Result<()> {
        offload(&self.ns, interface, settings)
    }
}

/// Sets offloads of an interface in a namespace.
pub fn offload(ns: &Namespace, interface: &str, settings: &str) -> Result<()> {
    ns.run(&format!("ethtool -K {interface} {settings}"))?;
    Ok(())
}

fn netfwd(
    number: u8,
    ns: &Namespace,
    containers: [&Container; 2],
    options: &Options,
) -> Result<Instance> {
    let [_, given] = containers;
    given.plug(ns)?;
    let config = Config::of_host(number, ns, containers, options);
    let mut instance = Instance::new(ns, &config.to_string())?;
    instance.start().context("netfwd does not start")?;
    process::eventually("eth0 of the made port", process::TIMEOUT, || {
        Ok(containers[0]
            .ns
            .interfaces()?
            .iter()
            .any(|name| name == "eth0"))
    })?;
    Ok(instance)
}
