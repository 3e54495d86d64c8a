//! What should be: a pure function of configuration, ids and facts about the host.

mod aside;
mod capacity;
mod devices;
mod entry;
mod error;
mod floating;
mod flood;
mod gateway;
mod nat;
mod overlay;
mod peers;
mod ports;
mod promiscuous;
mod publish;
mod slots;
mod stations;
mod underlay;
mod uplinks;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use netfwd_common::addr::{Addr, Mac};

pub use entry::fdb_flags;
pub use error::DesiredError;
pub use uplinks::wants_xdp;

use crate::config::{Config, Network, TapKind};
use crate::ids::{Ids, Scope};
use crate::observed::{Hook, HookAt, Inner, Link, MapState, Neighbour, Program, Sysctl};
use slots::Slots;
use underlay::Vtep;

/// What should be.
#[derive(Clone, Debug, Default)]
pub struct Desired {
    /// Name of the instance.
    pub instance: String,
    /// Devices that netfwd makes in its own namespace, by name.
    pub devices: BTreeMap<String, Device>,
    /// Programs to attach.
    pub hooks: BTreeMap<HookAt, Attach>,
    /// Neighbours to keep.
    pub neighbours: BTreeSet<Neighbour>,
    /// Contents of the maps, as far as their interfaces exist already.
    pub maps: MapState,
    /// Interfaces, by ifindex, that should take frames for any MAC, and those that should no longer, as
    /// netfwd had them do so.
    pub promiscuous: BTreeMap<u32, bool>,
    /// Multicast groups, with the uplink, that should be joined, and those that should no longer, as
    /// netfwd had joined them.
    pub groups: BTreeMap<(String, IpAddr), bool>,
    /// Counter slots that are given to a new object and must be zeroed.
    pub zero: Vec<u32>,
    /// What is left out because the host lacks it for now. A start or a change refuses what it
    /// brings itself; once it runs, netfwd waits for it.
    pub waiting: Vec<DesiredError>,
    /// The interfaces of ports that are left as they are for now.
    aside: BTreeSet<String>,
}

/// A device that netfwd makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// How it is made.
    pub made: Made,
    /// Its MAC; `None` leaves the kernel's choice.
    pub mac: Option<Mac>,
    /// Its MTU.
    pub mtu: u32,
    /// Its addresses.
    pub addresses: BTreeSet<IpNet>,
    /// Its settings.
    pub sysctls: BTreeMap<Sysctl, u8>,
}

/// How a device is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// A veth whose other end is the device of this name in the same namespace.
    Pair {
        /// The other end.
        peer: String,
    },
    /// The other end of a [`Made::Pair`]: made together with it.
    PeerOf {
        /// The end that makes it.
        device: String,
    },
    /// A veth whose other end is in another namespace.
    PairInto(Inner),
    /// A persistent tap.
    Tap(TapKind),
    /// The companion: an `external` vxlan device on this UDP port.
    Companion {
        /// UDP port.
        port: u16,
        /// Lowest and highest UDP source port of what it sends.
        source_ports: (u16, u16),
    },
}

/// A program to attach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attach {
    /// Which.
    pub program: Program,
    /// XDP in the stack, not in the driver.
    pub generic: bool,
    /// Whether it is an error when the kernel or the driver refuses it; else it is logged once and
    /// observed as refused.
    pub required: bool,
}

impl Attach {
    /// A TC program, which must attach.
    pub const fn tc(program: Program) -> Self {
        Self {
            program,
            generic: false,
            required: true,
        }
    }
}

impl HookAt {
    /// A hook of an interface.
    pub fn new(interface: &str, hook: Hook) -> Self {
        Self {
            interface: interface.to_owned(),
            hook,
        }
    }
}

/// Facts about the host that decide what should be.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Name of the instance.
    pub instance: &'a str,
    /// The number of netfwd's namespace.
    pub netns_cookie: u64,
    /// The links of netfwd's namespace.
    pub links: &'a BTreeMap<String, Link>,
    /// The namespaces, of those that the configuration names, that exist.
    pub namespaces: &'a BTreeSet<String>,
    /// The ports, by ifindex, that a BPDU shut.
    pub shut: &'a BTreeSet<u32>,
    /// The peers that are down: nothing is flooded to them.
    pub down: &'a BTreeSet<Addr>,
    /// The interfaces, by ifindex, that take frames redirected by XDP; `None` where the kernel does not
    /// tell, or nothing is redirected.
    pub xdp_targets: Option<&'a BTreeSet<u32>>,
}

