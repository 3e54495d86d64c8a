//! Objects that are in a network: which, what they are called, and how they are got rid of.

use super::{FdbSpec, FloatingSpec, NeighSpec, PeerSpec, PortSpec, PublishSpec};

/// An object in a network.
pub(super) trait Housed {
    /// Its network.
    fn network(&self) -> &str;
    /// How users name it, where the network is named beside.
    fn label(&self) -> String;
    /// The command that deletes it, without `netfwd`.
    fn way_out(&self) -> String;
}

impl Housed for PortSpec {
    fn network(&self) -> &str {
        self.network.as_deref().unwrap_or_default()
    }

    fn label(&self) -> String {
        format!("port {}", PortSpec::label(self))
    }

    fn way_out(&self) -> String {
        let (label, network) = (PortSpec::label(self), Housed::network(self));
        format!("port del {label} --network {network}")
    }
}

impl Housed for PeerSpec {
    fn network(&self) -> &str {
        &self.network
    }

    fn label(&self) -> String {
        format!("peer {}", self.address)
    }

    fn way_out(&self) -> String {
        format!("peer del {} --network {}", self.address, self.network)
    }
}

impl Housed for FdbSpec {
    fn network(&self) -> &str {
        &self.network
    }

    fn label(&self) -> String {
        format!("FDB entry {}", self.mac)
    }

    fn way_out(&self) -> String {
        let of = of_vlan(self.vlan);
        format!("fdb del {} --network {}{of}", self.mac, self.network)
    }
}

impl Housed for NeighSpec {
    fn network(&self) -> &str {
        &self.network
    }

    fn label(&self) -> String {
        format!("neighbour {}", self.ip)
    }

    fn way_out(&self) -> String {
        let of = of_vlan(self.vlan);
        format!("neigh del {} --network {}{of}", self.ip, self.network)
    }
}

impl Housed for PublishSpec {
    fn network(&self) -> &str {
        self.network.as_deref().unwrap_or_default()
    }

    fn label(&self) -> String {
        format!("publish {}", self.listen)
    }

    fn way_out(&self) -> String {
        format!("publish del {}", self.listen)
    }
}

impl Housed for FloatingSpec {
    fn network(&self) -> &str {
        self.network.as_deref().unwrap_or_default()
    }

    fn label(&self) -> String {
        self.what()
    }

    fn way_out(&self) -> String {
        format!("floating del {}", self.external)
    }
}

fn of_vlan(vlan: Option<u16>) -> String {
    vlan.map(|vlan| format!(" --vlan {vlan}"))
        .unwrap_or_default()
}
