//! Peers that go down and come back.

use super::{Core, CoreError};
use crate::address::from_addr;
use crate::events::{Event, Kind};
use crate::health::{Change, Health, State};

impl Core {
    /// Probes the peers where the configuration says so, and floods to those alone that are not down.
    pub async fn probe(&mut self) {
        if let Err(error) = self.look_after_peers().await {
            tracing::warn!("the health of peers: {error}");
        }
    }

    async fn look_after_peers(&mut self) -> Result<(), CoreError> {
        let changes = self.health.tick(self.dataplane.maps_mut())?;
        let of_flooding = changes.iter().filter(|change| change.is_of_flooding());
        let of_flooding: Vec<Change> = of_flooding.copied().collect();
        if of_flooding.is_empty() {
            return Ok(());
        }
        let merged = self.merged.clone();
        let done = self.reconcile(&merged).await;
        for change in &of_flooding {
            self.tell_of_peer(change);
        }
        done
    }

    fn tell_of_peer(&self, change: &Change) {
        let peer = from_addr(&change.peer).to_string();
        let kind = if change.to == State::Down {
            tracing::warn!("peer {peer} does not answer any more; nothing is flooded to it");
            Kind::PeerDown
        } else {
            tracing::info!("peer {peer} answers again");
            Kind::PeerUp
        };
        self.hub.tell(Event {
            peer: Some(peer),
            ..Event::now(kind)
        });
    }

    /// Probes as the configuration in force says. Where that is other than before, what is known of the
    /// peers is kept, unless there are no probes any more.
    pub(super) async fn probe_anew(&mut self) -> Result<(), CoreError> {
        let before = self.health.down();
        let probe = self.merged.vxlan.probe;
        self.health = Health::adopt(self.dataplane.maps_mut(), probe)?;
        if self.health.down() != before {
            let merged = self.merged.clone();
            self.reconcile(&merged).await?;
        }
        Ok(())
    }
}
