//! Flapping: a station that two ports claim in turn, as behind a loop.

use crate::limits::{FLAP_HOLD_NS, FLAP_MOVES, FLAP_WINDOW_NS};

/// What becomes of a station that was heard elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// It moves, and this is its count now.
    To(u8),
    /// It begins to flap: it stays where it is for [`FLAP_HOLD_NS`].
    Flaps,
    /// It flaps and is held.
    Held,
}

/// Judges a move at `now` of a station that last moved at `moved_ns` (0 for never) and has moved `moves`
/// times in quick succession.
#[inline(always)]
pub const fn judge(moves: u8, moved_ns: u64, now: u64) -> Move {
    let since = now.saturating_sub(moved_ns);
    if moves >= FLAP_MOVES {
        return if since < FLAP_HOLD_NS {
            Move::Held
        } else {
            Move::To(1)
        };
    }
    if moved_ns == 0 || since > FLAP_WINDOW_NS {
        return Move::To(1);
    }
    if moves + 1 == FLAP_MOVES {
        Move::Flaps
    } else {
        Move::To(moves + 1)
    }
}
