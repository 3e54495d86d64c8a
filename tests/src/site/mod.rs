//! A site: containers behind one host, and the outside behind its uplink.
//!
//! ```text
//!   c1 .11   c2 .12   of 10.0.3.0/24 and fd00:3::/64          g1 .11 of 10.0.4.0/24, where asked for
//!      \      /                                              /
//!       lxcbr0            host            lxcbr1 ───────────
//!                          up0 .1
//!                           │ 192.168.99.0/24, fd00:99::/64
//!                        outside .100, .101: a server, and the way to what is farther
//!                           │ 198.51.100.0/24, fd00:100::/64, with a smaller MTU
//!                          far .10
//! ```
//!
//! The host translates with netfwd, or with the kernel's own bridge, forwarding and nftables, its twin.

mod plan;
mod twin;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result};

pub use plan::Plan;

use crate::{
    netns::Namespace,
    topology::{Instance, Stack, veth},
};

/// The uplink.
pub const UPLINK: &str = "up0";
/// The gateway device of the containers' network, and the twin's bridge.
pub const GATEWAY_DEVICE: &str = "lxcbr0";
/// The largest packet that the link to `far` takes.
pub const FAR_MTU: usize = 1400;

/// An address of each family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Of IPv4.
    pub v4: Ipv4Addr,
    /// Of IPv6.
    pub v6: Ipv6Addr,
}

impl Pair {
    const fn new(v4: [u8; 4], prefix: u16, last: u16) -> Self {
        let [a, b, c, d] = v4;
        Self {
            v4: Ipv4Addr::new(a, b, c, d),
            v6: Ipv6Addr::new(0xfd00, prefix, 0, 0, 0, 0, 0, last),
        }
    }

    /// That of a family.
    pub fn of(self, family: Family) -> IpAddr {
        match family {
            Family::V4 => self.v4.into(),
            Family::V6 => self.v6.into(),
        }
    }
}

/// The host's addresses outside, which masquerade translates to.
pub const HOST: Pair = Pair::new([192, 168, 99, 1], 0x99, 1);
/// The gateway's.
pub const GATEWAY: Pair = Pair::new([10, 0, 3, 1], 3, 1);
/// The outside's.
pub const OUTSIDE: Pair = Pair::new([192, 168, 99, 100], 0x99, 0x100);
/// The outside's others.
pub const OUTSIDE_TOO: Pair = Pair::new([192, 168, 99, 101], 0x99, 0x101);
/// Those of what is farther.
pub const FAR: Pair = Pair::new([198, 51, 100, 10], 0x100, 0x10);

/// A version of the Internet protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Does something over each family, IPv4 first.
pub fn over_both(mut work: impl FnMut(Family) -> Result<()>) -> Result<()> {
    for family in [Family::V4, Family::V6] {
        work(family).with_context(|| format!("over {family:?}"))?;
    }
    Ok(())
}

/// A container.
#[derive(Clone, Debug)]
pub struct Station {
    /// Its namespace; its interface is `eth0`.
    pub ns: Namespace,
    /// Its addresses.
    pub at: Pair,
}

impl Station {
    /// Makes it, a veth pair to the host, and its addresses and routes, as a container runtime would.
    fn plug(host: &Namespace, label: &str, subnet: u8, number: u8) -> Result<Self> {
        let ns = namespace(label)?;
        veth(host, &format!("veth-{label}"), &ns, "eth0")?;
        let last = [10 + number, 0x10 + number];
        let at = Pair::new([10, 0, subnet, last[0]], subnet.into(), last[1].into());
        let (v4, v6) = (at.v4, at.v6);
        ns.ip(&format!(
            "addr add {v4}/24 dev eth0
             addr add {v6}/64 dev eth0
             route add default via 10.0.{subnet}.1
             route add default via fd00:{subnet}::1"
        ))?;
        Ok(Self { ns, at })
    }
}

