//! As much as one instance is for: 4,000 networks, 10,000 peers in all, 1,000 of them in one network.

use std::fmt::Write as _;
use std::time::Instant;

use super::{Sim, desired, host, plan};
use crate::config::{self, Config};
use crate::desired::{Desired, Facts, resolve};
use crate::ids::Ids;
use crate::plan::{Action, Entry};

const NETWORKS: usize = 4_000;
const PEERS: usize = 10_000;
const IN_ONE: usize = 1_000;

fn peer(number: usize) -> String {
    format!("\"10.{}.{}.1\"", 100 + number / 250, number % 250)
}

/// The first network has a thousand peers, each of the others three; every one has a gateway.
fn text() -> String {
    let mut text = "[host]\nuplinks = [\"up0\"]\n".to_owned();
    let mut rest = (IN_ONE..PEERS).cycle();
    for number in 0..NETWORKS {
        let peers: Vec<String> = match number {
            0 => (0..IN_ONE).map(peer).collect(),
            _ => rest.by_ref().take(3).map(peer).collect(),
        };
        let (peers, vni, subnet) = (peers.join(", "), number + 1, number + 256);
        let _ = write!(
            text,
            "[[network]]\nname = \"n{number}\"\nvni = {vni}\npeers = [{peers}]\n\
             [network.gateway]\naddresses = [\"10.{}.{}.1/24\"]\nmasquerade = true\n",
            subnet / 256,
            subnet % 256,
        );
    }
    text
}

/// What a step took is printed, not asserted: machines differ.
fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = work();
    println!("{what}: {:?}", start.elapsed());
    done
}

fn round(config: &Config, ids: &mut Ids, sim: &mut Sim) -> (Desired, Vec<Action>) {
    let wanted = timed("resolve", || desired(config, ids, sim));
    let actions = timed("plan", || plan(&wanted, &sim.observed));
    println!("{} steps", actions.len());
    sim.apply_at_once(&actions);
    (wanted, actions)
}

#[test]
fn thousands_of_networks_and_peers_are_planned() {
    let text = text();
    println!("{} octets", text.len());
    let config = timed("read", || config::parse_text(&text)).unwrap_or_else(|e| panic!("{e}"));
    let (mut ids, mut sim) = (Ids::default(), host());
    let (_, made) = round(&config, &mut ids, &mut sim);
    assert_eq!(made.len(), NETWORKS + 1);
    let (wanted, _) = round(&config, &mut ids, &mut sim);
    let maps = &wanted.maps;
    assert_eq!((maps.networks.len(), maps.peers.len()), (NETWORKS, PEERS));
    assert_eq!(maps.members.len(), IN_ONE + 3 * (NETWORKS - 1));
    let (_, nothing) = round(&config, &mut ids, &mut sim);
    assert_eq!(nothing, []);
    let more = text.replacen("peers = [", "peers = [\"10.200.0.1\", ", 1);
    let more = config::parse_text(&more).unwrap_or_else(|e| panic!("{e}"));
    let (_, added) = round(&more, &mut ids, &mut sim);
    // What was there stays where it is in the flood list: the new peer comes last.
    let touched = |a: &&Action| matches!(a, Action::Put(Entry::Flood(..) | Entry::Network(..)));
    assert_eq!((added.len(), added.iter().filter(touched).count()), (4, 2));
}

/// What is said of a network with these peers.
fn refusal(peers: impl Iterator<Item = String>) -> String {
    let peers: Vec<String> = peers.collect();
    let text = format!(
        "[host]\nuplinks = [\"up0\"]\n[[network]]\nname = \"a\"\nvni = 1\npeers = [{}]",
        peers.join(", ")
    );
    let config = config::parse_text(&text).unwrap_or_else(|e| panic!("{e}"));
    let sim = host();
    let facts = Facts {
        instance: "t",
        netns_cookie: 1,
        links: &sim.observed.links,
        namespaces: &[].into(),
        shut: &[].into(),
        down: &[].into(),
        xdp_targets: None,
    };
    let refused = resolve(&config, &mut Ids::default(), facts);
    refused.map(drop).expect_err("too many").to_string()
}

#[test]
fn more_than_an_instance_holds_is_refused_with_its_limit() {
    let ports = (0..64).map(|n| format!("\"10.1.{n}.1:{}\"", 5000 + n));
    assert_eq!(
        refusal(ports),
        "65 UDP ports of VXLAN are more than the 64 that one instance holds; take some out, or split them over instances"
    );
    let error = refusal((0..4097).map(peer));
    assert!(
        error.starts_with("network a has more than 4096 peers and ports"),
        "{error}"
    );
}
