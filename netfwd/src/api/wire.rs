//! Bodies of requests and answers, besides [`crate::runtime::Change`].

use std::collections::BTreeMap;
use std::net::IpAddr;

use netfwd_common::maps::SessionKind;
use serde::{Deserialize, Serialize};

use crate::config::Proto;
use crate::plan::SessionFilter;
use crate::runtime::ChangeError;

/// The daemon, as `GET /v1/status` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// `masquerade` or `publish`.
    pub kind: Option<String>,
    /// `tcp`, `udp` or `icmp`.
    pub proto: Option<String>,
    /// Source address of the side that opened it.
    pub src: Option<IpAddr>,
    /// Destination address of the side that opened it.
    pub dst: Option<IpAddr>,
}

impl SessionQuery {
    /// The filter that it means.
    pub fn filter(&self) -> Result<SessionFilter, ChangeError> {
        Ok(SessionFilter {
            network: None,
            kind: self.kind.as_deref().map(kind).transpose()?,
            proto: self.proto.as_deref().map(proto).transpose()?,
            src: self.src,
            dst: self.dst,
        })
    }
}

fn kind(text: &str) -> Result<SessionKind, ChangeError> {
    match text {
        "masquerade" => Ok(SessionKind::Masquerade),
        "publish" => Ok(SessionKind::Publish),
        _ => Err(ChangeError::Bad(format!(
            "`{text}` is no kind of session; use masquerade or publish"
        ))),
    }
}

fn proto(text: &str) -> Result<u8, ChangeError> {
    match text {
        "tcp" => Ok(Proto::Tcp.number()),
        "udp" => Ok(Proto::Udp.number()),
        "icmp" => Ok(netfwd_common::nat::proto::ICMP),
        _ => Err(ChangeError::Bad(format!(
            "`{text}` is no protocol of sessions; use tcp, udp or icmp"
        ))),
    }
}
