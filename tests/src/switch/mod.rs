//! One switch, on netfwd or on its kernel twin, with a raw socket behind each port.
//!
//! ```text
//!   containers   e1   e2   e3  …  eN       one namespace, without addresses
//!                 │    │    │      │
//!   host         p1   p2   p3  …  pN       netfwd's ports, or a bridge's
//! ```
//!
//! The containers' ends share a namespace, so that one socket sees all that arrives and 1,000 ports
//! cost no 1,000 namespaces. Nothing else speaks on these wires: what arrives beyond what a test
//! expects is an error.
//!
//! ```no_run
//! use tests::{packet::BROADCAST, switch::{Layout, Make, frame, station}};
//!
//! # fn main() -> anyhow::Result<()> {
//! let switch = Layout::ports(3).start(Make::Netfwd)?;
//! switch.expect(1, &frame(BROADCAST, station(1)), &[2, 3])?;
//! switch.expect(2, &frame(station(1), station(2)), &[1])?;
//! # Ok(())
//! # }
//! ```

mod bridge;
mod expect;
mod layout;
mod limit;
pub mod model;
mod netfwd;
mod overlay;
mod ovs;
mod wire;

use std::{
    collections::BTreeMap,
    fmt::Write,
    net::Ipv4Addr,
    sync::atomic::{AtomicU16, Ordering},
};

use anyhow::{Result, bail};

pub use layout::{Layout, Network, NetworkOption, PortOption};
pub use model::{Model, Sent};
pub use wire::{Arrival, Wire};

use overlay::Overlay;
use ovs::Ovs;

use crate::{
    netns::Namespace,
    packet::{Ipv4, Mac, ether_type, ethernet},
    topology::{GATEWAY_DEVICE, Instance},
};

/// The number that stands for the other host behind the overlay, where there is one.
pub const PEER: usize = 0;

/// MAC of the host's own stack on the switch.
const HOST_MAC: Mac = [0x02, 0, 0, 0, 0xbb, 0];

static MARK: AtomicU16 = AtomicU16::new(0);

/// What does a switch's job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    /// netfwd.
    Netfwd,
    /// The kernel's bridge.
    Bridge,
    /// Open vSwitch.
    OpenVswitch,
}

/// What runs for a switch.
#[derive(Debug)]
enum Job {
    Netfwd(Box<Instance>),
    Bridge,
    OpenVswitch(Box<Ovs>),
}

/// What an FDB entry that was given may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// Age or move.
    Static,
    /// Move.
    Sticky,
}

/// A running switch.
#[derive(Debug)]
pub struct Switch {
    /// What does the job.
    pub make: Make,
    /// The host's namespace, with the ports `p1`, `p2`, ….
    pub host: Namespace,
    /// The containers' namespace, with their interfaces `e1`, `e2`, ….
    pub containers: Namespace,
    wire: Wire,
    overlay: Option<Overlay>,
    job: Job,
    ports: usize,
}

impl Switch {
    pub(super) fn start(layout: &Layout, make: Make) -> Result<Self> {
        let host = silent("sw")?;
        let containers = silent("cs")?;
        plug(&host, &containers, layout.ports)?;
        let overlay = if layout.has(&NetworkOption::Overlay) {
            Some(Overlay::new(&host)?)
        } else {
            None
        };
        let job = match make {
            Make::Netfwd => Job::Netfwd(Box::new(netfwd::start(&host, layout)?)),
            Make::Bridge => bridge::start(&host, layout).map(|()| Job::Bridge)?,
            Make::OpenVswitch => Job::OpenVswitch(Box::new(Ovs::start(&host, layout)?)),
        };
        let wire = Wire::open(&containers, layout.ports)?;
        Ok(Self {
            make,
            host,
            containers,
            wire,
            overlay,
            job,
            ports: layout.ports,
        })
    }

    /// The netfwd that runs here; an error on another switch.
    pub fn netfwd(&mut self) -> Result<&mut Instance> {
        match &mut self.job {
            Job::Netfwd(instance) => Ok(instance),
            _ => bail!("this switch is no netfwd"),
        }
    }

    /// Plugs the container's end of a port into another switch, an Open vSwitch, as a port of its own.
    pub fn link(&self, port: usize, other: &Self, options: &[PortOption]) -> Result<()> {
        let Job::OpenVswitch(ovs) = &other.job else {
            bail!("the other switch must be an Open vSwitch");
        };
        let (interface, there) = (container_end(port), other.host.name());
        self.containers
            .ip(&format!("link set {interface} netns {there}"))?;
        other.host.ip(&format!("link set {interface} up"))?;
        ovs.add(&interface, options)
    }

