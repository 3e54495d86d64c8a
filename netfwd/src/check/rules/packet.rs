//! A packet as rules see it, as far as it is known beforehand.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

/// What a rule may ask of a packet. What is `None` may be anything.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    /// Whether it is IPv4; IPv6 otherwise.
    pub(super) v4: bool,
    /// The interface that it came in by.
    pub(super) iif: Option<String>,
    /// The interface that it goes out by.
    pub(super) oif: Option<String>,
    /// Where it comes from: an address, or one of a subnet.
    pub(super) source: Option<IpNet>,
    /// Where it goes.
    pub(super) destination: Option<IpNet>,
    /// The UDP port that it goes to, where it is UDP.
    pub(super) udp: Option<u16>,
    /// Its state for connection tracking.
    pub(super) state: &'static str,
}

/// What is on the left of a comparison.
#[derive(Clone, Copy)]
enum Left<'a> {
    Text(&'a str),
    Number(u64),
    Net(IpNet),
    /// The packet has no such field, and no rule about it matches.
    Absent,
    Unknown,
}

impl Packet {
    /// Whether an expression `{op, left, right}` is true of it; `None` where that is not known.
    pub(super) fn matches(&self, expression: &Value) -> Option<bool> {
        let left = match self.left(&expression["left"]) {
            Left::Absent => return Some(false),
            left => left,
        };
        let is = compare(left, &expression["right"])?;
        match expression["op"].as_str()? {
            "==" | "in" => Some(is),
            "!=" => Some(!is),
            _ => None,
        }
    }

    /// Whether an element of a verdict map is the one for it.
    pub(super) fn is_at(&self, key: &Value, element: &Value) -> Option<bool> {
        match self.left(key) {
            Left::Absent => Some(false),
            left => compare(left, element),
        }
    }

    fn left(&self, left: &Value) -> Left<'_> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if let Some(payload) = left.get("payload") {
            return self.header(&text(&payload["protocol"]), &text(&payload["field"]));
        }
        if let Some(meta) = left.get("meta") {
            return self.meta(&text(&meta["key"]));
        }
        match left.get("ct") {
            Some(ct) if ct["key"] == "state" => Left::Text(self.state),
            _ => Left::Unknown,
        }
    }

    fn header(&self, protocol: &str, field: &str) -> Left<'_> {
        let net = |net: Option<IpNet>| net.map_or(Left::Unknown, Left::Net);
        match (protocol, field) {
            ("ip", _) if !self.v4 => Left::Absent,
            ("ip6", _) if self.v4 => Left::Absent,
            ("ip" | "ip6", "saddr") => net(self.source),
            ("ip" | "ip6", "daddr") => net(self.destination),
            ("ip", "protocol") | ("ip6", "nexthdr") => self.protocol(),
            ("udp" | "th", "dport") => self
                .udp
                .map_or(Left::Unknown, |port| Left::Number(port.into())),
            ("tcp" | "sctp" | "dccp" | "icmp" | "icmpv6" | "igmp" | "esp" | "ah", _) => {
                self.udp.map_or(Left::Unknown, |_| Left::Absent)
            }
            _ => Left::Unknown,
        }
    }

    fn protocol(&self) -> Left<'_> {
        self.udp.map_or(Left::Unknown, |_| Left::Text("udp"))
    }

    fn meta(&self, key: &str) -> Left<'_> {
        match key {
            "iif" | "iifname" => named_by(self.iif.as_deref()),
            "oif" | "oifname" => named_by(self.oif.as_deref()),
            "l4proto" => self.protocol(),
            "nfproto" => Left::Text(if self.v4 { "ipv4" } else { "ipv6" }),
            "protocol" => Left::Text(if self.v4 { "ip" } else { "ip6" }),
            _ => Left::Unknown,
        }
    }
}

fn named_by(name: Option<&str>) -> Left<'_> {
    name.map_or(Left::Unknown, Left::Text)
}

fn compare(left: Left<'_>, right: &Value) -> Option<bool> {
    if let Some(members) = right.as_array().or_else(|| right["set"].as_array()) {
        return any(members.iter().map(|member| compare(left, member)));
    }
    match left {
        Left::Text(text) => right.as_str().and_then(|name| named(text, name)),
        Left::Number(number) => numbered(number, right),
        Left::Net(net) => within(net, right),
        Left::Absent => Some(false),
        Left::Unknown => None,
    }
}

