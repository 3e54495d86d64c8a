//! From what is to what should be, in rounds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use netfwd_common::addr::Addr;
use netfwd_common::maps::PortState;

use super::{Core, CoreError};
use crate::apply::apply;
use crate::config::{Config, PortAt};
use crate::dataplane::Maps;
use crate::desired::{self, Desired, DesiredError, Facts, Made};
use crate::health::Health;
use crate::ids::Ids;
use crate::links::{Links, cookie, xdp};
use crate::observe;
use crate::observed::{Inner, Link};
use crate::plan::{Action, plan};

/// Rounds until a plan must be empty: devices, then everything else, then one to see that nothing
/// is left; more where somebody else changes the same things at the same time.
const ROUNDS: usize = 6;

/// The facts that a configuration is resolved against.
#[derive(Debug, PartialEq, Eq)]
pub struct Host {
    netns_cookie: u64,
    links: BTreeMap<String, Link>,
    namespaces: BTreeSet<String>,
    shut: BTreeSet<u32>,
    down: BTreeSet<Addr>,
    xdp_targets: Option<BTreeSet<u32>>,
}

impl Host {
    /// Looks at the host, for a configuration; at the settings of those links alone that are not `known`.
    pub async fn look(
        links: &Links,
        config: &Config,
        maps: Option<&Maps>,
        health: &Health,
        known: &BTreeMap<String, Link>,
    ) -> Result<Self, CoreError> {
        let links = observe::links(links, known).await?;
        Ok(Self {
            netns_cookie: cookie::netns()?,
            xdp_targets: xdp_targets(config, &links)?,
            links,
            namespaces: namespaces(config),
            shut: maps.map(shut).transpose()?.unwrap_or_default(),
            down: health.down(),
        })
    }

    /// The interfaces, by ifindex, that carry frames.
    pub(super) fn carrying(&self) -> BTreeSet<u32> {
        let carrying = self.links.values().filter(|link| link.up && link.carrier);
        carrying.map(|link| link.ifindex).collect()
    }

    /// What a configuration means on this host.
    pub fn resolve(
        &self,
        instance: &str,
        config: &Config,
        ids: &mut Ids,
    ) -> Result<Desired, DesiredError> {
        let facts = Facts {
            instance,
            netns_cookie: self.netns_cookie,
            links: &self.links,
            namespaces: &self.namespaces,
            shut: &self.shut,
            down: &self.down,
            xdp_targets: self.xdp_targets.as_ref(),
        };
        desired::resolve(config, ids, facts)
    }
}

/// The interfaces that take frames redirected by XDP; not asked for where nothing redirects.
fn xdp_targets(
    config: &Config,
    links: &BTreeMap<String, Link>,
) -> Result<Option<BTreeSet<u32>>, CoreError> {
    let mut uplinks = config
        .host
        .uplinks
        .iter()
        .filter_map(|name| links.get(name));
    if !uplinks.any(|link| desired::wants_xdp(config.host.xdp, link)) {
        return Ok(None);
    }
    Ok(xdp::targets()?)
}

/// The ports that the programs shut.
fn shut(maps: &Maps) -> Result<BTreeSet<u32>, CoreError> {
    let ports = maps.ports.entries()?.into_iter();
    let shut = ports.filter(|(_, port)| port.state != PortState::Forwarding as u8);
    Ok(shut.map(|(ifindex, _)| ifindex).collect())
}

/// The namespaces that a configuration names and that exist.
fn namespaces(config: &Config) -> BTreeSet<String> {
    let ports = config.networks.iter().flat_map(|network| &network.ports);
    let names = ports.filter_map(|port| match &port.at {
        PortAt::Pair(pair) => Some(pair.netns.clone()),
        PortAt::Interface(_) | PortAt::Tap(_) => None,
    });
    // A path that starts with a slash replaces the folder.
    names
        .filter(|name| Path::new("/run/netns").join(name).exists())
        .collect()
}

