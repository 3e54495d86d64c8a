//! Two containers on one host: netfwd, the kernel's bridge, and a plain wire between them.

use std::fs;
use std::path::Path as File;

use anyhow::{Context as _, Result};

use super::measure::Measured;
use super::path::Path;
use super::report::Unit;
use super::session::{Heading, Session};
use crate::run::instance::Instance;
use crate::run::netns::Netns;
use crate::run::{traces, twin};

/// What the others are compared with.
const BRIDGE: &str = "kernel bridge";

/// Its steps.
pub const PLAN: &[&str] = &["local/packets-64"];

/// How netfwd is configured: lines of the network's table and of each port's.
struct Variant {
    name: &'static str,
    label: &'static str,
    network: &'static str,
    port: &'static str,
}

/// netfwd, bare and with features configured.
const VARIANTS: &[Variant] = &[
    Variant {
        name: "netfwd",
        label: "n",
        network: "",
        port: "",
    },
    Variant {
        name: "netfwd, ARP/ND suppression",
        label: "s",
        network: "arp_suppression = true\n",
        port: "",
    },
    Variant {
        name: "netfwd, access VLAN",
        label: "v",
        network: "",
        port: "  vlan = 10\n",
    },
    Variant {
        name: "netfwd, anti-spoofing",
        label: "a",
        network: "",
        port: "  anti_spoof = true\n",
    },
    Variant {
        name: "netfwd, all three",
        label: "x",
        network: "arp_suppression = true\n",
        port: "  vlan = 10\n  anti_spoof = true\n",
    },
];

/// Measures and prints.
pub fn run(session: &Session<'_>) -> Result<()> {
    let Session { loader, prefix, .. } = *session;
    let folder = traces::folder(prefix);
    fs::create_dir(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let hosts = VARIANTS
        .iter()
        .map(|variant| Plugged::create(prefix, variant.label))
        .collect::<Result<Vec<_>>>()?;
    let mut paths = Vec::new();
    let mut instances = Vec::new();
    for (variant, host) in VARIANTS.iter().zip(&hosts) {
        paths.push(host.path(variant.name)?);
        instances.push(netfwd(loader, prefix, variant, &host.host)?);
    }
    let (bridge, wire) = (bridge(prefix)?, wire(prefix)?);
    // Beside the first, so that a pair is measured within seconds.
    paths.insert(1, bridge.path(BRIDGE)?);
    paths.insert(2, Path::open("one veth pair", &wire[0], &wire[1])?);
    let measured: Vec<&dyn Measured> = paths.iter().map(|path| path as _).collect();
    let heading = Heading {
        id: "local/packets-64",
        title: "local: 64-byte frames between two containers of one host",
        unit: Unit::FramesPerSecond,
        reference: BRIDGE,
    };
    session.compare([heading], &measured)
}

/// Two containers plugged into a host: the host's ends are `p1` and `p2`.
struct Plugged {
    host: Netns,
    containers: [Netns; 2],
}

impl Plugged {
    fn create(prefix: &str, label: &str) -> Result<Self> {
        let host = Netns::create(format!("{prefix}{label}h"))?;
        let plug = |number: u8| -> Result<Netns> {
            let container = Netns::create(format!("{prefix}{label}{number}"))?;
            let name = container.name();
            host.ip(&format!(
                "link add p{number} type veth peer name eth0 netns {name}"
            ))?;
            host.ip(&format!("link set p{number} up"))?;
            Ok(container)
        };
        let containers = [plug(1)?, plug(2)?];
        Ok(Self { host, containers })
    }

    fn path(&self, name: &'static str) -> Result<Path<'_>> {
        Path::open(name, &self.containers[0], &self.containers[1])
    }
}

fn netfwd<'host>(
    loader: &File,
    prefix: &str,
    variant: &Variant,
    host: &'host Netns,
) -> Result<Instance<'host>> {
    let file = traces::folder(prefix).join(format!("{}.toml", variant.label));
    fs::write(&file, configuration(host.name(), variant))?;
    let mut instance = Instance::new(loader, host, file);
    instance.start()?;
    Ok(instance)
}

fn configuration(name: &str, variant: &Variant) -> String {
    let Variant { network, port, .. } = variant;
    let port = |number| format!("  [[network.port]]\n  interface = \"p{number}\"\n{port}\n");
    format!(
        "[host]\nname = \"{name}\"\n\n[[network]]\nname = \"blue\"\n{network}\n{}{}",
        port(1),
        port(2)
    )
}

fn bridge(prefix: &str) -> Result<Plugged> {
    let plugged = Plugged::create(prefix, "b")?;
    let host = &plugged.host;
    host.ip("link add br0 type bridge")?;
    host.ip("link set br0 up")?;
    host.enter(twin::spare_the_firewall)?;
    for port in ["p1", "p2"] {
        host.ip(&format!("link set {port} master br0"))?;
    }
    Ok(plugged)
}

fn wire(prefix: &str) -> Result<[Netns; 2]> {
    let sender = Netns::create(format!("{prefix}w1"))?;
    let receiver = Netns::create(format!("{prefix}w2"))?;
    let name = receiver.name();
    sender.ip(&format!(
        "link add eth0 type veth peer name eth0 netns {name}"
    ))?;
    Ok([sender, receiver])
}
