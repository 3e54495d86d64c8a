//! The start: from a file and what is left of the last run to a data path that is what it should be.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::change::refuse;
use super::reconcile::Host;
use super::{Core, CoreError};
use crate::ageing::Ageing;
use crate::announce::Announcer;
use crate::cleanup::Before;
use crate::config::{self, Config};
use crate::dataplane::{Dataplane, LoadOptions};
use crate::desired::Desired;
use crate::health::Health;
use crate::links::Links;
use crate::metrics::{Exporter, Vitals};
use crate::querier::Querier;
use crate::runtime::{Fit, Store};
use crate::targets::Targets;

/// What a start starts from.
struct Start<'a> {
    instance: &'a str,
    file: &'a Path,
    config: Config,
    /// The data path of a run before is there.
    adopted: bool,
    trace: bool,
}

impl Core {
    /// Brings the host to what the file says. When that fails where there is no data path to adopt, what
    /// the start made goes again, and nothing else: the state of a run before a reboot stays.
    pub async fn start(instance: &str, file: &Path, trace: bool) -> Result<Self, CoreError> {
        let config = config::load(file)?;
        let before = Before::look(instance).await?;
        let start = Start {
            instance,
            file,
            config,
            adopted: before.adopted,
            trace,
        };
        let started = Box::pin(Self::bring_up(start)).await;
        if let Err(error) = &started {
            tracing::debug!("removing what was begun: {error}");
            if let Err(error) = before.restore(instance).await {
                tracing::warn!("{error}");
            }
        }
        started
    }

    async fn bring_up(start: Start<'_>) -> Result<Self, CoreError> {
        let (instance, config) = (start.instance, start.config);
        let store = Store::of(instance);
        let fit = store.runtime()?.fitting(&store.misfits()?, &config);
        let merged = fit.kept.merge(&config)?;
        let links = Links::open(instance)?;
        let ids = store.ids()?;
        let host = Host::look(&links, &merged, None, &Health::default(), &BTreeMap::new()).await?;
        let first = host.resolve(instance, &merged, &mut ids.clone())?;
        // What is adopted forwards, and waits as it did before.
        let of_file = first.waiting.iter().filter(|lack| !lack.is_of_command());
        refuse(of_file.filter(|_| !start.adopted))?;
        let options = LoadOptions {
            trace: start.trace,
            sessions: Some(config.nat.max_sessions),
            translates: merged.translates(),
            ..LoadOptions::default()
        };
        let vitals = Arc::new(Vitals::new(instance));
        let mut exporter = Exporter::new(Arc::clone(&vitals));
        let bound = exporter.bind(config.metrics.listen.as_ref())?;
        let mut dataplane = Dataplane::open(instance, &options)?;
        let mut core = Self {
            instance: instance.to_owned(),
            file: start.file.to_owned(),
            ageing: Ageing::default(),
            health: Health::adopt(dataplane.maps_mut(), config.vxlan.probe)?,
            config,
            runtime: fit.kept.clone(),
            ids,
            store,
            dataplane,
            links,
            desired: Desired::default(),
            host,
            querier: Querier::default(),
            targets: Targets::default(),
            announcer: Announcer::default(),
            vitals,
            exporter,
            hub: Arc::default(),
            closer_due: Instant::now(),
            tick_due: Instant::now(),
            aside_due: None,
            failure: None,
            ready: Instant::now(),
            merged: merged.clone(),
        };
        core.reconcile(&merged).await?;
        core.warn_of_waiting(&[]);
        core.keep(&fit)?;
        core.exporter.serve(bound);
        core.vitals.applied(true);
        Ok(core)
    }

    /// Keeps what was added by command, what does not fit first: a start that ends in between finds it
    /// in both files.
    fn keep(&self, fit: &Fit) -> Result<(), CoreError> {
        for error in &fit.why {
            let error = error.to_string();
            // The remedy is for a daemon that has the object.
            let why = error
                .rsplit_once("; ")
                .map_or(error.as_str(), |(why, _)| why);
            let path = self.store.misfits_path();
            tracing::warn!(
                "left out what was added by command, because {why}; {} keeps it for a start that it fits",
                path.display()
            );
        }
        self.store.save_misfits(&fit.misfits)?;
        Ok(self.store.save_runtime(&fit.kept)?)
    }
}
