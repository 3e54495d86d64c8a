//! A container, its host, and a server on the other side of the host.

use std::fs;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::path::Path as File;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::bench::frames::text;
use crate::bench::path::MACS;
use crate::bench::redirect;
use crate::bench::tables;
use crate::bench::twin::Firewall;
use crate::run::instance::Instance;
use crate::run::netns::Netns;
use crate::run::{process, traces};

/// The container's address.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 3, 11);
/// The host's address outside.
pub const HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 99, 1);
/// The server's address.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 99, 100);
/// The MAC of the gateway, and of the host outside.
pub const HOST_MAC: [u8; 6] = [0x02, 0, 0, 0, 0x03, 0x01];
/// The l4 port at which the container is published.
pub const PUBLISHED: u16 = 5009;
/// Its own.
pub const TARGET: u16 = 9;

/// The host's end of the container's veth pair.
const PORT: &str = "p1";
/// The interface to the server.
pub const UPLINK: &str = "up0";
/// The gateway device, and the kernel's bridge.
const GATEWAY: &str = "lxcbr0";

/// Three namespaces in a row.
pub struct Place {
    /// The container; its interface is `eth0`.
    pub client: Netns,
    /// What translates.
    pub host: Netns,
    /// The server; its interface is `eth0`.
    pub server: Netns,
}

impl Place {
    /// Makes them, with nothing that forwards yet.
    pub fn create(prefix: &str, label: &str) -> Result<Self> {
        let netns = |name: &str| Netns::create(format!("{prefix}{label}{name}"));
        let place = Self {
            client: netns("c")?,
            host: netns("h")?,
            server: netns("s")?,
        };
        let (name, mac) = (place.server.name(), text(MACS[1]));
        place.host.ip(&format!(
            "link add {UPLINK} type veth peer name eth0 address {mac} netns {name}"
        ))?;
        place.server.ip("link set eth0 up")?;
        place.give_addresses()?;
        Ok(place)
    }

    fn give_addresses(&self) -> Result<()> {
        let (mac, server) = (text(HOST_MAC), text(MACS[1]));
        let host = &self.host;
        host.ip(&format!("link set {UPLINK} address {mac} up"))?;
        host.ip(&format!("address add {HOST}/24 dev {UPLINK}"))?;
        self.server
            .ip(&format!("address add {SERVER}/24 dev eth0"))?;
        // What is dropped on arrival answers no ARP either.
        host.ip(&format!(
            "neighbour replace {SERVER} lladdr {server} dev {UPLINK} nud permanent"
        ))
    }

    /// Plugs the container into the host, where netfwd does not.
    fn plug(&self) -> Result<()> {
        let (name, mac) = (self.client.name(), text(MACS[0]));
        self.host.ip(&format!(
            "link add {PORT} type veth peer name eth0 address {mac} netns {name}"
        ))?;
        self.host.ip(&format!("link set {PORT} up"))?;
        self.client.ip("link set eth0 up")?;
        self.client
            .ip(&format!("address add {CLIENT}/24 dev eth0"))?;
        self.client.ip("route add default via 10.0.3.1")
    }

    /// Has netfwd translate, with this `xdp` on the uplink.
    pub fn netfwd(&self, loader: &File, prefix: &str, xdp: &str) -> Result<Instance<'_>> {
        let folder = traces::folder(prefix);
        fs::create_dir_all(&folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        let file = folder.join(format!("{}.toml", self.host.name()));
        fs::write(&file, self.configuration(xdp))?;
        let mut instance = Instance::new(loader, &self.host, file);
        instance.start()?;
        self.know_the_client()?;
        Ok(instance)
    }

    /// netfwd's configuration. It makes the port: what XDP may redirect into, it has to have set up itself.
    pub fn configuration(&self, xdp: &str) -> String {
        let (name, client) = (self.host.name(), self.client.name());
        let [gateway, station] = [HOST_MAC, MACS[0]].map(text);
        format!(
            "[host]\nname = \"{name}\"\nuplinks = [\"{UPLINK}\"]\nxdp = \"{xdp}\"\n\n\
             [[network]]\nname = \"blue\"\n\n\
             \x20 [network.gateway]\n  device = \"{GATEWAY}\"\n  addresses = [\"10.0.3.1/24\"]\n\
             \x20 mac = \"{gateway}\"\n  masquerade = true\n\n\
             \x20 [[network.port]]\n  netns = \"{client}\"\n  name = \"eth0\"\n\
             \x20 mac = \"{station}\"\n  addresses = [\"{CLIENT}/24\"]\n  default_route = true\n\n\
             \x20 [[network.publish]]\n  listen = \"{PUBLISHED}/udp\"\n  to = \"{CLIENT}:{TARGET}\"\n"
        )
    }

    /// Has the kernel translate.
    pub fn kernel(&self, firewall: Firewall) -> Result<()> {
        self.plug()?;
        let mac = text(HOST_MAC);
        self.host
            .ip(&format!("link add {GATEWAY} address {mac} type bridge"))?;
        self.host.ip(&format!("link set {PORT} master {GATEWAY}"))?;
        self.host.ip(&format!("link set {GATEWAY} up"))?;
        self.host
            .ip(&format!("address add 10.0.3.1/24 dev {GATEWAY}"))?;
        firewall.set(&self.host)?;
        self.host
            .enter(|| Ok(fs::write("/proc/sys/net/ipv4/ip_forward", "1")?))?;
        let mut nft = self.host.command("nft");
        process::run(nft.arg(RULES), Duration::from_secs(10))?;
        self.know_the_client()
    }

    /// Has nobody translate: frames are sent from wire to wire, for as long as the descriptors are open.
    pub fn redirects(&self) -> Result<[OwnedFd; 2]> {
        self.wire()?;
        redirect::between(&self.host, PORT, UPLINK)
    }

    /// Has a connection's elements inserted besides, and looked up.
    pub fn tables(&self) -> Result<Vec<OwnedFd>> {
        self.wire()?;
        tables::between(&self.host, PORT, UPLINK)
    }

    /// Plugs the container in as if it stood beside the server.
    fn wire(&self) -> Result<()> {
        self.plug()?;
        self.client.ip("route replace default dev eth0")?;
        self.server.ip("route add 10.0.3.0/24 dev eth0")
    }

    /// Spares the host the question for the container's MAC, which nobody answers.
    pub fn know_the_client(&self) -> Result<()> {
        let mac = text(MACS[0]);
        self.host.ip(&format!(
            "neighbour replace {CLIENT} lladdr {mac} dev {GATEWAY} nud permanent"
        ))
    }
}

/// Masquerade and the published port, as people write them.
const RULES: &str = "\
add table ip nat; \
add chain ip nat out { type nat hook postrouting priority srcnat; }; \
add rule ip nat out ip saddr 10.0.3.0/24 ip daddr != 10.0.3.0/24 masquerade; \
add chain ip nat in { type nat hook prerouting priority dstnat; }; \
add rule ip nat in fib daddr type local udp dport 5009 dnat to 10.0.3.11:9";
