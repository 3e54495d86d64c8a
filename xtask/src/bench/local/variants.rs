//! netfwd, bare and with features configured.

use std::fs;
use std::path::Path as File;

use anyhow::Result;

use crate::run::instance::Instance;
use crate::run::netns::Netns;
use crate::run::traces;

/// How netfwd is configured: lines of the network's table and of each port's.
pub struct Variant {
    /// What it is called.
    pub name: &'static str,
    /// What names of its namespaces hold.
    pub label: &'static str,
    network: &'static str,
    port: &'static str,
}

/// What is compared with the bare one, which all of the features cost something.
pub const VARIANTS: &[Variant] = &[
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

impl Variant {
    /// Nothing configured.
    pub const BARE: Self = Self {
        name: "netfwd",
        label: "n",
        network: "",
        port: "",
    };

    /// Has netfwd bridge the ports of a host.
    pub fn start<'host>(
        &self,
        loader: &File,
        prefix: &str,
        host: &'host Netns,
    ) -> Result<Instance<'host>> {
        let folder = traces::folder(prefix);
        fs::create_dir_all(&folder)?;
        let file = folder.join(format!("{}.toml", self.label));
        fs::write(&file, self.configuration(host.name()))?;
        let mut instance = Instance::new(loader, host, file);
        instance.start()?;
        Ok(instance)
    }

    fn configuration(&self, name: &str) -> String {
        let Self { network, port, .. } = self;
        let port = |number| format!("  [[network.port]]\n  interface = \"p{number}\"\n{port}\n");
        format!(
            "[host]\nname = \"{name}\"\n\n[[network]]\nname = \"blue\"\n{network}\n{}{}",
            port(1),
            port(2)
        )
    }
}
