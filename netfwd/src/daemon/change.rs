//! Going over to another configuration: a reload, and changes by command.

use super::{Core, CoreError};
use crate::config::{self, Config, ConfigError, Place};
use crate::desired::DesiredError;
use crate::events::{Event, Kind};
use crate::ids::Ids;
use crate::naming;
use crate::plan::Action;
use crate::runtime::{Change, Runtime};

impl Core {
    /// Applies the file again.
    pub async fn reload(&mut self) -> Result<(), CoreError> {
        let done = Box::pin(self.apply_file()).await;
        self.vitals.applied(done.is_ok());
        done
    }

    async fn apply_file(&mut self) -> Result<(), CoreError> {
        let config = config::load(&self.file)?;
        self.same_name(&config)?;
        self.become_that(config, self.runtime.clone()).await?;
        tracing::info!("applied {}", self.file.display());
        Ok(())
    }

    /// Refuses a file that has come to name another instance: its commands would go to that one.
    fn same_name(&self, config: &Config) -> Result<(), ConfigError> {
        let (now, before) = (named(config), named(&self.config));
        if now == before || now == self.instance {
            return Ok(());
        }
        let message = format!(
            "[host] `name` makes it instance {now}, but {} runs; keep that name, or stop it and start the other",
            self.instance
        );
        let file = self.file.display().to_string().into();
        Err(ConfigError::new(&Place { file, line: 0 }, message))
    }

    /// Makes a change that a command asks for.
    pub async fn change(&mut self, change: &Change) -> Result<(), CoreError> {
        let at_once = match self.fdb_change(change)? {
            None => self.neighbour_change(change)?,
            some => some,
        };
        if let Some(actions) = at_once {
            self.apply(&actions).await?;
            return Ok(());
        }
        let runtime = self.runtime.after(change, &self.config, &self.merged)?;
        let after: Vec<Action> = self.fdb_successor(change)?.into_iter().collect();
        self.become_that(self.config.clone(), runtime).await?;
        self.apply(&after).await?;
        Ok(())
    }

    /// Goes over to another configuration and runtime state, or stays as it is.
    async fn become_that(&mut self, config: Config, runtime: Runtime) -> Result<(), CoreError> {
        let merged = runtime.merge(&config)?;
        let host = self.look(&merged).await?;
        let first = host.resolve(&self.instance, &merged, &mut self.ids.clone())?;
        let known = &self.desired.waiting;
        let news = first.waiting.iter();
        refuse(news.filter(|lack| !known.iter().any(|one| one.is_like(lack))))?;
        let bound = self.exporter.bind(config.metrics.listen.as_ref())?;
        let (known, ids) = (known.clone(), self.ids.clone());
        let mut done = self.go_over(&merged).await;
        if done.is_ok() {
            done = self.store.save_runtime(&runtime).map_err(CoreError::from);
        }
        if let Err(error) = done {
            self.exporter.stay(bound);
            if let Err(again) = self.go_back(&ids).await {
                tracing::error!("going back failed as well: {again}");
            }
            return Err(error);
        }
        self.exporter.serve(bound);
        let probe = self.config.vxlan.probe;
        (self.config, self.runtime, self.merged) = (config, runtime, merged);
        if self.config.vxlan.probe != probe {
            self.probe_anew().await?;
        }
        self.hub.tell(Event::now(Kind::ConfigApplied));
        self.warn_of_waiting(&known);
        Ok(())
    }

    /// Puts what is in force back where a change of it failed, under the numbers that it had: sessions and
    /// stations are known by them.
    async fn go_back(&mut self, before: &Ids) -> Result<(), CoreError> {
        self.keep_ids(self.ids.back_to(before))?;
        let merged = self.merged.clone();
        self.reconcile(&merged).await
    }
}

/// The instance that a file is for, where no command line says otherwise.
fn named(config: &Config) -> String {
    config.host.name.clone().unwrap_or_else(naming::hostname)
}

/// Refuses the first thing that the host lacks and that does not come by itself.
pub(super) fn refuse<'a>(
    mut lacks: impl Iterator<Item = &'a DesiredError>,
) -> Result<(), DesiredError> {
    match lacks.find(|lack| !lack.may_come()) {
        Some(lack) => Err(lack.clone()),
        None => Ok(()),
    }
}
