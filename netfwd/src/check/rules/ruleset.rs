//! What nftables holds, iptables' rules on top of it among them, and what it does to a packet.

use std::collections::BTreeMap;
use std::io;
use std::process::Command;

use serde_json::Value;

use super::packet::Packet;

/// How deep chains call each other; the kernel's own limit (`NFT_JUMP_STACK_SIZE`).
const DEEPEST: usize = 16;

/// A chain's family, table and name.
type Name = [String; 3];

/// A chain that packets come to by themselves.
#[derive(Clone, Debug)]
pub(super) struct Base {
    pub(super) name: Name,
    pub(super) hook: String,
    /// The interface of a chain at `ingress`.
    pub(super) device: Option<String>,
    drops: bool,
}

/// All chains of the network namespace.
#[derive(Debug, Default)]
pub(super) struct Ruleset {
    pub(super) bases: Vec<Base>,
    rules: BTreeMap<Name, Vec<Value>>,
}

/// What comes of a packet behind a rule or a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It goes on to the next rule.
    Next,
    /// It is back in the chain that called.
    Return,
    Accepted,
    Dropped,
    /// It depends on what is not known here.
    Unsure,
}

impl Outcome {
    /// What comes of a packet that may or may not meet this: one that is sure to be dropped further down
    /// is dropped anyway, but one that may have been accepted is not.
    const fn perhaps(self) -> Self {
        match self {
            Self::Next | Self::Dropped => Self::Next,
            Self::Return | Self::Accepted | Self::Unsure => Self::Unsure,
        }
    }
}

/// Asks `nft`; an error where there is none.
pub(super) fn read() -> io::Result<Ruleset> {
    let mut nft = Command::new("nft");
    let output = nft.args(["-j", "list", "ruleset"]).output()?;
    Ok(parse(&output.stdout))
}

fn parse(text: &[u8]) -> Ruleset {
    let listed: Value = serde_json::from_slice(text).unwrap_or_default();
    let mut ruleset = Ruleset::default();
    for object in listed["nftables"].as_array().into_iter().flatten() {
        if let Some(chain) = object.get("chain") {
            ruleset.bases.extend(base(chain));
        }
        if let Some(rule) = object.get("rule") {
            let rules = ruleset.rules.entry(name(rule, "chain")).or_default();
            rules.push(rule["expr"].clone());
        }
    }
    ruleset
}

fn name(object: &Value, chain: &str) -> Name {
    ["family", "table", chain].map(|field| object[field].as_str().unwrap_or_default().to_owned())
}

/// A chain at a hook. One that translates drops nothing.
fn base(chain: &Value) -> Option<Base> {
    let hook = chain["hook"].as_str()?.to_owned();
    (chain["type"] != "nat").then(|| Base {
        name: name(chain, "name"),
        hook,
        device: chain["dev"].as_str().map(str::to_owned),
        drops: chain["policy"] == "drop",
    })
}

impl Base {
    /// Whether packets of this version come to it.
    pub(super) fn sees(&self, v4: bool) -> bool {
        match self.name[0].as_str() {
            "ip" => v4,
            "ip6" => !v4,
            "inet" | "netdev" => true,
            _ => false,
        }
    }
}

impl Ruleset {
    /// Whether a chain is sure to drop a packet.
    pub(super) fn drops(&self, base: &Base, packet: &Packet) -> bool {
        match self.chain(&base.name, packet, 0) {
            Outcome::Dropped => true,
            Outcome::Next | Outcome::Return => base.drops,
            Outcome::Accepted | Outcome::Unsure => false,
        }
    }

    fn chain(&self, name: &Name, packet: &Packet, depth: usize) -> Outcome {
        if depth > DEEPEST {
            return Outcome::Unsure;
        }
        for rule in self.rules.get(name).into_iter().flatten() {
            match self.rule(rule, name, packet, depth) {
                Outcome::Next => {}
                end => return end,
            }
        }
        Outcome::Next
    }

    fn rule(&self, rule: &Value, name: &Name, packet: &Packet, depth: usize) -> Outcome {
        let mut sure = true;
        let expressions = rule.as_array().into_iter().flatten();
        for (kind, value) in expressions.filter_map(|e| e.as_object()?.iter().next()) {
            let outcome = match kind.as_str() {
                "match" => match packet.matches(value) {
                    Some(true) => continue,
                    Some(false) => return Outcome::Next,
                    None => Outcome::Next,
                },
                "counter" | "log" | "mangle" | "notrack" | "comment" => continue,
                "vmap" => self.mapped(value, name, packet, depth),
                verdict => self.verdict(verdict, value, name, packet, depth),
            };
            match outcome {
                // A condition that may hold or not: what follows in this rule is for some packets.
                Outcome::Next => sure = false,
                end if sure => return end,
                end => return end.perhaps(),
            }
        }
        Outcome::Next
    }

