//! Ports that cannot be had for now, and what is wanted all the same.

use std::collections::{BTreeMap, BTreeSet};

use super::{Desired, DesiredError, Device};
use crate::config::Config;

impl Desired {
    /// Goes on without ports whose far ends, by the interface here, could not be looked at, made or set:
    /// what is there of them is left as it is. Whoever has a namespace can make any of that fail, and
    /// must not hold up what concerns others.
    pub fn set_aside(&mut self, config: &Config, failed: &BTreeMap<String, String>) {
        let ports = config.networks.iter().flat_map(|network| &network.ports);
        for port in ports {
            let interface = port.interface();
            let Some(why) = failed.get(&interface) else {
                continue;
            };
            if self.devices.contains_key(&interface) && self.aside.insert(interface.clone()) {
                self.waiting.push(DesiredError::SetAside {
                    interface,
                    port: port.label(),
                    why: why.clone(),
                    place: port.place.clone(),
                });
            }
        }
    }

    /// The ports that were set aside and are none of those `before`.
    pub fn newly_aside(
        &self,
        before: &BTreeMap<String, Device>,
    ) -> impl Iterator<Item = &DesiredError> {
        self.waiting.iter().filter(|lack| match lack {
            DesiredError::SetAside { interface, .. } => !before.contains_key(interface),
            _ => false,
        })
    }

    /// The interfaces of ports that are left as they are.
    pub const fn aside(&self) -> &BTreeSet<String> {
        &self.aside
    }
}
