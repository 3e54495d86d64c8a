//! Foreign rules in the way: of VXLAN that goes through the host's stack, and of what the stack routes.

mod packet;
mod routed;
mod ruleset;
mod wire;

use std::fs;

use self::packet::Packet;
use self::ruleset::{Base, Ruleset};
use super::{Finding, Severity};
use crate::config::Config;
use crate::links::Link;

/// What the packet filter would do to packets that take the slow way.
pub(super) fn findings(config: &Config, list: &[Link]) -> Vec<Finding> {
    let overlay = config.networks.iter().any(|network| network.vni.is_some());
    let gateways = config
        .networks
        .iter()
        .any(|network| network.gateway.is_some());
    if !overlay && !gateways {
        return Vec::new();
    }
    let mut findings = routed::forwarding(config);
    findings.extend(
        ["ip_tables_names", "ip6_tables_names"]
            .into_iter()
            .filter_map(legacy),
    );
    match ruleset::read() {
        Ok(ruleset) => {
            findings.extend(wire::findings(&ruleset, config, list));
            findings.extend(routed::findings(&ruleset, config));
        }
        Err(error) => findings.push(unread(&error)),
    }
    findings
}

fn unread(error: &std::io::Error) -> Finding {
    let finding = format!("its rules are not looked at: `nft` cannot be asked ({error})");
    let remedy = "install nftables, and check again";
    Finding::new(Severity::Info, "packet filter", finding, remedy)
}

/// Tables of the older iptables, which nftables does not list.
fn legacy(file: &str) -> Option<Finding> {
    // A thread may be in another namespace than its process.
    let names = fs::read_to_string(format!("/proc/thread-self/net/{file}")).ok()?;
    let names: Vec<&str> = names.split_whitespace().collect();
    let tool = if file.starts_with("ip6") {
        "ip6tables-legacy"
    } else {
        "iptables-legacy"
    };
    let finding = format!(
        "has tables of {tool} ({}), whose rules are not looked at",
        names.join(", ")
    );
    let remedy = format!(
        "look in `{tool}-save` for what drops UDP of VXLAN, or set them by `{}`, which `nft` shows",
        tool.replace("legacy", "nft")
    );
    (!names.is_empty()).then(|| Finding::new(Severity::Info, "packet filter", finding, &remedy))
}

/// The chains at these hooks that are sure to drop a packet.
fn dropping<'a>(ruleset: &'a Ruleset, hooks: &[&str], packet: &Packet) -> Vec<&'a Base> {
    let comes_to = |base: &&Base| {
        let here = base.device.is_none() || base.device == packet.iif;
        here && hooks.contains(&base.hook.as_str()) && base.sees(packet.v4)
    };
    let bases = ruleset.bases.iter().filter(comes_to);
    bases.filter(|base| ruleset.drops(base, packet)).collect()
}

/// How a chain is called in findings.
fn title(base: &Base) -> String {
    format!("chain {}", base.name.join(" "))
}

/// A command that lets packets pass in a chain, in front of all that it has.
fn insert(base: &Base, condition: &str) -> String {
    format!(
        "`nft insert rule {} {condition} accept`",
        base.name.join(" ")
    )
}