    /// Moves the container's end of a port to a namespace of its own, where it is `eth0` with an address;
    /// the switch's socket sees it no more.
    pub fn part(&self, port: usize, address: Ipv4Addr) -> Result<Namespace> {
        let namespace = silent(&format!("c{port}"))?;
        let (interface, there) = (container_end(port), namespace.name());
        self.containers
            .ip(&format!("link set {interface} netns {there} name eth0"))?;
        namespace.ip(&format!("link set eth0 up\naddr add {address}/24 dev eth0"))?;
        Ok(namespace)
    }

    /// Frames from a port that netfwd dropped for this reason.
    pub fn drops(&mut self, port: usize, reason: &str) -> Result<u64> {
        let name = host_end(port);
        let rows = self.netfwd()?.json("stats")?;
        let dropped = rows
            .iter()
            .filter(|row| row["reason"] == reason && row["name"] == *name);
        Ok(dropped.filter_map(|row| row["value"].as_u64()).sum())
    }

    /// The host's own interface in the first network, where it has one.
    pub fn gateway_device(&self) -> &'static str {
        match self.make {
            Make::Netfwd => GATEWAY_DEVICE,
            Make::Bridge => "br0",
            Make::OpenVswitch => "ovs0",
        }
    }

    /// The socket behind the ports.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Every port but these.
    pub fn all_but(&self, ports: &[usize]) -> Vec<usize> {
        (1..=self.ports)
            .filter(|port| !ports.contains(port))
            .collect()
    }

    /// Adds an FDB entry by command.
    pub fn pin(&self, mac: Mac, port: usize, pin: Pin) -> Result<()> {
        let mac = text(mac);
        match &self.job {
            Job::Netfwd(instance) => netfwd::pin(instance, &mac, port, pin),
            Job::Bridge => bridge::pin(&self.host, &mac, port, pin),
            Job::OpenVswitch(_) => bail!("no test asks this of Open vSwitch"),
        }
    }

    /// Stations that the FDB has behind ports.
    pub fn stations(&self) -> Result<BTreeMap<Mac, usize>> {
        match &self.job {
            Job::Netfwd(instance) => netfwd::stations(instance),
            Job::Bridge => bridge::stations(&self.host),
            Job::OpenVswitch(_) => bail!("no test asks this of Open vSwitch"),
        }
    }
}

/// A MAC as commands write it.
fn text(mac: Mac) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}

/// A station that a test makes up; its number is the last octets of its MAC.
pub fn station(number: u16) -> Mac {
    let [high, low] = number.to_be_bytes();
    [0x02, 0, 0, 0xaa, high, low]
}

/// A frame unlike every other one of this process.
pub fn frame(dst: Mac, src: Mac) -> Vec<u8> {
    let mark = MARK.fetch_add(1, Ordering::Relaxed);
    let ip = Ipv4::new("10.9.0.1", "10.9.0.2").udp(9, mark, b"a frame that is looked for");
    ethernet(dst, src, ether_type::IPV4, &ip)
}

/// A namespace in which no interface speaks of its own accord: IPv6 would solicit and report.
fn silent(label: &str) -> Result<Namespace> {
    let namespace = Namespace::new(label)?;
    namespace.sysctl("net/ipv6/conf/default/disable_ipv6", "1")?;
    Ok(namespace)
}

/// A veth pair for each port, in two batches.
fn plug(host: &Namespace, containers: &Namespace, ports: usize) -> Result<()> {
    let (mut here, mut there) = (String::new(), String::new());
    for port in 1..=ports {
        let (near, far, containers) = (host_end(port), container_end(port), containers.name());
        // Writing to a string cannot fail.
        let _ = writeln!(
            here,
            "link add {near} type veth peer name {far} netns {containers}\nlink set {near} up"
        );
        let _ = writeln!(there, "link set {far} up");
    }
    host.ip(&here)?;
    containers.ip(&there)
}

fn host_end(port: usize) -> String {
    format!("p{port}")
}

fn container_end(port: usize) -> String {
    format!("e{port}")
}

/// The port with this host's end.
fn number(host_end: &str) -> Option<usize> {
    host_end.strip_prefix('p')?.parse().ok()
}
