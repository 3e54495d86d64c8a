//! Ctrl-C and SIGTERM: remembered, so that whatever the lab is doing ends and it can tidy up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::libc::c_int;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

static SEEN: AtomicBool = AtomicBool::new(false);

/// How often a wait looks whether it should end.
pub const TICK: Duration = Duration::from_millis(5);

extern "C" fn remember(_signal: c_int) {
    SEEN.store(true, Ordering::Relaxed);
}

/// Catches the signals that ask the lab to end.
pub fn watch() -> Result<()> {
    let action = SigAction::new(
        SigHandler::Handler(remember),
        SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: the handler only stores to an atomic, which is async-signal-safe.
        unsafe { sigaction(signal, &action) }
            .with_context(|| format!("{signal} cannot be caught"))?;
    }
    Ok(())
}

/// Whether the lab was asked to end.
pub fn seen() -> bool {
    SEEN.load(Ordering::Relaxed)
}

/// Fails once the lab was asked to end.
pub fn check() -> Result<()> {
    if seen() {
        bail!("interrupted");
    }
    Ok(())
}

/// Sleeps, and fails at once when the lab is asked to end.
pub fn sleep(duration: Duration) -> Result<()> {
    let end = Instant::now() + duration;
    while Instant::now() < end {
        check()?;
        thread::sleep(TICK.min(end.saturating_duration_since(Instant::now())));
    }
    check()
}
