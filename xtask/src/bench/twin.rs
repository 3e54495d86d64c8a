//! The kernel twin's setting that matters most: whether bridged frames are shown to the firewall.

use std::fs;

use anyhow::{Context as _, Result};

use crate::run::netns::Netns;

/// The twin as the kernel sets it by default.
pub const BY_DEFAULT: &str = "kernel, bridge-nf-call on";

/// What the bridge does with frames before it sends them on.
#[derive(Debug, Clone, Copy)]
pub enum Firewall {
    /// Nothing: the faster setting.
    Spared,
    /// It shows them to the firewall, as by default.
    Asked,
}

impl Firewall {
    /// Sets it for a host.
    pub fn set(self, host: &Netns) -> Result<()> {
        let value = match self {
            Self::Spared => "0",
            Self::Asked => "1",
        };
        host.enter(|| {
            for table in ["iptables", "ip6tables", "arptables"] {
                let file = format!("/proc/sys/net/bridge/bridge-nf-call-{table}");
                if fs::exists(&file)? {
                    fs::write(&file, value).with_context(|| file.clone())?;
                }
            }
            Ok(())
        })
    }
}
