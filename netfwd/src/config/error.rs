//! What is wrong with a configuration.

use super::Place;

/// What is wrong, where, and what would be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ConfigError {
    /// Where.
    pub place: Place,
    /// What, in one sentence.
    pub message: String,
}

impl ConfigError {
    /// An error at a place.
    pub fn new(place: &Place, message: impl Into<String>) -> Self {
        Self {
            place: place.clone(),
            message: message.into(),
        }
    }
}
