//! The querier: asks for the members of multicast groups in networks where no router does. Its queries
//! go out of the gateway device, so that the data path floods and hears them like any router's.

mod asker;
mod ear;
mod frames;

use std::collections::BTreeMap;
use std::time::Instant;

use crate::config::{Config, Network};
use crate::links::{LinkError, Links};
use asker::Asker;

/// Asks in every network that wants it.
#[derive(Debug, Default)]
pub struct Querier {
    askers: BTreeMap<String, Asker>,
}

impl Querier {
    /// Sends the queries that are due; to be called once a second.
    pub async fn tick(&mut self, config: &Config, links: &Links) -> Result<(), LinkError> {
        let asks = |network: &&Network| network.switch.multicast_querier;
        let networks: BTreeMap<&str, &Network> = config
            .networks
            .iter()
            .filter(asks)
            .map(|network| (network.name.as_str(), network))
            .collect();
        self.askers
            .retain(|name, _| networks.contains_key(name.as_str()));
        let now = Instant::now();
        for (name, network) in networks {
            let asker = self.askers.get(name);
            if asker.is_none_or(|asker| asker.is_due(now)) {
                self.general(network, links, now).await?;
            }
        }
        self.askers.values_mut().try_for_each(Asker::ask_again)
    }

    /// The general queries of a network, once its gateway device is there and up.
    async fn general(
        &mut self,
        network: &Network,
        links: &Links,
        now: Instant,
    ) -> Result<(), LinkError> {
        let Some(gateway) = &network.gateway else {
            return Ok(());
        };
        let mut list = links.list().await?.into_iter();
        let device = list.find(|link| link.name == gateway.device && link.up);
        let (Some(device), name) = (device, &network.name) else {
            self.askers.remove(&network.name);
            return Ok(());
        };
        let asker = self.askers.remove(name);
        let mut asker = match asker.filter(|asker| asker.index() == device.index) {
            Some(asker) => asker,
            None => Asker::new(device.clone(), now)?,
        };
        asker.ask(device, now)?;
        self.askers.insert(name.clone(), asker);
        Ok(())
    }
}
