//! The daemon's life: start, events, end.

use std::future::pending;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Mutex, Notify};
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

use super::{Core, CoreError};
use crate::api::{self, Lock};
use crate::cleanup;
use crate::events;
use crate::links::Links;

/// How often the host is looked at and entries age, whatever netlink says.
const TICK: Duration = Duration::from_secs(1);
/// Changes within this time are handled together.
const SETTLE: Duration = Duration::from_millis(50);

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of the instance.
    pub instance: String,
    /// The configuration file.
    pub config: PathBuf,
    /// Remove the data path on exit; what was added by command stays for the next start.
    pub teardown: bool,
    /// Log what the data path does.
    pub trace: bool,
}

/// Runs until a signal ends it.
pub async fn run(options: &Options) -> Result<(), CoreError> {
    let instance = &options.instance;
    let lock = Lock::take(instance)?;
    let listener = api::bind(instance, &lock)?;
    let _socket = RemoveOnDrop(api::path(instance));
    let mut signals = Signals::new().map_err(|e| CoreError::System("take signals", e))?;
    let mut core = Box::pin(Core::start(instance, &options.config, options.trace)).await?;
    if options.trace {
        core.follow_log();
    }
    let (hub, shut) = (core.hub(), Arc::new(Notify::new()));
    let told = events::follow(core.events()?, Arc::clone(&hub), Arc::clone(&shut));
    tokio::spawn(told);
    let core = Arc::new(Mutex::new(core));
    let server = tokio::spawn(api::serve(listener, Arc::clone(&core), hub));
    let changes = Links::watch()?;
    tell(&[NotifyState::Ready]);
    // Whoever stops reading this stream does not end the daemon, as `eprintln!` would.
    let _ = writeln!(io::stderr(), "netfwd {instance} ready");
    follow(&core, changes, &shut, &mut signals).await;
    tell(&[NotifyState::Stopping]);
    server.abort();
    // A change that is under way is finished. The lock on the state is held to the end: nothing begins any
    // more, and nothing is put back.
    let _stopped = core.lock().await;
    if options.teardown {
        cleanup::cleanup(instance, cleanup::State::Stays).await?;
    }
    Ok(())
}

struct RemoveOnDrop(PathBuf);

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!("{}: {error}", path.display());
    }
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
}

async fn follow(
    core: &Mutex<Core>,
    mut changes: impl Stream<Item = ()> + Unpin,
    shut: &Notify,
    signals: &mut Signals,
) {
    let (mut ticks, mut pause) = (ticks(), None);
    let hub = core.lock().await.hub();
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return,
            _ = signals.interrupt.recv() => return,
            _ = signals.hangup.recv() => reload(core).await,
            () = next(&mut changes) => {
                sleep(SETTLE).await;
                while futures::FutureExt::now_or_never(changes.next()).flatten().is_some() {}
                core.lock().await.poll().await;
            }
            () = shut.notified() => core.lock().await.poll().await,
            () = hub.somebody_came() => core.lock().await.follow_watchers(),
            () = sleep(pause.unwrap_or_default()), if pause.is_some() => {
                pause = core.lock().await.reclaim();
            }
            _ = ticks.tick() => {
                let mut core = core.lock().await;
                core.tick().await;
                pause = core.age();
                core.probe().await;
                core.ask().await;
                core.announce();
                core.note_figures();
            }
        }
    }
}

/// The next change; never one when there are no more, as then the ticks are left.
async fn next(changes: &mut (impl Stream<Item = ()> + Unpin)) {
    if changes.next().await.is_none() {
        pending::<()>().await;
    }
}

fn ticks() -> Interval {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn reload(core: &Mutex<Core>) {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!("no clock for the service manager: {error}"),
    }
    if let Err(error) = core.lock().await.reload().await {
        tracing::error!("not applied: {error}");
    }
    tell(&[NotifyState::Ready]);
}

/// Tells the service manager, if there is one.
fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!("the service manager was not told: {error}");
    }
}
