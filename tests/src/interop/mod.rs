//! Sites of several makes on one underlay, joined by VXLAN, with one station each: netfwd, and what it
//! must get on with.
//!
//! ```text
//!   station 1        station 2        station 3        10.0.3.10+N, fd00:3::10+N
//!       |                |                |
//!    site 1           site 2           site 3          a make each
//!       |                |                |
//!   ----+----------------+----------------+----        172.31.0.N, or fd31::N
//!                a bridge that snoops
//! ```

mod forged;
mod kernel;
mod netfwd;
mod ovs;
mod underlay;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result};

pub use forged::{Checksum, Forged};
pub use underlay::Underlay;

use crate::{
    netns::Namespace,
    openvswitch::OpenVswitch,
    packet::Mac,
    topology::{Instance, veth},
};

/// IANA's port for VXLAN, and the one that Linux had before there was one.
pub const PORTS: [u16; 2] = [4789, 8472];

/// The underlay's IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The VTEP of a site.
    pub fn vtep(self, number: u8) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(172, 31, 0, number).into(),
            Self::V6 => Ipv6Addr::new(0xfd31, 0, 0, 0, 0, 0, 0, number.into()).into(),
        }
    }

    /// The group that sites join.
    pub fn group(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(239, 1, 1, 1).into(),
            Self::V6 => Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 0x200, 1).into(),
        }
    }

    /// What is left of an underlay's MTU of 1500.
    pub fn mtu(self) -> usize {
        match self {
            Self::V4 => 1450,
            Self::V6 => 1430,
        }
    }
}

/// What joins a site's station to the overlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    /// netfwd.
    Netfwd,
    /// The kernel's vxlan device on a bridge.
    Bridge,
    /// The kernel's vxlan device in metadata mode, `external`, with the tunnel in routes; the host is
    /// its own station.
    External,
    /// Open vSwitch.
    OpenVswitch,
}

/// Which sites there are, and how they are joined.
#[derive(Clone, Debug)]
pub struct Plan {
    family: Family,
    sites: Vec<(Make, u16)>,
    by_group: bool,
    checksum: bool,
    vxlan_lines: String,
    gateway: bool,
}

impl Plan {
    /// Sites of these makes, each reached by unicast on port 4789, over IPv4, without UDP checksums.
    pub fn of(makes: &[Make]) -> Self {
        Self {
            family: Family::V4,
            sites: makes.iter().map(|make| (*make, PORTS[0])).collect(),
            by_group: false,
            checksum: false,
            vxlan_lines: String::new(),
            gateway: false,
        }
    }

    /// Over another IP version.
    #[must_use]
    pub fn over(mut self, family: Family) -> Self {
        self.family = family;
        self
    }

    /// On these UDP ports, one for each site.
    #[must_use]
    pub fn ports(mut self, ports: &[u16]) -> Self {
        for (site, port) in self.sites.iter_mut().zip(ports) {
            site.1 = *port;
        }
        self
    }

    /// By a multicast group.
    #[must_use]
    pub fn by_group(mut self) -> Self {
        self.by_group = true;
        self
    }

    /// With UDP checksums; kernel sites over IPv6 then refuse to go without (RFC 6935 §5).
    #[must_use]
    pub fn with_checksums(mut self) -> Self {
        self.checksum = true;
        self
    }

    /// A further line in `[vxlan]` of netfwd's configuration.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.vxlan_lines.push_str(line);
        self.vxlan_lines.push('\n');
        self
    }

    /// With a gateway on netfwd's sites, for both families.
    #[must_use]
    pub fn with_gateway(mut self) -> Self {
        self.gateway = true;
        self
    }

    /// Builds and starts it.
    pub fn start(self) -> Result<Sites> {
        let underlay = Underlay::new()?;
        let numbers = (1..).zip(&self.sites);
        let sites = numbers
            .map(|(number, (make, _))| {
                let site = Site::start(number, *make, &self, &underlay);
                site.with_context(|| format!("site {number}, {make:?}"))
            })
            .collect::<Result<_>>()?;
        Ok(Sites { underlay, sites })
    }

    /// VTEPs and ports of the sites other than this one.
    fn peers(&self, number: u8) -> impl Iterator<Item = (u8, IpAddr, u16)> {
        let numbered = (1..).zip(&self.sites);
        numbered
            .filter(move |(other, _)| *other != number)
            .map(|(other, (_, port))| (other, self.family.vtep(other), *port))
    }

    fn port(&self, number: u8) -> u16 {
        self.sites[usize::from(number) - 1].1
    }
}

