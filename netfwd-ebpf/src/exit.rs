//! Verdicts, and the one exit of each hook that turns them into the kernel's actions.

use aya_ebpf::{
    bindings::{TC_ACT_OK, TC_ACT_REDIRECT, TC_ACT_SHOT},
    programs::TcContext,
};
use aya_log_ebpf::{
    debug,
    macro_support::{Level, level_enabled},
    trace,
};
use netfwd_common::{maps, verdict::DropReason};

use crate::{count, skb, stage};

/// What a stage decided to do with a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The host's stack goes on with it, or the uplink sends it.
    Pass,
    /// It was handed to `bpf_redirect` or `bpf_redirect_peer`.
    Redirect,
    /// Its clones were sent; the original has served.
    Consumed,
    /// Another program goes on with it.
    Continue(maps::Stage),
}

/// A drop, and whose frame it was.
#[derive(Clone, Copy)]
pub struct Dropped {
    /// Slot that counts it.
    pub slot: u32,
    /// Why.
    pub reason: DropReason,
}

/// What a hook returns: an action, or a drop that is counted.
pub type Verdict = Result<Action, Dropped>;
/// What a stage returns: an action, or the reason to drop.
pub type Stage = Result<Action, DropReason>;

/// A [`Stage`] that a function which is not inlined returns: one register, in which every variant
/// defines every bit. A `Result` would leave some undefined, and the verifier refuses to see such a
/// register returned.
#[derive(Clone, Copy)]
pub enum Outcome {
    /// [`Action::Pass`].
    Pass,
    /// [`Action::Redirect`].
    Redirect,
    /// [`Action::Consumed`].
    Consumed,
    /// [`Action::Continue`] in a stage.
    Guard,
    /// [`Action::Continue`] in a stage.
    Bridge,
    /// [`Action::Continue`] in a stage.
    Neighbour,
    /// [`Action::Continue`] in a stage.
    Multicast,
    /// [`Action::Continue`] in a stage.
    TooBig,
    /// [`Action::Continue`] in a stage.
    Route,
    /// [`Action::Continue`] in a stage.
    Outside,
    /// [`Action::Continue`] in a stage.
    Leave,
    /// [`Action::Continue`] in a stage.
    Open,
    /// [`Action::Continue`] in a stage.
    IcmpError,
    /// [`Action::Continue`] in a stage.
    Fragment,
    /// [`Action::Continue`] in a stage.
    External,
    /// The reason to drop.
    Drop(DropReason),
}

impl From<Stage> for Outcome {
    #[inline(always)]
    fn from(stage: Stage) -> Self {
        match stage {
            Ok(Action::Pass) => Self::Pass,
            Ok(Action::Redirect) => Self::Redirect,
            Ok(Action::Consumed) => Self::Consumed,
            Ok(Action::Continue(maps::Stage::Guard)) => Self::Guard,
            Ok(Action::Continue(maps::Stage::Bridge)) => Self::Bridge,
            Ok(Action::Continue(maps::Stage::Neighbour)) => Self::Neighbour,
            Ok(Action::Continue(maps::Stage::Multicast)) => Self::Multicast,
            Ok(Action::Continue(maps::Stage::TooBig)) => Self::TooBig,
            Ok(Action::Continue(maps::Stage::Route)) => Self::Route,
            Ok(Action::Continue(maps::Stage::Outside)) => Self::Outside,
            Ok(Action::Continue(maps::Stage::Leave)) => Self::Leave,
            Ok(Action::Continue(maps::Stage::Open)) => Self::Open,
            Ok(Action::Continue(maps::Stage::IcmpError)) => Self::IcmpError,
            Ok(Action::Continue(maps::Stage::Fragment)) => Self::Fragment,
            Ok(Action::Continue(maps::Stage::External)) => Self::External,
            Err(reason) => Self::Drop(reason),
        }
    }
}

impl From<Outcome> for Stage {
    #[inline(always)]
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Pass => Ok(Action::Pass),
            Outcome::Redirect => Ok(Action::Redirect),
            Outcome::Consumed => Ok(Action::Consumed),
            Outcome::Guard => Ok(Action::Continue(maps::Stage::Guard)),
            Outcome::Bridge => Ok(Action::Continue(maps::Stage::Bridge)),
            Outcome::Neighbour => Ok(Action::Continue(maps::Stage::Neighbour)),
            Outcome::Multicast => Ok(Action::Continue(maps::Stage::Multicast)),
            Outcome::TooBig => Ok(Action::Continue(maps::Stage::TooBig)),
            Outcome::Route => Ok(Action::Continue(maps::Stage::Route)),
            Outcome::Outside => Ok(Action::Continue(maps::Stage::Outside)),
            Outcome::Leave => Ok(Action::Continue(maps::Stage::Leave)),
            Outcome::Open => Ok(Action::Continue(maps::Stage::Open)),
            Outcome::IcmpError => Ok(Action::Continue(maps::Stage::IcmpError)),
            Outcome::Fragment => Ok(Action::Continue(maps::Stage::Fragment)),
            Outcome::External => Ok(Action::Continue(maps::Stage::External)),
            Outcome::Drop(reason) => Err(reason),
        }
    }
}

/// Attributes a stage's drop to the owner of `slot`.
#[inline(always)]
pub fn from(slot: u32, stage: Stage) -> Verdict {
    stage.map_err(|reason| Dropped { slot, reason })
}

/// The TC action of a verdict. Drops are counted, and logged where the loader asked for it: the log
/// level is a read-only global, so that the verifier removes what is off.
#[inline(always)]
pub fn tc(ctx: &TcContext, verdict: Verdict) -> i32 {
    match verdict {
        Ok(Action::Pass) => TC_ACT_OK,
        Ok(Action::Redirect) => {
            if level_enabled(Level::Trace) {
                redirected(ctx);
            }
            TC_ACT_REDIRECT
        }
        // TCX knows no TC_ACT_STOLEN (net/core/dev.c, tcx_action_code).
        Ok(Action::Consumed) => TC_ACT_SHOT,
        Ok(Action::Continue(stage)) => {
            stage::call(ctx, stage);
            TC_ACT_SHOT
        }
        Err(Dropped { slot, reason }) => {
            dropped(ctx, slot, reason);
            TC_ACT_SHOT
        }
    }
}

#[inline(never)]
fn redirected(ctx: &TcContext) {
    trace!(ctx, "redirect from interface {}", skb::ifindex(ctx));
}

#[inline(never)]
fn dropped(ctx: &TcContext, slot: u32, reason: DropReason) {
    count::drop(slot, reason);
    debug!(
        ctx,
        "drop on interface {}: reason {}",
        skb::ifindex(ctx),
        reason.number()
    );
}
