//! Two hosts with one container each, and what joins them.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path as File;

use anyhow::{Context as _, Result};

use crate::bench::frames::text;
use crate::bench::path::{ADDRESSES, MACS};
use crate::bench::twin::Firewall;
use crate::bench::{arriving, bpf, redirect};
use crate::run::instance::Instance;
use crate::run::netns::Netns;
use crate::run::traces;

/// The uplink of each host.
pub const UPLINK: &str = "up0";
/// The host's end of its container's veth pair.
pub const PORT: &str = "p1";
/// Underlay addresses of the hosts.
pub const VTEPS: [&str; 2] = ["172.31.0.1", "172.31.0.2"];
/// The underlay's MTU less the encapsulation.
pub const MTU: usize = 1450;
/// Octets of the outer headers: Ethernet, IPv4, UDP, VXLAN.
pub const OUTER: usize = 14 + 20 + 8 + 8;

/// Two hosts, and the container of each.
pub struct Pair {
    /// The hosts.
    pub hosts: [Netns; 2],
    /// The containers; their interface is `eth0`.
    pub containers: [Netns; 2],
}

/// The folder for configuration files.
pub fn make_folder(prefix: &str) -> Result<()> {
    let folder = traces::folder(prefix);
    fs::create_dir(&folder).with_context(|| format!("{} cannot be made", folder.display()))
}

impl Pair {
    /// Makes them, with addresses on the underlay, and nothing that forwards yet.
    pub fn create(prefix: &str, label: &str) -> Result<Self> {
        let netns = |name: &str| Netns::create(format!("{prefix}{label}{name}"));
        let pair = Self {
            hosts: [netns("a")?, netns("b")?],
            containers: [netns("1")?, netns("2")?],
        };
        let [a, b] = &pair.hosts;
        let far = b.name();
        a.ip(&format!(
            "link add {UPLINK} type veth peer name {UPLINK} netns {far}"
        ))?;
        for (host, address) in pair.hosts.iter().zip(VTEPS) {
            host.ip(&format!("address add {address}/24 dev {UPLINK}"))?;
            host.ip(&format!("link set {UPLINK} up"))?;
        }
        Ok(pair)
    }

    /// Has the kernel forward: a bridge and a vxlan device on each host.
    pub fn kernel(&self, firewall: Firewall) -> Result<()> {
        self.plug()?;
        let [a, b] = &self.hosts;
        kernel(a, VTEPS[0], VTEPS[1])?;
        kernel(b, VTEPS[1], VTEPS[0])?;
        self.hosts.iter().try_for_each(|host| firewall.set(host))
    }

    /// Has netfwd forward, with this `xdp` on uplinks.
    pub fn netfwd(&self, loader: &File, prefix: &str, xdp: &str) -> Result<[Instance<'_>; 2]> {
        let start = |number: usize| -> Result<Instance<'_>> {
            let host = &self.hosts[number];
            let file = traces::folder(prefix).join(format!("{}.toml", host.name()));
            fs::write(&file, self.configuration(number, xdp))?;
            let mut instance = Instance::new(loader, host, file);
            instance.start()?;
            Ok(instance)
        };
        Ok([start(0)?, start(1)?])
    }

    /// Has the kernel redirect frames from interface to interface, with nothing looked up and nothing
    /// encapsulated, for as long as the descriptors are open: what the wires alone would take.
    pub fn redirects(&self) -> Result<[[OwnedFd; 2]; 2]> {
        self.plug()?;
        let between = |host| redirect::between(host, PORT, UPLINK);
        let [a, b] = &self.hosts;
        Ok([between(a)?, between(b)?])
    }

    /// Has XDP on host b take the outer headers off all that comes in by the uplink, and send it to the container,
    /// for as long as the descriptor is open: what is between this and netfwd is what netfwd does.
    pub fn strips(&self) -> Result<OwnedFd> {
        let [_, container] = &self.containers;
        arriving::take_frames(container, "eth0")?;
        bpf::strip(&self.hosts[1], UPLINK, PORT, OUTER)
    }

    fn plug(&self) -> Result<()> {
        for number in [0, 1] {
            let (host, container) = (&self.hosts[number], &self.containers[number]);
            let (name, mac) = (container.name(), text(MACS[number]));
            host.ip(&format!(
                "link add {PORT} mtu {MTU} type veth peer name eth0 mtu {MTU} address {mac} \
                 netns {name}"
            ))?;
            host.ip(&format!("link set {PORT} up"))?;
            let address = ADDRESSES[number];
            container.ip(&format!("address add {address}/24 dev eth0"))?;
            container.ip("link set eth0 up")?;
        }
        Ok(())
    }

    /// netfwd makes the port: what XDP may redirect into, it has to have set up itself.
    fn configuration(&self, number: usize, xdp: &str) -> String {
        let [host, container] = [&self.hosts, &self.containers].map(|both| both[number].name());
        let (vtep, peer) = (VTEPS[number], VTEPS[1 - number]);
        let (mac, address) = (text(MACS[number]), ADDRESSES[number]);
        format!(
            "[host]\nname = \"{host}\"\nuplinks = [\"{UPLINK}\"]\nvtep = \"{vtep}\"\n\
             xdp = \"{xdp}\"\n\n\
             [[network]]\nname = \"blue\"\nvni = 200\npeers = [\"{peer}\"]\n\n\
             \x20 [[network.port]]\n  netns = \"{container}\"\n  name = \"eth0\"\n\
             \x20 mac = \"{mac}\"\n  addresses = [\"{address}/24\"]\n"
        )
    }
}

fn kernel(host: &Netns, local: &str, remote: &str) -> Result<()> {
    host.ip(&format!("link add br0 mtu {MTU} type bridge"))?;
    host.ip(&format!(
        "link add vx0 mtu {MTU} type vxlan id 200 local {local} remote {remote} dstport 4789 \
         dev {UPLINK} noudpcsum"
    ))?;
    for interface in ["vx0", PORT] {
        host.ip(&format!("link set {interface} master br0 up"))?;
    }
    host.ip("link set br0 up")
}
