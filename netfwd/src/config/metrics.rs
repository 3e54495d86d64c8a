//! `[metrics]`: where figures are served.

use std::net::SocketAddr;

use super::reader::{Keys, Section, Value};
use super::{ConfigError, Place};

/// What `listen` takes.
const LISTENER: &str =
    "an IP address of this host and a port, such as \"127.0.0.1:9477\" or \"[::1]:9477\"";

/// `[metrics]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Where to listen; absent: nowhere.
    pub listen: Option<Listener>,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The address and TCP port.
    pub at: SocketAddr,
    /// Where that stands.
    pub place: Place,
}

/// `[metrics]`.
pub(super) fn metrics(section: &Section<'_>) -> Result<Metrics, ConfigError> {
    section.only(&Keys {
        accepted: &["listen"],
        later: &[],
    })?;
    Ok(Metrics {
        listen: section.maybe("listen", listener)?,
    })
}

fn listener(value: &Value<'_>) -> Result<Listener, ConfigError> {
    let at = value.parse(LISTENER, |text| {
        let at: SocketAddr = text.parse().ok()?;
        (at.port() != 0 && !at.ip().is_multicast()).then_some(at)
    })?;
    Ok(Listener {
        at,
        place: value.place(),
    })
}
