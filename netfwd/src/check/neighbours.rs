//! Peers on a link of this host: more than the kernel keeps neighbours for.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;

use super::{Finding, Severity};
use crate::config::Config;
use crate::links::Link;

/// Neighbour tables too small for the peers that are reached without a router. Beyond `gc_thresh2` the
/// kernel forgets neighbours after seconds (net/core/neighbour.c, neigh_alloc), and a flood to those that
/// are not resolved loses what does not fit their queues.
pub(super) fn findings(config: &Config, list: &[Link]) -> Vec<Finding> {
    let families = [("ipv4", true), ("ipv6", false)];
    let found = families.into_iter().filter_map(|(family, is_v4)| {
        let peers = on_link(config, list, is_v4);
        let file = format!("/proc/sys/net/{family}/neigh/default/gc_thresh2");
        // A namespace of its own shares the machine's, and does not see it.
        let room = fs::read_to_string(file).ok()?.trim().parse().ok()?;
        finding(family, peers, room)
    });
    found.collect()
}

/// How many peers of a family stand on links of uplinks.
fn on_link(config: &Config, list: &[Link], is_v4: bool) -> usize {
    let peers = config.networks.iter().flat_map(|network| &network.peers);
    let peers: BTreeSet<IpAddr> = peers.map(|peer| peer.at.address).collect();
    let uplinks = list
        .iter()
        .filter(|link| config.host.uplinks.contains(&link.name));
    let nets: Vec<_> = uplinks.flat_map(|link| &link.addresses).collect();
    let near = |peer: &&IpAddr| {
        peer.is_ipv4() == is_v4 && nets.iter().any(|address| address.net.contains(*peer))
    };
    peers.iter().filter(near).count()
}

fn finding(family: &str, peers: usize, room: usize) -> Option<Finding> {
    let key = format!("net.{family}.neigh.default.gc_thresh2");
    let text = format!(
        "{peers} peers are on a link of this host, and the kernel keeps {room} neighbours: the \
         others are resolved again and again, and broadcasts to them are lost meanwhile"
    );
    let remedy = format!(
        "set {key}, and gc_thresh3 with it, to {} or more",
        peers * 2
    );
    (peers > room).then(|| Finding::new(Severity::Warning, &key, text, &remedy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::links::Address;

    #[test]
    fn peers_behind_routers_need_no_neighbours() {
        let text = "[host]\nuplinks = [\"up0\"]\n[[network]]\nname = \"a\"\nvni = 1\n\
                    peers = [\"172.31.0.2\", \"172.31.0.3\", \"172.20.0.1\", \"fd00::2\"]";
        let config = config::parse_text(text).expect("a configuration");
        let address = |net: &str| Address {
            net: net.parse().expect("a net"),
            global: true,
            usable: true,
            ours: false,
        };
        let link = Link {
            name: "up0".into(),
            addresses: vec![address("172.31.0.1/24"), address("fd00::1/64")],
            ..Link::default()
        };
        assert_eq!(on_link(&config, std::slice::from_ref(&link), true), 2);
        assert_eq!(on_link(&config, &[link], false), 1);
    }

    #[test]
    fn what_fits_is_not_found() {
        assert_eq!(finding("ipv4", 512, 512), None);
        let found = finding("ipv4", 1000, 512).expect("a finding");
        assert!(found.remedy.contains("2000"));
    }
}
