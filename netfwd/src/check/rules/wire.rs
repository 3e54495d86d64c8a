//! VXLAN that the companion takes and sends, as UDP of the host: floods, what is for stations that are not
//! known yet, and what the fast path cannot finish.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::{Base, Finding, Packet, Ruleset, Severity, dropping, insert, title};
use crate::config::Config;
use crate::links::Link;

/// Where VXLAN from peers comes by on its way to the companion's socket.
const IN: &[&str] = &["ingress", "prerouting", "input"];
/// Where what the companion sends comes by.
const OUT: &[&str] = &["output", "postrouting"];

/// A peer and the UDP port that VXLAN with it has.
type At = (IpAddr, u16);

/// Chains that drop VXLAN from or to peers.
pub(super) fn findings(ruleset: &Ruleset, config: &Config, list: &[Link]) -> Vec<Finding> {
    let mut dropped: BTreeMap<(String, bool), (&Base, Vec<At>)> = BTreeMap::new();
    for at in peers(config) {
        let uplink = uplink(config, list, at.0);
        for (inwards, hooks) in [(true, IN), (false, OUT)] {
            for base in dropping(ruleset, hooks, &packet(at, uplink.clone(), inwards)) {
                let found = dropped.entry((title(base), inwards));
                found.or_insert((base, Vec::new())).1.push(at);
            }
        }
    }
    let found = dropped.into_iter();
    found
        .map(|((_, inwards), (base, peers))| finding(base, inwards, &peers))
        .collect()
}

fn peers(config: &Config) -> BTreeSet<At> {
    let peers = config.networks.iter().flat_map(|network| &network.peers);
    peers
        .map(|peer| (peer.at.address, peer.at.port.unwrap_or(config.vxlan.port)))
        .collect()
}

/// The uplink towards a peer: the one on whose link it is, or the only one.
fn uplink(config: &Config, list: &[Link], peer: IpAddr) -> Option<String> {
    if let [only] = &config.host.uplinks[..] {
        return Some(only.clone());
    }
    let mut uplinks = list
        .iter()
        .filter(|link| config.host.uplinks.contains(&link.name));
    let near = |link: &&Link| link.addresses.iter().any(|own| own.net.contains(&peer));
    uplinks.find(near).map(|link| link.name.clone())
}

fn packet((peer, port): At, uplink: Option<String>, inwards: bool) -> Packet {
    let (peer, v4) = (Some(IpNet::from(peer)), peer.is_ipv4());
    let packet = Packet {
        v4,
        iif: None,
        oif: None,
        source: None,
        destination: None,
        udp: Some(port),
        state: "new",
    };
    if inwards {
        Packet {
            iif: uplink,
            source: peer,
            ..packet
        }
    } else {
        Packet {
            oif: uplink,
            destination: peer,
            ..packet
        }
    }
}

fn finding(base: &Base, inwards: bool, peers: &[At]) -> Finding {
    let (first, port) = peers[0];
    let others = match peers.len() - 1 {
        0 => String::new(),
        others => format!(" and {others} more"),
    };
    let way = if inwards { "from" } else { "to" };
    let finding = format!(
        "drops VXLAN {way} peer {first}{others} (UDP port {port}) that goes through the host's stack: ARP, \
         floods and first packets are lost"
    );
    let ports: BTreeSet<u16> = peers.iter().map(|(_, port)| *port).collect();
    let inserts = ports
        .iter()
        .map(|port| insert(base, &format!("udp dport {port}")));
    let remedy = inserts.collect::<Vec<_>>().join(" and ");
    Finding::new(Severity::Warning, &title(base), finding, &remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_text;

    #[test]
    fn every_peer_has_its_port_and_its_uplink() {
        let text = "[host]\nuplinks = [\"up0\", \"up1\"]\n[[network]]\nname = \"a\"\nvni = 1\n\
                    peers = [\"172.31.0.2\", \"172.31.0.3:8472\"]";
        let config = parse_text(text).expect("a configuration");
        let at = |address: [u8; 4], port| (IpAddr::from(address), port);
        let wanted = [at([172, 31, 0, 2], 4789), at([172, 31, 0, 3], 8472)];
        assert_eq!(peers(&config), BTreeSet::from(wanted));
        let address = crate::links::Address {
            net: "172.31.0.1/24".parse().expect("a net"),
            global: true,
            usable: true,
            ours: false,
        };
        let link = Link {
            name: "up1".into(),
            addresses: vec![address],
            ..Link::default()
        };
        let near = uplink(&config, std::slice::from_ref(&link), wanted[0].0);
        assert_eq!(near.as_deref(), Some("up1"));
        assert_eq!(uplink(&config, &[link], IpAddr::from([10, 0, 0, 1])), None);
    }
}
