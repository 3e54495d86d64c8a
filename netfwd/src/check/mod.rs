//! Compares a configuration with the host before anything is changed: findings with their remedies.

mod devices;
mod hooks;
mod host;
mod listeners;
mod metrics;
mod nat;
mod neighbours;
mod offloads;
mod path;
mod receivers;
mod rules;
mod switch;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use serde::Serialize;

use crate::config::Config;
use crate::links::{Link, LinkError, Links};

/// The remedy of what is good: whoever looks for one finds that it needs none.
const NOTHING: &str = "nothing to do";

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It keeps netfwd from starting, or a network from working.
    Error,
    /// Something will be slower, or lost, than it need be.
    Warning,
    /// Good to know.
    Info,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub object: String,
    /// What was found.
    pub finding: String,
    /// What to do; for what is good, that there is nothing to do.
    pub remedy: String,
    /// The exit code for it, where it is an error: 2 for what no host can have.
    #[serde(skip)]
    pub exit: u8,
}

impl Finding {
    /// Whether netfwd cannot do what the configuration says until it is remedied.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    fn new(severity: Severity, object: &str, finding: impl Into<String>, remedy: &str) -> Self {
        Self {
            severity,
            object: object.to_owned(),
            finding: finding.into(),
            remedy: remedy.to_owned(),
            exit: 1,
        }
    }

    /// What is as it should be.
    fn fine(object: &str, finding: impl Into<String>) -> Self {
        Self::new(Severity::Info, object, finding, NOTHING)
    }

    /// What is wrong with a configuration: a sentence with the remedy behind its last semicolon.
    pub fn refused(sentence: &str) -> Self {
        let (finding, remedy) = sentence
            .rsplit_once("; ")
            .unwrap_or((sentence, "correct it in the configuration"));
        Self::new(Severity::Error, "configuration", finding, remedy)
    }
}

/// What stands in the way of a configuration on this host, the gravest first. `instance` is the one that
/// it is for.
pub async fn check(config: &Config, instance: &str) -> Result<Vec<Finding>, LinkError> {
    let links = Links::open("")?;
    let list = links.list().await?;
    let mut findings = host::findings();
    let (unmet, mtus) = devices::unmet(config, &list);
    findings.extend(unmet);
    findings.extend(devices::uplinks(config, &list));
    findings.extend(devices::ports(config, &list));
    findings.extend(hooks::findings(config, instance, &links, &list).await?);
    findings.extend(offloads::findings(config, &list).await);
    findings.extend(receivers::findings(config, &list));
    findings.extend(neighbours::findings(config, &list));
    findings.extend(rules::findings(config, &list));
    findings.extend(nat::findings(config, &list));
    findings.extend(listeners::findings(config));
    findings.extend(metrics::findings(config, instance).await);
    findings.extend(switch::outside(config, &list));
    findings.extend(switch::multicast(config));
    findings.extend(switch::shut(instance));
    findings.extend(path::underlay(config, &mtus, &list));
    findings.extend(path::findings(config, &mtus, &list).await);
    findings.sort_by_key(|finding| finding.severity);
    Ok(findings)
}

/// Whether an uplink has a VTEP, and tunnels leave by it.
fn is_underlay(config: &Config, link: &Link) -> bool {
    if !config.host.uplinks.contains(&link.name) {
        return false;
    }
    let mut networks = config.networks.iter();
    if !networks.any(|network| network.vni.is_some()) {
        return false;
    }
    let of_networks = config
        .networks
        .iter()
        .filter_map(|network| network.vtep.as_ref());
    let of_networks = of_networks.map(|(vtep, _)| *vtep);
    let vteps: Vec<IpAddr> = config
        .host
        .vteps
        .iter()
        .copied()
        .chain(of_networks)
        .collect();
    if vteps.is_empty() {
        return config.host.uplinks.first() == Some(&link.name);
    }
    link.addresses
        .iter()
        .any(|own| vteps.contains(&own.net.addr()))
}
