//! Numbers of the maps, turned back into names.

use std::collections::BTreeMap;

use crate::ids::{Ids, Scope, parts};

/// Who counts in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// What it is.
    pub(super) scope: Scope,
    /// The name of the network, the interface, or the address.
    pub(super) name: String,
    /// The network that it counts for: of a port or peer, whose name is known.
    pub(super) network: Option<String>,
}

impl Owner {
    fn new(scope: Scope, part: &str) -> Self {
        let (name, network) = match scope {
            Scope::Port | Scope::Peer => parts(part),
            Scope::Network | Scope::Uplink => (part, None),
        };
        Self {
            scope,
            name: name.to_owned(),
            network: network.map(ToOwned::to_owned),
        }
    }
}

/// Names by number.
pub(super) struct Names {
    networks: BTreeMap<u32, String>,
    slots: BTreeMap<u32, Owner>,
    objects: BTreeMap<(Scope, String), Vec<u32>>,
    pairs: BTreeMap<String, (String, String)>,
}

impl Names {
    pub(super) fn new(ids: Ids) -> Self {
        let scopes = [Scope::Network, Scope::Port, Scope::Peer, Scope::Uplink];
        let slots = scopes.into_iter().flat_map(|scope| {
            let slots = ids.slots(scope).iter();
            slots.map(move |(part, slot)| (*slot, Owner::new(scope, part)))
        });
        let slots: BTreeMap<u32, Owner> = slots.collect();
        let mut objects: BTreeMap<(Scope, String), Vec<u32>> = BTreeMap::new();
        for (slot, owner) in &slots {
            let object = objects.entry((owner.scope, owner.name.clone()));
            object.or_default().push(*slot);
        }
        let networks = ids.networks.into_iter().map(|(name, id)| (id, name));
        Self {
            networks: networks.collect(),
            slots,
            objects,
            pairs: ids.pairs,
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
            Some(owner) if owner.scope == Scope::Port => owner.name.clone(),
            _ => format!("#{ifindex}"),
        }
    }

    /// Everything that counts, by slot.
    pub(super) fn slots(&self) -> &BTreeMap<u32, Owner> {
        &self.slots
    }

    /// The slots of a port or peer, one for each network that counts a part of it.
    pub(super) fn slots_of(&self, scope: Scope, name: &str) -> &[u32] {
        let slots = self.objects.get(&(scope, name.to_owned()));
        slots.map_or(&[], Vec::as_slice)
    }

    /// The namespace of the other end of a pair that is made, and its name there.
    pub(super) fn pair(&self, interface: &str) -> Option<&(String, String)> {
        self.pairs.get(interface)
    }
}