/// True where one is, false where all are, and else unknown.
fn any(all: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut known = Some(false);
    for one in all {
        match one {
            Some(true) => return Some(true),
            None => known = None,
            Some(false) => {}
        }
    }
    known
}

/// A name, which may end with an asterisk; the members of a named set are not known.
fn named(text: &str, name: &str) -> Option<bool> {
    match name.strip_suffix('*') {
        Some(start) => Some(text.starts_with(start)),
        None if name.starts_with('@') => None,
        None => Some(text == name),
    }
}

fn numbered(number: u64, right: &Value) -> Option<bool> {
    if let Some(range) = right["range"].as_array() {
        let (low, high) = (range.first()?.as_u64()?, range.get(1)?.as_u64()?);
        return Some((low..=high).contains(&number));
    }
    right.as_u64().map(|other| number == other)
}

/// Whether all addresses of `net` are meant; unknown where some are.
fn within(net: IpNet, right: &Value) -> Option<bool> {
    let other = match right["prefix"].as_object() {
        Some(prefix) => {
            let address: IpAddr = prefix["addr"].as_str()?.parse().ok()?;
            IpNet::new(address, prefix["len"].as_u64()? as u8).ok()?
        }
        None => IpNet::from(right.as_str()?.parse::<IpAddr>().ok()?),
    };
    match (other.contains(&net), net.contains(&other)) {
        (true, _) => Some(true),
        (false, false) => Some(false),
        (false, true) => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// VXLAN from a peer.
    pub(in crate::check::rules) fn packet() -> Packet {
        Packet {
            v4: true,
            iif: Some("up0".into()),
            oif: None,
            source: Some("172.31.0.2/32".parse().expect("a net")),
            destination: None,
            udp: Some(4789),
            state: "new",
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "written where it is used")]
    fn says(left: Value, op: &str, right: Value) -> Option<bool> {
        packet().matches(&json!({"op": op, "left": left, "right": right}))
    }

    #[test]
    fn what_is_known_is_compared() {
        let dport = || json!({"payload": {"protocol": "udp", "field": "dport"}});
        assert_eq!(says(dport(), "==", json!(4789)), Some(true));
        assert_eq!(says(dport(), "!=", json!(4789)), Some(false));
        let some = json!({"set": [53, {"range": [4000, 5000]}]});
        assert_eq!(says(dport(), "==", some), Some(true));
        let name = || json!({"meta": {"key": "iifname"}});
        assert_eq!(says(name(), "==", json!({"set": ["a", "up*"]})), Some(true));
        assert_eq!(says(name(), "==", json!("lo")), Some(false));
        let state = || json!({"ct": {"key": "state"}});
        let old = json!(["established", "related"]);
        assert_eq!(says(state(), "in", old), Some(false));
        let saddr = || json!({"payload": {"protocol": "ip", "field": "saddr"}});
        let near = json!({"prefix": {"addr": "172.31.0.0", "len": 24}});
        assert_eq!(says(saddr(), "==", near), Some(true));
        assert_eq!(says(saddr(), "==", json!("172.31.0.3")), Some(false));
    }

    #[test]
    fn what_it_has_not_matches_nothing() {
        let port = json!({"payload": {"protocol": "tcp", "field": "dport"}});
        assert_eq!(says(port, "!=", json!(22)), Some(false));
        let saddr = json!({"payload": {"protocol": "ip6", "field": "saddr"}});
        assert_eq!(says(saddr, "==", json!("fd00::1")), Some(false));
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        assert_eq!(says(json!({"meta": {"key": "mark"}}), "==", json!(1)), None);
        assert_eq!(
            says(json!({"meta": {"key": "oifname"}}), "==", json!("x")),
            None
        );
        let saddr = json!({"payload": {"protocol": "ip", "field": "saddr"}});
        assert_eq!(says(saddr, "==", json!("@friends")), None);
        let mut subnet = packet();
        subnet.source = Some("172.31.0.0/24".parse().expect("a net"));
        let of_one = json!({"op": "==", "right": "172.31.0.2",
            "left": {"payload": {"protocol": "ip", "field": "saddr"}}});
        assert_eq!(subnet.matches(&of_one), None);
    }
}
