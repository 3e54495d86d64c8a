//! Compares a configuration with the host before anything is changed: findings with their remedies.

mod devices;
mod host;
mod listeners;
mod nat;
mod neighbours;
mod path;
mod receivers;
mod rules;
mod switch;

#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::config::Config;
use crate::links::{LinkError, Links};

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
    /// What to do; nothing for what is good.
    pub remedy: Option<String>,
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
            remedy: (!remedy.is_empty()).then(|| remedy.to_owned()),
        }
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
    findings.extend(receivers::findings(config, &list));
    findings.extend(neighbours::findings(config, &list));
    findings.extend(rules::findings(config));
    findings.extend(nat::findings(config, &list));
    findings.extend(listeners::findings(config));
    findings.extend(switch::outside(config, &list));
    findings.extend(switch::multicast(config));
    findings.extend(switch::shut(instance));
    findings.extend(path::findings(config, &mtus, &list).await);
    findings.sort_by_key(|finding| finding.severity);
    Ok(findings)
}
