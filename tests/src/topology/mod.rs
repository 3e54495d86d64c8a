//! The topology of the main job: two hosts, joined by an underlay, with two containers each, and a
//! server outside behind a second uplink of both.
//!
//! ```text
//!            c1      c2                        c3      c4
//!             \      /                          \      /
//!   .11, .12   host a  up0 ── 172.31.0.0/24 ── up0  host b   .13, .14   of 10.0.3.0/24
//!                 up1 ─────┐               ┌───── up1
//!                          outside, 192.168.99.0/24
//! ```
//!
//! Each host does the job with netfwd or with the kernel's own bridge, vxlan and nft, its **kernel
//! twin**, behind one interface: a test of behaviour runs on both.

mod host;
mod netfwd;
mod twin;
mod wiring;

use std::net::Ipv4Addr;

use anyhow::Result;

pub use host::{Container, Host, Publish, offload};
pub use netfwd::{Config, Instance};
pub use wiring::veth;

use crate::{netns::Namespace, packet::Mac};

/// The network's VNI.
pub const VNI: u32 = 200;
/// The network's name.
pub const NETWORK: &str = "blue";
/// The gateway device, and the twin's bridge.
pub const GATEWAY_DEVICE: &str = "gw-blue";
/// The gateway's address, the same on both hosts.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 3, 1);
/// The gateway's MAC, the same on both hosts.
pub const GATEWAY_MAC: Mac = [0x02, 0, 0, 0, 0x03, 0x01];
/// The server's address outside.
pub const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 168, 99, 100);
/// The uplink that faces the underlay.
pub const UNDERLAY: &str = "up0";
/// The uplink that faces the outside.
pub const UPLINK: &str = "up1";
/// The largest IP packet on the network: the underlay's MTU less the encapsulation.
pub const MTU: usize = 1450;

/// What does the job on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    /// netfwd.
    Netfwd,
    /// The kernel's bridge, vxlan and nft.
    Kernel,
}

/// How a topology differs from the usual one.
#[derive(Clone, Debug)]
pub struct Options {
    /// What does the job on host a and on host b.
    pub stacks: [Stack; 2],
    /// `xdp` of netfwd's configuration.
    pub xdp: &'static str,
    /// Listeners on host a; their containers are there too.
    pub publishes: Vec<Publish>,
    /// Further lines of netfwd's configuration, in the network's table.
    pub network_lines: String,
    /// Lines of netfwd's configuration that stand in front of the network's table.
    pub host_lines: String,
    /// What joins the hosts.
    pub underlay: Underlay,
}

/// What joins the hosts.
#[derive(Clone, Copy, Debug)]
pub enum Underlay {
    /// A wire with this MTU.
    Wire(u32),
    /// A router, with this MTU on the wire that it has to host b.
    Router(u32),
}

impl Options {
    /// Both hosts the same.
    pub fn both(stack: Stack) -> Self {
        Self::mixed(stack, stack)
    }

    /// A stack for each host.
    pub fn mixed(a: Stack, b: Stack) -> Self {
        Self {
            stacks: [a, b],
            xdp: "auto",
            publishes: vec![Publish::tcp(8080, 11, 80), Publish::udp(5353, 11, 53)],
            network_lines: String::new(),
            host_lines: String::new(),
            underlay: Underlay::Wire(1500),
        }
    }

    /// Sets what joins the hosts.
    #[must_use]
    pub fn over(mut self, underlay: Underlay) -> Self {
        self.underlay = underlay;
        self
    }

    /// Adds lines in front of the network's table, such as those of a table `vxlan`.
    #[must_use]
    pub fn host(mut self, lines: &str) -> Self {
        self.host_lines.push_str(lines);
        self.host_lines.push('\n');
        self
    }

    /// Sets `xdp`.
    #[must_use]
    pub fn xdp(mut self, mode: &'static str) -> Self {
        self.xdp = mode;
        self
    }

    /// Adds a line to the network's table.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.network_lines.push_str(line);
        self.network_lines.push('\n');
        self
    }

    /// Builds and starts it.
    pub fn start(self) -> Result<TwoHosts> {
        TwoHosts::start(&self)
    }
}

/// Two hosts with their containers, and the outside.
#[derive(Debug)]
pub struct TwoHosts {
    /// The host of `c1` and `c2`.
    pub a: Host,
    /// The host of `c3` and `c4`.
    pub b: Host,
    /// On host a; netfwd makes its veth pair.
    pub c1: Container,
    /// On host a; its veth pair exists before netfwd starts.
    pub c2: Container,
    /// On host b; netfwd makes its veth pair.
    pub c3: Container,
    /// On host b; its veth pair exists before netfwd starts.
    pub c4: Container,
    /// The server outside.
    pub outside: Namespace,
    /// The router between the hosts, where there is one.
    pub router: Option<Namespace>,
}

impl TwoHosts {
    /// The usual topology with one stack on both hosts.
    pub fn new(stack: Stack) -> Result<Self> {
        Options::both(stack).start()
    }

    fn start(options: &Options) -> Result<Self> {
        let outside = Namespace::new("out")?;
        let a = Namespace::new("a")?;
        let b = Namespace::new("b")?;
        let router = wiring::underlay(&a, &b, options.underlay)?;
        wiring::outside(&outside, &[&a, &b])?;
        let [c1, c2, c3, c4] = containers()?;
        Ok(Self {
            a: Host::start(1, a, [&c1, &c2], options)?,
            b: Host::start(2, b, [&c3, &c4], options)?,
            c1,
            c2,
            c3,
            c4,
            outside,
            router,
        })
    }
}

fn containers() -> Result<[Container; 4]> {
    Ok([
        Container::new(1)?,
        Container::new(2)?,
        Container::new(3)?,
        Container::new(4)?,
    ])
}
