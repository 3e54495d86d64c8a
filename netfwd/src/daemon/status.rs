//! The daemon, as `status` shows it.

use std::collections::BTreeMap;

use super::Core;
use crate::api::Status;
use crate::config::XdpPolicy;
use crate::observed::{Hook, HookAt};

impl Core {
    /// The daemon, as `status` shows it.
    pub fn status(&self) -> Status {
        let waiting = self.desired.waiting.iter().map(ToString::to_string);
        let refused = self.dataplane.host_refusal().map(ToOwned::to_owned);
        Status {
            instance: self.instance.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_seconds: self.ready.elapsed().as_secs(),
            config: self.file.display().to_string(),
            waiting: waiting.chain(refused).chain(self.room()).collect(),
            without_xdp: self.without_xdp(),
            nat: self.gauges(),
        }
    }

    /// The uplinks without XDP, and why they have none.
    fn without_xdp(&self) -> BTreeMap<String, String> {
        let uplinks = self.merged.host.uplinks.iter();
        let why = uplinks.map(|name| (name, self.why_not(name)));
        why.filter_map(|(name, why)| Some((name.clone(), why?)))
            .collect()
    }

    fn why_not(&self, uplink: &str) -> Option<String> {
        let at = HookAt::new(uplink, Hook::Xdp);
        if let Some(reason) = self.dataplane.refusal(&at) {
            return Some(format!("refused, TC does it all: {reason}"));
        }
        if self.desired.hooks.contains_key(&at) {
            return None;
        }
        let why = match self.merged.host.xdp {
            XdpPolicy::Off => "the configuration says off",
            _ => "the interface is virtual, where TC alone is faster",
        };
        Some(why.to_owned())
    }
}
