//! Neighbours that are no state, and ports that somebody opens again.

use netfwd_common::maps::{NeighbourFlags, NeighbourKey, Port, PortState};

use super::{Core, CoreError};
use crate::address::to_addr;
use crate::api::{NeighQuery, PortQuery};
use crate::plan::{Action, Entry, EntryKey, NeighbourFilter};
use crate::runtime::{Change, ChangeError, FdbSpec, NeighSpec, Object, Op};

impl Core {
    /// The actions of a change to a neighbour that is no state: the deletion of a learned one.
    pub(super) fn neighbour_change(
        &self,
        change: &Change,
    ) -> Result<Option<Vec<Action>>, CoreError> {
        let Object::Neigh(spec) = &change.object else {
            return Ok(None);
        };
        let key = self.neighbour_key(spec)?;
        let Some(known) = self.dataplane.maps().neighbours.get(&key)? else {
            return Ok(None);
        };
        if known.flags.has(NeighbourFlags::GATEWAY) {
            let (ip, network) = (spec.ip, &spec.network);
            let message = format!("{ip} is the gateway of network {network}; leave it alone");
            return Err(ChangeError::Bad(message).into());
        }
        if change.op == Op::Add && !known.flags.has(NeighbourFlags::STATIC) {
            return Err(ChangeError::Exists(spec.what()).into());
        }
        if change.op != Op::Del || known.flags.has(NeighbourFlags::STATIC) {
            return Ok(None);
        }
        Ok(Some(vec![Action::Delete(EntryKey::Neighbour(key))]))
    }

    fn neighbour_key(&self, spec: &NeighSpec) -> Result<NeighbourKey, ChangeError> {
        let own = self.network(&spec.network)?.own_vlan();
        Ok(NeighbourKey {
            network: self.network_id(&spec.network)?,
            vlan: spec.vlan.unwrap_or(own),
            pad: 0,
            ip: to_addr(spec.ip),
        })
    }

    /// Forgets the neighbours that match, but for static ones.
    pub async fn flush_neighbours(&mut self, query: &NeighQuery) -> Result<(), CoreError> {
        let filter = self.neighbour_filter(query)?;
        self.apply(&[Action::FlushNeighbours(filter)]).await?;
        Ok(())
    }

    fn neighbour_filter(&self, query: &NeighQuery) -> Result<NeighbourFilter, ChangeError> {
        let network = query.network.as_deref();
        let port = query.port.as_deref();
        let station = FdbSpec {
            mac: query.mac.clone().unwrap_or_default(),
            ..FdbSpec::default()
        };
        Ok(NeighbourFilter {
            network: network.map(|name| self.network_id(name)).transpose()?,
            ifindex: port.map(|name| self.any_port(name)).transpose()?,
            mac: query.mac.as_ref().map(|_| station.station()).transpose()?,
            vlan: query.vlan,
        })
    }

    /// Opens a port that a BPDU shut; one that is open stays so.
    pub async fn open_port(&mut self, query: &PortQuery) -> Result<(), CoreError> {
        let ifindex = self.any_port(&query.port)?;
        if let Some(port) = self.dataplane.maps().ports.get(&ifindex)? {
            let open = Port {
                state: PortState::Forwarding as u8,
                ..port
            };
            self.apply(&[Action::Put(Entry::Port(ifindex, open))])
                .await?;
        }
        let merged = self.merged.clone();
        self.reconcile(&merged).await
    }
}
