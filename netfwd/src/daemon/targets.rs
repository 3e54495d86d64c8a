//! Targets of publishes that go and come back.

use super::{Core, CoreError};
use crate::address::from_addr;
use crate::events::{Event, Kind};
use crate::observed::MapState;
use crate::targets::{self, Change};

impl Core {
    /// Takes over what is published now.
    pub(super) fn follow_publishes(&mut self, maps: &MapState) {
        if let Err(error) = self.targets.follow(maps, self.dataplane.maps_mut()) {
            tracing::warn!("the targets of publishes: {error}");
        }
        let serving = !maps.publishes.is_empty() || !maps.floatings.is_empty();
        self.dataplane.serve_host(serving);
    }

    /// Looks which targets are there.
    pub(super) async fn look_after_targets(&mut self) -> Result<(), CoreError> {
        if self.targets.is_empty() {
            return Ok(());
        }
        let neighbours = self.links.neighbours().await?;
        let carrying = self.host.carrying();
        let maps = self.dataplane.maps_mut();
        let changes = self.targets.hear(&neighbours, &carrying, maps)?;
        for change in changes {
            self.target_changed(change).await?;
        }
        Ok(())
    }

    async fn target_changed(&mut self, change: Change) -> Result<(), CoreError> {
        self.tell_of_target(&change);
        if !change.down {
            return Ok(());
        }
        let groups = self.targets.served_without(&change.place);
        let ended = targets::end(self.dataplane.maps_mut(), change.place, &groups)?;
        tracing::info!("{ended} sessions of that target are ended");
        match self.targets.device(&change.place) {
            Some(device) if change.by_port => self.ask_anew(device, &change).await,
            _ => Ok(()),
        }
    }

    /// Has the kernel forget what it believes of a neighbour, for up to a minute, and ask at once. One whose
    /// MAC the configuration gives is not asked for.
    async fn ask_anew(&self, device: u32, change: &Change) -> Result<(), CoreError> {
        let address = from_addr(&change.place.1);
        let known = self.links.neighbours().await?;
        let managed = |n: &crate::links::Neighbour| {
            n.ifindex == device && n.address == address && n.managed && !n.permanent
        };
        if known.iter().any(managed) {
            self.links.delete_neighbour(device, address).await?;
            self.links.set_managed_neighbour(device, address).await?;
        }
        Ok(())
    }

    fn tell_of_target(&self, change: &Change) {
        let (network, address) = change.place;
        let target = from_addr(&address).to_string();
        let network = self.ids.networks.iter().find(|(_, id)| **id == network);
        let network = network.map(|(name, _)| name.clone());
        let kind = if change.down {
            tracing::warn!(
                "target {target} does not answer; it gets no sessions that another can serve"
            );
            Kind::TargetDown
        } else {
            tracing::info!("target {target} answers again");
            Kind::TargetUp
        };
        self.hub.tell(Event {
            network,
            target: Some(target),
            ..Event::now(kind)
        });
    }
}