/// Containers, their host, and the outside.
#[derive(Debug)]
pub struct Site {
    netfwd: Option<Instance>,
    /// The host.
    pub host: Namespace,
    /// A container.
    pub c1: Station,
    /// Another one, of the same network.
    pub c2: Station,
    /// One of another network, where there is one.
    pub g1: Option<Station>,
    /// A server, and a router to `far`.
    pub outside: Namespace,
    /// A server behind a router and a narrow link.
    pub far: Namespace,
}

impl Site {
    /// The usual site with one stack.
    pub fn new(stack: Stack) -> Result<Self> {
        Plan::on(stack).start()
    }

    fn start(plan: &Plan) -> Result<Self> {
        let (outside, far) = outside()?;
        let host = namespace("h")?;
        connect(&host, &outside)?;
        let c1 = Station::plug(&host, "c1", 3, 1)?;
        let c2 = Station::plug(&host, "c2", 3, 2)?;
        let g1 = plan.green.then(|| Station::plug(&host, "g1", 4, 1));
        let mut site = Self {
            netfwd: None,
            g1: g1.transpose()?,
            host,
            c1,
            c2,
            outside,
            far,
        };
        match plan.stack {
            Stack::Kernel => twin::start(&site.host, plan)?,
            Stack::Netfwd => site.netfwd = Some(plan.netfwd(&site.host)?),
        }
        Ok(site)
    }

    /// The netfwd that translates; an error on the kernel twin.
    pub fn netfwd(&mut self) -> Result<&mut Instance> {
        self.netfwd.as_mut().context("the kernel translates here")
    }

    /// The container of the other network.
    pub fn g1(&self) -> Result<&Station> {
        self.g1.as_ref().context("the site has one network alone")
    }
}

/// A namespace whose IPv6 addresses can be used at once: while a device's own is checked for duplicates,
/// for a second or two, it cannot ask for neighbours.
fn namespace(label: &str) -> Result<Namespace> {
    let ns = Namespace::new(label)?;
    ns.sysctl("net/ipv6/conf/default/accept_dad", "0")?;
    Ok(ns)
}

/// The outside, and what is farther: that announces segments as large as other links take, as where the
/// narrow link is one of many on the way.
fn outside() -> Result<(Namespace, Namespace)> {
    let (outside, far) = (namespace("out")?, namespace("far")?);
    veth(&outside, "to-far", &far, "eth0")?;
    outside.ip(&format!(
        "link set to-far mtu {FAR_MTU}
         addr add 198.51.100.1/24 dev to-far
         addr add fd00:100::1/64 dev to-far"
    ))?;
    outside.sysctl("net/ipv4/ip_forward", "1")?;
    outside.sysctl("net/ipv6/conf/all/forwarding", "1")?;
    let (v4, v6) = (FAR.v4, FAR.v6);
    far.ip(&format!(
        "link set eth0 mtu {FAR_MTU}
         addr add {v4}/24 dev eth0
         addr add {v6}/64 dev eth0
         route add default via 198.51.100.1 advmss 1460
         route add default via fd00:100::1 advmss 1440"
    ))?;
    Ok((outside, far))
}

/// The host's uplink.
fn connect(host: &Namespace, outside: &Namespace) -> Result<()> {
    veth(host, UPLINK, outside, "eth0")?;
    // The second one is only used by who binds it.
    for (Pair { v4, v6 }, preferred) in [(OUTSIDE, "forever"), (OUTSIDE_TOO, "0")] {
        outside.ip(&format!(
            "addr add {v4}/24 dev eth0\naddr add {v6}/64 dev eth0 preferred_lft {preferred}"
        ))?;
    }
    let (Pair { v4, v6 }, via) = (HOST, OUTSIDE);
    host.ip(&format!(
        "addr add {v4}/24 dev {UPLINK}
         addr add {v6}/64 dev {UPLINK}
         route add default via {}
         route add default via {}",
        via.v4, via.v6
    ))
}
