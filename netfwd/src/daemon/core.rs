//! What the daemon holds, and what can be asked of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::CoreError;
use super::reconcile::Host;
use crate::ageing::Ageing;
use crate::announce::Announcer;
use crate::config::Config;
use crate::dataplane::{Dataplane, Events};
use crate::desired::{Desired, DesiredError};
use crate::events::Hub;
use crate::health::Health;
use crate::ids::Ids;
use crate::links::Links;
use crate::metrics::{Exporter, Vitals};
use crate::observe;
use crate::plan::{self, Action};
use crate::querier::Querier;
use crate::runtime::{Runtime, Store};
use crate::targets::Targets;

/// How often hooks and the settings of devices are looked at, unless there are thousands: then this many
/// times as long as a look takes is between two, so that it takes a bounded share of a CPU.
const CLOSER: Duration = Duration::from_secs(2);
const REST: u32 = 200;
/// The same of looks at ticks, which see what netlink does not tell, such as a new namespace.
const REST_OF_TICKS: u32 = 50;

/// How soon ports that could not be had are tried again, at the earliest.
const ASIDE: Duration = Duration::from_secs(5);

/// The daemon's state. One lock around it makes every operation whole.
pub struct Core {
    pub(super) instance: String,
    pub(super) file: PathBuf,
    /// What the file says.
    pub(super) config: Config,
    /// What was added by command.
    pub(super) runtime: Runtime,
    /// Both.
    pub(super) merged: Config,
    pub(super) ids: Ids,
    pub(super) store: Store,
    pub(super) dataplane: Dataplane,
    pub(super) links: Links,
    /// What is in force.
    pub(super) desired: Desired,
    /// The host as it was when that was put in force.
    pub(super) host: Host,
    pub(super) ageing: Ageing,
    pub(super) health: Health,
    pub(super) querier: Querier,
    pub(super) targets: Targets,
    pub(super) announcer: Announcer,
    pub(super) vitals: Arc<Vitals>,
    pub(super) exporter: Exporter,
    /// Where whoever watches hears of what happens.
    pub(super) hub: Arc<Hub>,
    /// When hooks and settings are looked at next.
    pub(super) closer_due: Instant,
    /// When ticks look at the host again.
    pub(super) tick_due: Instant,
    /// When ports that were left as they are get another try.
    pub(super) aside_due: Option<Instant>,
    /// The last failure that was logged, so that it is not logged every second.
    pub(super) failure: Option<String>,
    pub(super) ready: Instant,
}

impl Core {
    /// Tries again what was left as it is, which no event tells of: what is in the way is in another
    /// namespace. `took` is what a try costs.
    pub(super) fn try_aside_later(&mut self, desired: &Desired, took: Duration) {
        let later = Instant::now() + ASIDE.max(took * REST);
        self.aside_due = (!desired.aside().is_empty()).then_some(later);
    }

    /// Brings the host back to what it should be when something changed on it.
    pub async fn poll(&mut self) {
        let mut result = self.follow().await;
        if result.is_ok() {
            result = self.look_after_targets().await;
        }
        let result = result.err().map(|error| error.to_string());
        if let Some(failure) = result
            .as_ref()
            .filter(|now| self.failure.as_ref() != Some(now))
        {
            tracing::error!("{failure}");
        }
        self.failure = result;
    }

    /// The same at every tick, though seldom where it takes long: thousands of links are a tenth of a
    /// second's work.
    pub async fn tick(&mut self) {
        if Instant::now() >= self.tick_due {
            self.poll().await;
        }
    }

    async fn follow(&mut self) -> Result<(), CoreError> {
        if !self.has_changed().await? {
            return Ok(());
        }
        let known = self.desired.waiting.clone();
        let merged = self.merged.clone();
        self.reconcile(&merged).await?;
        self.warn_of_waiting(&known);
        Ok(())
    }

    /// Says what is waited for, but for what is `known` already.
    pub(super) fn warn_of_waiting(&self, known: &[DesiredError]) {
        let waiting = self.desired.waiting.iter();
        for lack in waiting.filter(|lack| !known.iter().any(|one| one.is_like(lack))) {
            tracing::warn!("waiting: {lack}");
        }
    }

    /// Whether the host is not what it was. What takes some calls for each link is not asked every time.
    async fn has_changed(&mut self) -> Result<bool, CoreError> {
        let start = Instant::now();
        let closer = start >= self.closer_due;
        let host = if closer {
            self.look(&self.merged).await?
        } else {
            self.glance().await?
        };
        let aside = self.aside_due.is_some_and(|due| start >= due);
        let changed = host != self.host || self.failure.is_some() || aside;
        let changed = changed || closer && self.has_lost_hooks().await?;
        if closer {
            self.closer_due = start + CLOSER.max(start.elapsed() * REST);
        }
        self.tick_due = start + start.elapsed() * REST_OF_TICKS;
        Ok(changed)
    }

    /// Whether somebody detached or replaced a program: TCX and XDP links can be without a word by
    /// netlink.
    async fn has_lost_hooks(&mut self) -> Result<bool, CoreError> {
        let observed = observe::hooks(&self.dataplane, &self.links).await?;
        let lost = plan::attach(&self.desired, &observed);
        for action in &lost {
            if let Action::Attach { at, .. } = action {
                let (hook, interface) = (at.hook.name(), &at.interface);
                tracing::warn!(
                    "{hook} of {interface} was detached by somebody else; attaching again"
                );
            }
        }
        Ok(!lost.is_empty())
    }

    /// Remembers what was put in force, on which host.
    pub(super) fn settle(&mut self, host: Host, desired: Desired) {
        let (before, now) = (&self.desired.maps.ports, &desired.maps.ports);
        self.hub.in_force(&self.ids, before, now);
        if let Err(error) = self
            .health
            .follow(&desired.maps.peers, self.dataplane.maps())
        {
            tracing::warn!("the health of peers: {error}");
        }
        self.follow_publishes(&desired.maps);
        self.note_static(&desired.maps);
        (self.host, self.desired) = (host, desired);
        self.take_over();
    }

    /// Asks for the members of multicast groups where netfwd is the querier.
    pub async fn ask(&mut self) {
        if let Err(error) = self.querier.tick(&self.merged, &self.links).await {
            tracing::warn!("no multicast query: {error}");
        }
    }

    /// Where whoever watches hears of what happens.
    pub fn hub(&self) -> Arc<Hub> {
        Arc::clone(&self.hub)
    }

    /// What the programs tell.
    pub fn events(&self) -> Result<Events, CoreError> {
        Ok(self.dataplane.events()?)
    }

    /// Whether a network of this name is in force.
    pub fn has_network(&self, name: &str) -> bool {
        let mut networks = self.merged.networks.iter();
        networks.any(|network| network.name == name)
    }

    /// Follows what the programs log.
    pub fn follow_log(&mut self) {
        self.dataplane.follow_log();
    }
}