/// Resolves a configuration. `ids` gets what is new and loses what is gone.
pub fn resolve(config: &Config, ids: &mut Ids, facts: Facts<'_>) -> Result<Desired, DesiredError> {
    let mut builder = Builder {
        config,
        ids,
        facts,
        shared: config.shared(),
        slots: Slots::of(config),
        outside: BTreeSet::new(),
        vteps: underlay::vteps(config, facts),
        joined: BTreeSet::new(),
        out: Desired {
            instance: facts.instance.to_owned(),
            ..Desired::default()
        },
    };
    builder.forget();
    builder.uplinks()?;
    builder.overlay()?;
    for network in &config.networks {
        builder.network(network)?;
    }
    builder.pairs();
    builder.promiscuous();
    builder.groups();
    builder.externals_fit()?;
    capacity::fits(&builder.out.maps)?;
    builder.out.zero.clone_from(&builder.ids.zero);
    Ok(builder.out)
}

/// A network with its numbers.
#[derive(Clone, Copy)]
struct Numbered<'a> {
    config: &'a Network,
    id: u32,
    mtu: u32,
    /// Whether tags are VLANs on it.
    aware: bool,
}

struct Builder<'a> {
    config: &'a Config,
    ids: &'a mut Ids,
    facts: Facts<'a>,
    /// Interfaces that several networks list.
    shared: BTreeSet<String>,
    /// For which network ports and peers count.
    slots: Slots,
    /// Interfaces, by ifindex, that are ports and have a life of their own.
    outside: BTreeSet<u32>,
    /// This host's VTEPs.
    vteps: Vec<Vtep<'a>>,
    /// Multicast groups to join, and on which uplink.
    joined: BTreeSet<(String, IpAddr)>,
    out: Desired,
}

impl<'a> Builder<'a> {
    fn network(&mut self, config: &'a Network) -> Result<(), DesiredError> {
        let network = Numbered {
            config,
            id: self.ids.network(&config.name),
            mtu: self.mtu(config),
            aware: config.is_vlan_aware(&self.shared),
        };
        let slot = self.ids.slot(Scope::Network, &config.name)?;
        let mut targets = self.gateway(&network)?;
        targets.extend(self.ports(&network)?);
        let peers = self.peers(&network)?.into_iter();
        targets.extend(peers.filter(|target| !self.facts.down.contains(&target.peer)));
        self.static_fdb(&network);
        self.static_neighbours(&network);
        let len = self.flood(network, targets)?;
        self.network_entry(&network, slot, len);
        self.publishes(&network);
        self.floatings(&network);
        Ok(())
    }

    /// Frees the numbers of what the configuration no longer names.
    fn forget(&mut self) {
        let config = self.config;
        let networks: BTreeSet<&str> = config.networks.iter().map(|n| n.name.as_str()).collect();
        let uplinks: BTreeSet<&str> = config.host.uplinks.iter().map(String::as_str).collect();
        let mut publishes = BTreeSet::new();
        for network in &config.networks {
            publishes.extend(network.publishes.iter().map(|p| p.listener().to_string()));
        }
        let (ports, peers) = (self.slots.ports(config), self.slots.peers(config));
        self.ids
            .retain(Scope::Network, |name| networks.contains(name));
        self.ids
            .retain(Scope::Uplink, |name| uplinks.contains(name));
        self.ids.retain(Scope::Port, |name| ports.contains(name));
        self.ids.retain(Scope::Peer, |name| peers.contains(name));
        self.ids
            .retain_publishes(|listen| publishes.contains(listen));
        self.ids.pairs = config.pairs();
    }

    /// Goes on without what the host lacks for now.
    fn lacking(&mut self, error: DesiredError) {
        self.out.waiting.push(error);
    }

    fn ifindex(&self, name: &str) -> Option<u32> {
        self.facts.links.get(name).map(|link| link.ifindex)
    }
}