    /// What a verdict comes to; `Next` for what is none.
    fn verdict(
        &self,
        verdict: &str,
        value: &Value,
        name: &Name,
        packet: &Packet,
        depth: usize,
    ) -> Outcome {
        let target = value["target"].as_str().unwrap_or_default();
        let called = || {
            let [family, table, _] = name.clone();
            self.chain(&[family, table, target.to_owned()], packet, depth + 1)
        };
        match verdict {
            "accept" => Outcome::Accepted,
            "drop" | "reject" => Outcome::Dropped,
            "return" => Outcome::Return,
            "jump" => match called() {
                Outcome::Return => Outcome::Next,
                end => end,
            },
            "goto" => match called() {
                Outcome::Next => Outcome::Return,
                end => end,
            },
            _ => Outcome::Next,
        }
    }

    fn mapped(&self, map: &Value, name: &Name, packet: &Packet, depth: usize) -> Outcome {
        let Some(elements) = map["data"]["set"].as_array() else {
            return Outcome::Unsure;
        };
        let mut sure = true;
        for element in elements {
            let of = packet.is_at(&map["key"], &element[0]);
            let verdict = element[1].as_object().and_then(|v| v.iter().next());
            let (Some(is_at), Some((kind, value))) = (of, verdict) else {
                sure = false;
                continue;
            };
            if is_at {
                return self.verdict(kind, value, name, packet, depth);
            }
        }
        if sure { Outcome::Next } else { Outcome::Unsure }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::check::rules::packet::tests::packet;

    fn rule(chain: &str, expr: &Value) -> Value {
        json!({"rule": {"family": "inet", "table": "f", "chain": chain, "expr": expr}})
    }

    /// Whether a chain at `input` with this policy and these rules drops VXLAN.
    fn drops(policy: &str, rules: &[Value]) -> bool {
        let chain = json!({"chain": {"family": "inet", "table": "f", "name": "in",
            "type": "filter", "hook": "input", "prio": 0, "policy": policy}});
        let mut objects = vec![chain];
        objects.extend_from_slice(rules);
        let text = json!({ "nftables": objects }).to_string();
        let ruleset = parse(text.as_bytes());
        ruleset.drops(&ruleset.bases[0], &packet())
    }

    fn dport(port: u16) -> Value {
        json!({"match": {"op": "==", "right": port,
            "left": {"payload": {"protocol": "udp", "field": "dport"}}}})
    }

    fn marked() -> Value {
        json!({"match": {"op": "==", "right": 1, "left": {"meta": {"key": "mark"}}}})
    }

    #[test]
    fn a_policy_holds_for_what_no_rule_takes() {
        assert!(drops("drop", &[]));
        assert!(!drops("accept", &[]));
        let accepts = json!([dport(4789), {"counter": null}, {"accept": null}]);
        assert!(!drops("drop", &[rule("in", &accepts)]));
        let other = json!([dport(53), {"accept": null}]);
        assert!(drops("drop", &[rule("in", &other)]));
    }

    #[test]
    fn a_rule_drops_whatever_the_policy() {
        let rejects = json!([dport(4789), {"reject": {"type": "icmpx"}}]);
        assert!(drops("accept", &[rule("in", &rejects)]));
        assert!(!drops(
            "accept",
            &[rule("in", &json!([marked(), {"drop": null}]))]
        ));
    }

    #[test]
    fn what_may_be_accepted_is_not_called_dropped() {
        let perhaps = json!([marked(), {"accept": null}]);
        assert!(!drops("drop", &[rule("in", &perhaps)]));
        let limited = json!([{"limit": {"rate": 5}}, {"accept": null}]);
        assert!(!drops("drop", &[rule("in", &limited)]));
        let alien = json!([{"xt": {"type": "match", "name": "addrtype"}}, {"accept": null}]);
        assert!(!drops("drop", &[rule("in", &alien)]));
    }

    #[test]
    fn chains_and_maps_are_followed() {
        let jump = |kind: &str| json!([{kind: {"target": "more"}}]);
        let dropping = rule("more", &json!([dport(4789), {"drop": null}]));
        assert!(drops("accept", &[rule("in", &jump("jump")), dropping]));
        let empty = [
            rule("in", &jump("goto")),
            rule("in", &json!([{"drop": null}])),
        ];
        assert!(!drops("accept", &empty), "goto does not come back");
        let state = json!([{"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": [
            ["established", {"accept": null}], ["new", {"drop": null}]]}}}]);
        assert!(drops("accept", &[rule("in", &state)]));
        let endless = [rule("in", &json!([{"jump": {"target": "in"}}]))];
        assert!(!drops("drop", &endless));
    }
}