/// Sites that run.
#[derive(Debug)]
pub struct Sites {
    /// The wire between them.
    pub underlay: Underlay,
    /// The sites, the first one number 1.
    pub sites: Vec<Site>,
}

impl Sites {
    /// Each pair of different sites, in both directions.
    pub fn pairs(&self) -> impl Iterator<Item = (&Site, &Site)> {
        let others = |from: &Site| {
            let number = from.number;
            self.sites.iter().filter(move |to| to.number != number)
        };
        self.sites
            .iter()
            .flat_map(move |from| others(from).map(move |to| (from, to)))
    }
}

#[derive(Debug)]
enum Job {
    Netfwd(Box<Instance>),
    Kernel,
    OpenVswitch(#[expect(dead_code, reason = "it ends with its guard")] Box<OpenVswitch>),
}

/// A host with a station.
#[derive(Debug)]
pub struct Site {
    /// Its number, of which its addresses are made.
    pub number: u8,
    /// The host.
    pub host: Namespace,
    /// Where the station is.
    pub station: Namespace,
    /// The station's interface.
    pub interface: &'static str,
    /// The station's address.
    pub address: Ipv4Addr,
    /// The station's IPv6 address.
    pub address_v6: Ipv6Addr,
    /// The station's MAC.
    pub mac: Mac,
    job: Job,
}

impl Site {
    fn start(number: u8, make: Make, plan: &Plan, underlay: &Underlay) -> Result<Self> {
        let host = Namespace::new(&format!("h{number}"))?;
        underlay.plug(&host, number)?;
        let station = match make {
            Make::External => host.clone(),
            _ => Namespace::new(&format!("s{number}"))?,
        };
        let mut site = Self {
            number,
            host,
            station,
            interface: "eth0",
            address: Ipv4Addr::new(10, 0, 3, 10 + number),
            address_v6: station_v6(number),
            mac: [2, 0, 0, 0, 0, 10 + number],
            job: Job::Kernel,
        };
        site.job = site.install(make, plan)?;
        Ok(site)
    }

    fn install(&mut self, make: Make, plan: &Plan) -> Result<Job> {
        if make == Make::External {
            self.interface = kernel::DEVICE;
            kernel::external(self, plan)?;
            return Ok(Job::Kernel);
        }
        self.plug(plan.family.mtu())?;
        match make {
            Make::Netfwd => {
                let instance = netfwd::start(self, plan)?;
                Ok(Job::Netfwd(Box::new(instance)))
            }
            Make::OpenVswitch => Ok(Job::OpenVswitch(Box::new(ovs::start(self, plan)?))),
            Make::Bridge | Make::External => kernel::bridge(self, plan).map(|()| Job::Kernel),
        }
    }

    /// The station's wire to the host, whose end is `port`.
    fn plug(&self, mtu: usize) -> Result<()> {
        veth(&self.host, PORT, &self.station, "eth0")?;
        self.host.ip(&format!("link set {PORT} mtu {mtu}"))?;
        let mac = self.mac.map(|octet| format!("{octet:02x}")).join(":");
        self.station.ip(&format!(
            "link set eth0 address {mac} mtu {mtu}
             addr add {}/24 dev eth0
             addr add {}/64 dev eth0 nodad",
            self.address, self.address_v6
        ))
    }

    /// The netfwd that runs here; an error on another make.
    pub fn netfwd(&mut self) -> Result<&mut Instance> {
        match &mut self.job {
            Job::Netfwd(instance) => Ok(instance),
            _ => anyhow::bail!("site {} does not run netfwd", self.number),
        }
    }
}

/// The host's end of its station's wire.
pub const PORT: &str = "port";

fn station_v6(number: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 3, 0, 0, 0, 0, 0, u16::from(10 + number))
}
