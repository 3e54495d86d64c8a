//! What the daemon holds, and what can be asked of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::CoreError;
use super::reconcile::Host;
use crate::ageing::Ageing;
use crate::announce::Announcer;
use crate::cleanup;
use crate::config::{self, Config};
use crate::dataplane::{Dataplane, Events, LoadOptions, Pins};
use crate::desired::{Desired, DesiredError};
use crate::events::{Event, Hub, Kind};
use crate::health::Health;
use crate::ids::Ids;
use crate::links::Links;
use crate::observe;
use crate::plan::{self, Action};
use crate::querier::Querier;
use crate::runtime::{Change, Runtime, Store};
use crate::targets::Targets;

/// How often hooks and the settings of devices are looked at, unless there are thousands: then this many
/// times as long as a look takes is between two, so that it takes a bounded share of a CPU.
const CLOSER: Duration = Duration::from_secs(2);
const REST: u32 = 200;
/// The same of looks at ticks, which see what netlink does not tell, such as a new namespace.
const REST_OF_TICKS: u32 = 50;

/// The daemon's state. One lock around it makes every operation whole.
pub struct Core {
    pub(super) instance: String,
    pub(super) file: PathBuf,
    /// What the file says.
    config: Config,
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
    querier: Querier,
    pub(super) targets: Targets,
    pub(super) announcer: Announcer,
    /// Where whoever watches hears of what happens.
    pub(super) hub: Arc<Hub>,
    /// When hooks and settings are looked at next.
    closer_due: Instant,
    /// When ticks look at the host again.
    tick_due: Instant,
    /// The last failure that was logged, so that it is not logged every second.
    failure: Option<String>,
    pub(super) ready: Instant,
}

impl Core {
    /// Brings the host to what the file says. When that fails on a host where this instance left
    /// nothing before, nothing stays.
    pub async fn start(instance: &str, file: &Path, trace: bool) -> Result<Self, CoreError> {
        let config = config::load(file)?;
        let adopted = Pins::of(instance).root().exists();
        let started = Box::pin(Self::bring_up(instance, file, config, trace)).await;
        if let (Err(error), false) = (&started, adopted) {
            tracing::debug!("removing what was begun: {error}");
            if let Err(error) = cleanup::cleanup(instance).await {
                tracing::warn!("{error}");
            }
        }
        started
    }

    async fn bring_up(
        instance: &str,
        file: &Path,
        config: Config,
        trace: bool,
    ) -> Result<Self, CoreError> {
        let store = Store::of(instance);
        let (runtime, refused) = store.runtime()?.fitting(&config);
        for error in refused {
            tracing::warn!("dropped what was added by command, because {error}");
        }
        let merged = runtime.merge(&config)?;
        let links = Links::open(instance)?;
        let ids = store.ids()?;
        let host = Host::look(&links, &merged, None, &Health::default(), &BTreeMap::new()).await?;
        let first = host.resolve(instance, &merged, &mut ids.clone())?;
        refuse(first.waiting.iter().filter(|lack| !lack.is_of_command()))?;
        let options = LoadOptions {
            trace,
            sessions: Some(config.nat.max_sessions),
            translates: merged.translates(),
            ..LoadOptions::default()
        };
        let mut dataplane = Dataplane::open(instance, &options)?;
        let mut core = Self {
            instance: instance.to_owned(),
            file: file.to_owned(),
            ageing: Ageing::default(),
            health: Health::adopt(dataplane.maps_mut(), config.vxlan.probe)?,
            config,
            runtime,
            ids,
            store,
            dataplane,
            links,
            desired: Desired::default(),
            host,
            querier: Querier::default(),
            targets: Targets::default(),
            announcer: Announcer::default(),
            hub: Arc::default(),
            closer_due: Instant::now(),
            tick_due: Instant::now(),
            failure: None,
            ready: Instant::now(),
            merged: merged.clone(),
        };
        core.reconcile(&merged).await?;
        core.store.save_runtime(&core.runtime)?;
        Ok(core)
    }

    /// Applies the file again.
    pub async fn reload(&mut self) -> Result<(), CoreError> {
        let config = config::load(&self.file)?;
        self.become_that(config, self.runtime.clone()).await?;
        tracing::info!("applied {}", self.file.display());
        Ok(())
    }

    /// Makes a change that a command asks for.
    pub async fn change(&mut self, change: &Change) -> Result<(), CoreError> {
        let at_once = match self.fdb_change(change)? {
            None => self.neighbour_change(change)?,
            some => some,
        };
        if let Some(actions) = at_once {
            return self.apply(&actions).await;
        }
        let runtime = self.runtime.after(change, &self.config, &self.merged)?;
        self.become_that(self.config.clone(), runtime).await
    }

    /// Goes over to another configuration and runtime state, or stays as it is.
    async fn become_that(&mut self, config: Config, runtime: Runtime) -> Result<(), CoreError> {
        let merged = runtime.merge(&config)?;
        let host = self.look(&merged).await?;
        let first = host.resolve(&self.instance, &merged, &mut self.ids.clone())?;
        let known = &self.desired.waiting;
        refuse(first.waiting.iter().filter(|lack| !known.contains(lack)))?;
        let mut done = self.reconcile(&merged).await;
        if done.is_ok() {
            done = self.store.save_runtime(&runtime).map_err(CoreError::from);
        }
        if let Err(error) = done {
            let before = self.merged.clone();
            if let Err(again) = self.reconcile(&before).await {
                tracing::error!("going back failed as well: {again}");
            }
            return Err(error);
        }
        let probe = self.config.vxlan.probe;
        (self.config, self.runtime, self.merged) = (config, runtime, merged);
        if self.config.vxlan.probe != probe {
            self.probe_anew().await?;
        }
        self.hub.tell(Event::now(Kind::ConfigApplied));
        Ok(())
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
        let waiting = self.desired.waiting.iter();
        for lack in waiting.filter(|lack| !known.contains(lack)) {
            tracing::warn!("waiting: {lack}");
        }
        Ok(())
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
        let changed = host != self.host || self.failure.is_some();
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

/// Refuses the first thing that the host lacks.
fn refuse<'a>(mut lacks: impl Iterator<Item = &'a DesiredError>) -> Result<(), DesiredError> {
    match lacks.next() {
        Some(lack) => Err(lack.clone()),
        None => Ok(()),
    }
}
