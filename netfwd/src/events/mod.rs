//! Events: what happens, told to whoever watches.
//!
//! The programs write theirs into a ring buffer, from which the daemon reads them; it adds its own, and
//! gives all of them the names that users know.

mod follow;
mod hub;
mod names;
mod sessions;
mod time;

#[cfg(test)]
mod tests;

pub use follow::follow;
pub use hub::Hub;
pub use sessions::SessionEvent;

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

/// Something that happened. What does not apply is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When: RFC 3339, UTC.
    pub time: String,
    /// What.
    pub event: Kind,
    /// The network.
    pub network: Option<String>,
    /// The station.
    pub mac: Option<String>,
    /// Its VLAN.
    pub vlan: Option<u16>,
    /// The port.
    pub port: Option<String>,
    /// The peer.
    pub peer: Option<String>,
    /// The port where the station was before.
    pub old_port: Option<String>,
    /// The peer where the station was before.
    pub old_peer: Option<String>,
    /// The target of a publish.
    #[serde(default)]
    pub target: Option<String>,
    /// How many: events that the reader was too slow for, or packets that were refused.
    pub count: Option<u64>,
    /// The session.
    #[serde(default)]
    pub session: Option<SessionEvent>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A station was heard for the first time.
    Learned,
    /// A station was heard at another port or peer.
    Moved,
    /// A station was not heard for its network's time, and is forgotten.
    Aged,
    /// A station moves to and fro too fast; it is held where it was.
    Flapping,
    /// A BPDU came in on an edge port, which is shut now.
    PortShut,
    /// A station was not learned because its port or network has as many as it may.
    LearnLimit,
    /// A port takes frames from now on.
    PortUp,
    /// A port's interface is gone, or it is no port any more.
    PortDown,
    /// A peer answers its probes again, and is flooded to.
    PeerUp,
    /// A peer missed its probes, and is not flooded to any more.
    PeerDown,
    /// A publish's target answers again.
    TargetUp,
    /// A publish's target does not answer; it gets no sessions that another can serve.
    TargetDown,
    /// A file or a command changed the configuration.
    ConfigApplied,
    /// A session was made.
    SessionNew,
    /// A session is over, or was flushed.
    SessionClosed,
    /// The session table is full, and new sessions are refused.
    SessionsFull,
    /// The session table takes new sessions again.
    SessionsFree,
    /// An outside address has no l4 port left for somebody, and new sessions are refused.
    PortsFull,
    /// No new session is refused for want of a port any more.
    PortsFree,
    /// This reader was too slow for some events.
    Lost,
}

impl Kind {
    /// As users read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Learned => "learned",
            Self::Moved => "moved",
            Self::Aged => "aged",
            Self::Flapping => "flapping",
            Self::PortShut => "port-shut",
            Self::LearnLimit => "learn-limit",
            Self::PortUp => "port-up",
            Self::PortDown => "port-down",
            Self::PeerUp => "peer-up",
            Self::PeerDown => "peer-down",
            Self::TargetUp => "target-up",
            Self::TargetDown => "target-down",
            Self::ConfigApplied => "config-applied",
            Self::SessionNew => "session-new",
            Self::SessionClosed => "session-closed",
            Self::SessionsFull => "sessions-full",
            Self::SessionsFree => "sessions-free",
            Self::PortsFull => "ports-full",
            Self::PortsFree => "ports-free",
            Self::Lost => "lost",
        }
    }

    /// What `count` counts.
    const fn counted(self) -> &'static str {
        match self {
            Self::SessionsFull | Self::SessionsFree | Self::PortsFull | Self::PortsFree => {
                "packets refused"
            }
            _ => "events",
        }
    }
}

impl Event {
    /// Something that happened just now.
    pub fn now(event: Kind) -> Self {
        Self {
            time: time::format(time::now()),
            event,
            network: None,
            mac: None,
            vlan: None,
            port: None,
            peer: None,
            old_port: None,
            old_peer: None,
            target: None,
            count: None,
            session: None,
        }
    }
}

/// One aligned line.
impl Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let place = |port: &Option<String>, peer: &Option<String>| {
            let peer = peer.as_ref().map(|peer| format!("peer {peer}"));
            port.clone().or(peer)
        };
        let old = place(&self.old_port, &self.old_peer);
        let rest = [
            Some(or_none(&place(&self.port, &self.peer))),
            old.map(|old| format!("from {old}")),
            self.target
                .as_ref()
                .map(|target| format!("target {target}")),
            self.vlan.map(|vlan| format!("vlan {vlan}")),
            self.session.as_ref().map(ToString::to_string),
            self.count
                .map(|count| format!("{count} {}", self.event.counted())),
        ];
        let rest: Vec<String> = rest.into_iter().flatten().collect();
        let (time, kind) = (&self.time, self.event.name());
        let (network, mac) = (or_none(&self.network), or_none(&self.mac));
        let rest = rest.join("  ");
        write!(f, "{time}  {kind:<14}  {network:<15}  {mac:<17}  {rest}")
    }
}
