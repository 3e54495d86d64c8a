//! A host that is brought to one configuration after the other.

use netfwd_common::maps::Port;

use super::{converge, desired, host, parse, try_desired};
use crate::desired::Desired;
use crate::ids::Ids;
use crate::plan::Action;
use crate::plan::sim::Sim;

/// A host brought to a configuration, and what was desired at the end.
#[derive(Default)]
pub struct World {
    pub sim: Sim,
    pub ids: Ids,
    pub wanted: Desired,
}

/// A host at a configuration.
pub fn world(text: &str) -> World {
    let mut world = World {
        sim: host(),
        ..World::default()
    };
    world.become_that(text);
    world
}

impl World {
    pub fn become_that(&mut self, text: &str) -> Vec<Action> {
        let config = parse(text);
        let actions = converge(&config, &mut self.ids, &mut self.sim);
        self.wanted = desired(&config, &mut self.ids, &self.sim);
        actions
    }

    /// Why a configuration cannot be had on the host.
    pub fn refusal(&self, text: &str) -> String {
        let error = try_desired(&parse(text), &mut self.ids.clone(), &self.sim);
        error.expect_err("it is refused").to_string()
    }

    pub fn ifindex(&self, name: &str) -> u32 {
        self.sim.observed.links[name].ifindex
    }

    pub fn port(&self, name: &str) -> Port {
        self.wanted.maps.ports[&self.ifindex(name)]
    }

    /// VLAN and tag of each of a port's flood targets.
    pub fn targets(&self, name: &str) -> Vec<(u16, u16)> {
        let ifindex = self.ifindex(name);
        let targets = self.wanted.maps.flood.values();
        let targets = targets.filter(|target| target.ifindex == ifindex);
        targets.map(|target| (target.vlan, target.tag)).collect()
    }

    /// Where each tag on a port leads: network, VLAN and tag.
    pub fn vlans(&self, name: &str) -> Vec<(u16, (u32, u16, u16))> {
        let ifindex = self.ifindex(name);
        let vlans = self.wanted.maps.vlans.iter();
        let vlans = vlans.filter(|(key, _)| key.ifindex == ifindex);
        vlans
            .map(|(key, v)| (key.vid, (v.network, v.vlan, v.tag)))
            .collect()
    }
}

pub fn network(port: &str) -> String {
    format!("[[network]]\nname = \"a\"\n[[network.port]]\ninterface = \"p0\"\n{port}\n")
}

/// Whether a plan forgets what is behind a port.
pub fn flushes(actions: &[Action], ifindex: u32) -> bool {
    let flush =
        |a: &Action| matches!(a, Action::FlushFdb(filter) if filter.ifindex == Some(ifindex));
    actions.iter().any(flush)
}
