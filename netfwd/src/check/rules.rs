//! Foreign rules in the way of what the host's stack forwards.

use std::process::Command;

use serde_json::Value;

use super::{Finding, Severity};
use crate::config::Config;

/// What the packet filter would do to packets that take the slow way.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let mut gateways = config
        .networks
        .iter()
        .filter_map(|network| network.gateway.as_ref());
    if !gateways.any(|gateway| gateway.masquerade.is_on()) {
        return Vec::new();
    }
    let dropping = chains().into_iter().filter(drops_forwarded);
    let finding = |chain: Value| {
        let name = ["family", "table", "name"].map(|field| chain[field].as_str().unwrap_or("?"));
        Finding::new(
            Severity::Warning,
            &format!("chain {}", name.join(" ")),
            "drops what is forwarded by default: packets that the fast path leaves to the host's \
             stack, such as fragments, do not get through",
            "let packets from and to the gateway devices pass in that chain",
        )
    };
    dropping.map(finding).collect()
}

/// The chains of nftables, iptables' among them; none where there is no `nft` to ask.
fn chains() -> Vec<Value> {
    let Ok(output) = Command::new("nft").args(["-j", "list", "chains"]).output() else {
        return Vec::new();
    };
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let objects = listed["nftables"].as_array().cloned().unwrap_or_default();
    let chains = objects.into_iter().map(|mut object| object["chain"].take());
    chains.filter(Value::is_object).collect()
}

fn drops_forwarded(chain: &Value) -> bool {
    let family = chain["family"].as_str().unwrap_or_default();
    chain["hook"] == "forward" && chain["policy"] == "drop" && ["ip", "inet"].contains(&family)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_dropping_forward_chain_is_in_the_way() {
        let chain =
            |hook: &str, policy: &str| json!({"family": "ip", "hook": hook, "policy": policy});
        assert!(drops_forwarded(&chain("forward", "drop")));
        assert!(!drops_forwarded(&chain("forward", "accept")));
        assert!(!drops_forwarded(&chain("input", "drop")));
        assert!(!drops_forwarded(
            &json!({"family": "ip6", "hook": "forward", "policy": "drop"})
        ));
    }
}
