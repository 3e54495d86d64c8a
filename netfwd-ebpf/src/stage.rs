//! Stages in programs of their own, which the entry programs tail-call.
//!
//! A tail call keeps the frame and forgets the rest, so where the frame came from is handed over in a
//! per-CPU map. What a stage handed over nobody writes again before the next one has read it: a
//! program runs to its end on its CPU, and those that its clones start come in through the backlog.

use aya_ebpf::programs::TcContext;
use netfwd_common::{maps::Stage, verdict::DropReason};

use crate::{
    count,
    exit::{Action, Dropped, Stage as Decision, Verdict},
    maps::{self, HANDOVER, STAGES},
    source::Source,
};

/// What a stage comes to that nothing was handed to.
pub const NOTHING: Verdict = Err(Dropped {
    slot: 0,
    reason: DropReason::NoStage,
});

/// Goes on in another program. A stage that was handed a source itself says so by its action alone.
#[inline(always)]
pub fn go(stage: Stage, source: &Source) -> Decision {
    let Some(handover) = HANDOVER.get_ptr_mut(0) else {
        return Err(DropReason::NoStage);
    };
    // SAFETY: this CPU's own element; see above.
    unsafe { *maps::value(handover) = *source };
    Ok(Action::Continue(stage))
}

/// Where the frame came from, for a program that was gone on in.
#[inline(always)]
pub fn source() -> Option<&'static mut Source> {
    // SAFETY: this CPU's own element; see above.
    HANDOVER
        .get_ptr_mut(0)
        .map(|source| unsafe { maps::value(source) })
}

/// Calls a stage's program; returns only where it is not in place, and counts that.
#[inline(always)]
pub fn call(ctx: &TcContext, stage: Stage) {
    // SAFETY: nothing here needs dropping.
    unsafe { STAGES.tail_call(ctx, stage as u32) };
    let slot = source().map_or(0, |source| source.slot);
    count::drop(slot, DropReason::NoStage);
}