impl Core {
    /// Looks at the host as it is now, for a configuration.
    pub(super) async fn look(&self, config: &Config) -> Result<Host, CoreError> {
        let maps = Some(self.dataplane.maps());
        Host::look(&self.links, config, maps, &self.health, &BTreeMap::new()).await
    }

    /// Looks at the host, but for the settings of links that were there before.
    pub(super) async fn glance(&self) -> Result<Host, CoreError> {
        let (maps, known) = (Some(self.dataplane.maps()), &self.host.links);
        Host::look(&self.links, &self.merged, maps, &self.health, known).await
    }

    /// Brings the host to what a configuration says.
    pub(super) async fn reconcile(&mut self, config: &Config) -> Result<(), CoreError> {
        self.rounds(config, false).await
    }

    /// The same for another configuration than is in force, which is refused when a port that it brings
    /// cannot be made: devices are made before anything ends. Where one is made and cannot be set, others
    /// may have ended: it is waited for, unless a command asks for that very port.
    pub(super) async fn go_over(&mut self, config: &Config) -> Result<(), CoreError> {
        self.rounds(config, true).await
    }

    async fn rounds(&mut self, config: &Config, refuses: bool) -> Result<(), CoreError> {
        let (start, mut makes) = (Instant::now(), true);
        let (mut last, mut failed) = (None, BTreeMap::new());
        for _ in 0..ROUNDS {
            let host = self.look(config).await?;
            let mut ids = self.ids.clone();
            let mut desired = host.resolve(&self.instance, config, &mut ids)?;
            self.keep_ids(ids)?;
            let observed = observe::observe(&self.dataplane, &self.links, &pairs(&desired)).await?;
            failed.extend(observed.unseen.clone());
            desired.set_aside(config, &failed);
            if refuses {
                self.refuse_newly_aside(&desired, makes)?;
            }
            let actions = plan(&desired, &observed);
            if actions.is_empty() {
                self.try_aside_later(&desired, start.elapsed());
                self.settle(host, desired);
                return Ok(());
            }
            makes &= actions.iter().any(Action::makes);
            failed.extend(self.apply(&actions).await?);
            self.zeroed(&actions)?;
            last = actions.into_iter().next();
        }
        Err(CoreError::NoEnd(format!("{last:?}")))
    }

    /// Refuses ports that a change brings and that cannot be had; while devices are made all of them, later
    /// those of commands.
    fn refuse_newly_aside(&self, desired: &Desired, makes: bool) -> Result<(), DesiredError> {
        let mut lacks = desired.newly_aside(&self.desired.devices);
        match lacks.find(|lack| makes || lack.is_of_command()) {
            Some(lack) => Err(lack.clone()),
            None => Ok(()),
        }
    }

    /// Applies actions, and logs which. Gives the ports that could not be had, by their interfaces here, and why.
    pub(super) async fn apply(
        &mut self,
        actions: &[Action],
    ) -> Result<BTreeMap<String, String>, CoreError> {
        for action in actions {
            tracing::debug!(?action);
        }
        Ok(apply(&mut self.dataplane, &self.links, actions).await?)
    }

    /// Written before what uses them is, so that a number never stands for two things.
    pub(super) fn keep_ids(&mut self, ids: Ids) -> Result<(), CoreError> {
        if ids != self.ids {
            self.store.save_ids(&ids)?;
            self.ids = ids;
        }
        Ok(())
    }

    /// Forgets which slots had to be zeroed, once they are.
    fn zeroed(&mut self, actions: &[Action]) -> Result<(), CoreError> {
        let mut ids = self.ids.clone();
        ids.zero
            .retain(|slot| !actions.contains(&Action::ZeroSlot(*slot)));
        self.keep_ids(ids)
    }
}

fn pairs(desired: &Desired) -> BTreeMap<String, Inner> {
    let devices = desired.devices.iter();
    let pairs = devices.filter_map(|(name, device)| match &device.made {
        Made::PairInto(inner) => Some((name.clone(), inner.clone())),
        _ => None,
    });
    pairs.collect()
}
