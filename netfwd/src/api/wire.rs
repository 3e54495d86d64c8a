//! Bodies of requests and answers, besides [`crate::runtime::Change`].

use std::collections::BTreeMap;
use std::net::IpAddr;

use netfwd_common::maps::SessionKind;
use serde::{Deserialize, Serialize};

use crate::ageing::Gauges;
use crate::ids::Ids;
use crate::plan::SessionFilter;
use crate::protocol;
use crate::runtime::ChangeError;

/// The daemon, as `GET /v1/status` answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Name of the instance.
    pub instance: String,
    /// Its version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Seconds since it was ready.
    pub uptime_seconds: u64,
    /// Its configuration file.
    pub config: String,
    /// What it waits for, each as a sentence.
    pub waiting: Vec<String>,
    /// The uplinks without XDP, and why they have none.
    #[serde(default)]
    pub without_xdp: BTreeMap<String, String>,
    /// How many sessions and mappings there are, once that has been counted.
    #[serde(default)]
    pub nat: Option<Gauges>,
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The one sentence.
    pub error: String,
    /// The exit code of the command that asked.
    pub exit: u8,
}

impl From<&ChangeError> for Failure {
    fn from(error: &ChangeError) -> Self {
        Self {
            error: error.to_string(),
            exit: error.exit_code(),
        }
    }
}

/// Which FDB entries to flush; what is absent matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FdbQuery {
    /// Of this network.
    pub network: Option<String>,
    /// Behind this port.
    pub port: Option<String>,
    /// Behind this peer.
    pub peer: Option<IpAddr>,
    /// This station.
    pub mac: Option<String>,
    /// In this VLAN.
    pub vlan: Option<u16>,
}

/// Which neighbours to flush; what is absent matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NeighQuery {
    /// Of this network.
    pub network: Option<String>,
    /// Whose MAC is behind this port.
    pub port: Option<String>,
    /// With this MAC.
    pub mac: Option<String>,
    /// In this VLAN.
    pub vlan: Option<u16>,
}

/// Which port to open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortQuery {
    /// Its name.
    pub port: String,
}

/// Which sessions; what is absent matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionQuery {
    /// `masquerade`, `publish` or `floating`.
    pub kind: Option<String>,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, `sctp` or a number.
    pub proto: Option<String>,
    /// Source of the side that opened it: an address, `address:port` or a prefix.
    pub src: Option<String>,
    /// Destination of the side that opened it.
    pub dst: Option<String>,
    /// The network.
    pub network: Option<String>,
}

/// What became of a request to forget sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flushed {
    /// How many there were.
    pub flushed: usize,
}

impl SessionQuery {
    /// Refuses what is wrong with the words alone, whatever networks there are.
    pub fn sound(&self) -> Result<(), ChangeError> {
        let anywhere = Self {
            network: None,
            ..self.clone()
        };
        anywhere.filter(&Ids::default()).map(drop)
    }

    /// The filter that it means.
    pub fn filter(&self, ids: &Ids) -> Result<SessionFilter, ChangeError> {
        let end = |text: &String| text.parse().map_err(ChangeError::Bad);
        let network = |name: &String| {
            let id = ids.networks.get(name).copied();
            id.ok_or_else(|| ChangeError::Absent(format!("network {name}")))
        };
        Ok(SessionFilter {
            network: self.network.as_ref().map(network).transpose()?,
            kind: self.kind.as_deref().map(kind).transpose()?,
            proto: self.proto.as_deref().map(proto).transpose()?,
            src: self.src.as_ref().map(end).transpose()?,
            dst: self.dst.as_ref().map(end).transpose()?,
        })
    }
}

fn kind(text: &str) -> Result<SessionKind, ChangeError> {
    let mut kinds = SessionKind::ALL.into_iter();
    kinds.find(|kind| kind.name() == text).ok_or_else(|| {
        ChangeError::Bad(format!(
            "`{text}` is no kind of session; use masquerade, publish or floating"
        ))
    })
}

fn proto(text: &str) -> Result<u8, ChangeError> {
    protocol::number(text).ok_or_else(|| {
        ChangeError::Bad(format!(
            "`{text}` is no protocol of sessions; use tcp, udp, icmp, icmpv6, sctp or a number from 0 to 255"
        ))
    })
}
