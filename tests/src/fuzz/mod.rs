//! Fuzzing of decapsulation: frames that are nearly right, and a decoder of its own that says of each
//! whether it may be forwarded, and as what.

mod inner;
mod mutate;
mod random;
mod reference;
mod seeds;

pub use mutate::Mutator;
pub use random::Random;
pub use reference::{Decision, Receiver};
pub use seeds::seeds;
