//! The overlay's two directions, and the companion device for what the fast path cannot finish.

pub mod companion;
pub mod decap;
pub mod encap;
pub mod injection;
