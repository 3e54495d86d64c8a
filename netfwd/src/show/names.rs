//! Numbers of the maps, turned back into names.

use std::collections::BTreeMap;

use crate::ids::{Ids, Scope};

/// Names by number.
pub(super) struct Names {
    networks: BTreeMap<u32, String>,
    slots: BTreeMap<u32, (Scope, String)>,
}

impl Names {
    pub(super) fn new(ids: Ids) -> Self {
        let scopes = [Scope::Network, Scope::Port, Scope::Peer, Scope::Uplink];
        let slots = scopes.into_iter().flat_map(|scope| {
            let slots = ids.slots(scope).iter();
            slots.map(move |(name, slot)| (*slot, (scope, name.clone())))
        });
        let slots = slots.collect();
        let networks = ids.networks.into_iter().map(|(name, id)| (id, name));
        Self {
            networks: networks.collect(),
            slots,
        }
    }

    /// The network with an id; its number where the name is lost.
    pub(super) fn network(&self, id: u32) -> String {
        self.networks
            .get(&id)
            .cloned()
            .unwrap_or_else(|| format!("#{id}"))
    }

    /// The port that counts in a slot; its interface's number where the name is lost.
    pub(super) fn port(&self, slot: u32, ifindex: u32) -> String {
        match self.slots.get(&slot) {
            Some((Scope::Port, name)) => name.clone(),
            _ => format!("#{ifindex}"),
        }
    }

    /// Everything that counts, by slot.
    pub(super) fn slots(&self) -> &BTreeMap<u32, (Scope, String)> {
        &self.slots
    }
}
