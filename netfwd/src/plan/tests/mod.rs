//! Plans, run against a host that is only data.

mod aside;
mod ending;
mod flows;
mod learned;
mod reach;
mod scale;
mod switch;
mod translation;
mod underlay;
mod vlan;
mod world;

use std::collections::BTreeSet;

use netfwd_common::maps::{NextHop, Peer};

use super::sim::Sim;
use super::{Action, Entry, EntryKey, plan};
use crate::config::{self, Config};
use crate::desired::{Desired, DesiredError, Facts, resolve};
use crate::health::State;
use crate::ids::Ids;

const INTERFACES: [&str; 8] = ["up0", "p0", "p1", "p2", "p3", "p4", "p5", "p6"];

fn host() -> Sim {
    let mut sim = Sim::with_links("t", INTERFACES.into_iter());
    for port in &INTERFACES[1..] {
        let link = sim.observed.links.get_mut(*port).unwrap();
        link.kind = Some("veth".to_owned());
    }
    let up = sim.observed.links.get_mut("up0").unwrap();
    up.addresses.push("192.0.2.1/24".parse().unwrap());
    sim
}

fn desired(config: &Config, ids: &mut Ids, sim: &Sim) -> Desired {
    try_desired(config, ids, sim).unwrap()
}

fn try_desired(config: &Config, ids: &mut Ids, sim: &Sim) -> Result<Desired, DesiredError> {
    let namespaces = BTreeSet::from(["c0".to_owned(), "c1".to_owned()]);
    let facts = Facts {
        instance: "t",
        netns_cookie: 1,
        links: &sim.observed.links,
        namespaces: &namespaces,
        shut: &sim.shut(),
        down: &sim.down(),
        xdp_targets: None,
    };
    resolve(config, ids, facts)
}

/// Rounds until nothing is left to do; gives all actions.
fn converge(config: &Config, ids: &mut Ids, sim: &mut Sim) -> Vec<Action> {
    let mut all = Vec::new();
    for _ in 0..4 {
        let wanted = desired(config, ids, sim);
        let actions = plan(&wanted, &sim.observed);
        if actions.is_empty() {
            sim.is(&wanted);
            return all;
        }
        sim.apply(&actions);
        all.extend(actions);
    }
    panic!(
        "no end: {:?}",
        plan(&desired(config, ids, sim), &sim.observed)
    );
}

fn parse(text: &str) -> Config {
    config::parse_text(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

const BASE: &str = r#"
[host]
uplinks = ["up0"]
[[network]]
name = "blue"
vni = 200
peers = ["192.0.2.7", "192.0.2.8"]
  [network.gateway]
  device = "lxcbr0"
  addresses = ["10.0.3.1/24"]
  masquerade = true
  [[network.port]]
  interface = "p0"
  [[network.port]]
  netns = "c0"
  name = "eth0"
  mac = "02:00:00:00:00:02"
  addresses = ["10.0.3.20/24"]
  default_route = true
  [[network.publish]]
  listen = "8080-8083/tcp"
  to = "10.0.3.20:80"
"#;

#[test]
fn what_is_as_it_should_be_needs_no_plan() {
    let (mut sim, mut ids) = (host(), Ids::default());
    assert!(!converge(&parse(BASE), &mut ids, &mut sim).is_empty());
    assert_eq!(converge(&parse(BASE), &mut ids, &mut sim), []);
    assert_eq!(sim.observed.maps.publishes.len(), 4);
    assert_eq!(sim.observed.maps.flood.len(), 5);
}

#[test]
fn devices_come_first_and_alone() {
    let sim = host();
    let wanted = desired(&parse(BASE), &mut Ids::default(), &sim);
    let first = plan(&wanted, &sim.observed);
    let creates = |action: &Action| {
        matches!(
            action,
            Action::CreatePair { .. } | Action::CreateCompanion { .. }
        )
    };
    assert_eq!(first.len(), 3);
    assert!(first.iter().all(creates), "{first:?}");
}

#[test]
fn programs_are_attached_after_their_entries_and_detached_before_these_go() {
    let (mut sim, mut ids) = (host(), Ids::default());
    let up = converge(&parse(BASE), &mut ids, &mut sim);
    let last_put = up
        .iter()
        .rposition(|a| matches!(a, Action::Put(_)))
        .unwrap();
    let first_attach = up
        .iter()
        .position(|a| matches!(a, Action::Attach { .. }))
        .unwrap();
    assert!(last_put < first_attach);
    let down = converge(&Config::default(), &mut ids, &mut sim);
    let last_detach = down
        .iter()
        .rposition(|a| matches!(a, Action::Detach { .. }))
        .unwrap();
    let first_delete = down
        .iter()
        .position(|a| matches!(a, Action::Delete(_)))
        .unwrap();
    let first_link = down
        .iter()
        .position(|a| matches!(a, Action::DeleteLink { .. }))
        .unwrap();
    assert!(last_detach < first_delete && first_delete < first_link);
}

#[test]
fn a_change_leaves_alone_what_it_does_not_name() {
    let (mut sim, mut ids) = (host(), Ids::default());
    converge(&parse(BASE), &mut ids, &mut sim);
    let more = BASE.replace("\"192.0.2.8\"", "\"192.0.2.8\", \"192.0.2.9\"");
    let actions = converge(&parse(&more), &mut ids, &mut sim);
    let kinds: Vec<_> = actions
        .iter()
        .map(|action| match action {
            Action::Put(Entry::Peer(..)) => "peer",
            Action::Put(Entry::Member(..)) => "member",
            Action::Put(Entry::Flood(..)) => "flood",
            Action::Put(Entry::Network(..)) => "network",
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["peer", "member", "flood", "network"]);
}

#[test]
fn what_programs_write_is_kept() {
    let (mut sim, mut ids) = (host(), Ids::default());
    converge(&parse(BASE), &mut ids, &mut sim);
    let resolved = NextHop {
        resolved_ns: 1,
        ifindex: 1,
        ..NextHop::default()
    };
    for peer in sim.observed.maps.peers.values_mut() {
        peer.next_hop = resolved;
    }
    let wanted = desired(&parse(BASE), &mut ids, &sim);
    assert_eq!(plan(&wanted, &sim.observed), []);
    let moved = BASE.replace("[host]", "[vxlan]\nport = 4790\n[host]");
    let wanted = desired(&parse(&moved), &mut ids, &sim);
    // The companion is made anew on the other port first.
    let actions = plan(&wanted, &sim.observed);
    sim.apply(&actions);
    let actions = plan(&desired(&parse(&moved), &mut ids, &sim), &sim.observed);
    let kept = |action: &&Action| matches!(action, Action::Put(Entry::Peer(_, Peer { next_hop, port: 4790, .. })) if *next_hop == resolved);
    assert_eq!(actions.iter().filter(kept).count(), 2);
}

#[test]
fn what_was_learned_behind_a_port_that_goes_is_forgotten() {
    let (mut sim, mut ids) = (host(), Ids::default());
    converge(&parse(BASE), &mut ids, &mut sim);
    let ifindex = sim.observed.links["p0"].ifindex;
    let less = BASE.replace("  [[network.port]]\n  interface = \"p0\"\n", "");
    let actions = converge(&parse(&less), &mut ids, &mut sim);
    let flush =
        |a: &Action| matches!(a, Action::FlushFdb(filter) if filter.ifindex == Some(ifindex));
    assert!(actions.iter().any(flush), "{actions:?}");
    assert!(actions.contains(&Action::Delete(EntryKey::Port(ifindex))));
}

#[test]
fn programs_of_an_older_loader_are_replaced_in_place() {
    let (mut sim, mut ids) = (host(), Ids::default());
    converge(&parse(BASE), &mut ids, &mut sim);
    for attached in sim.observed.hooks.values_mut() {
        attached.current = false;
    }
    let actions = converge(&parse(BASE), &mut ids, &mut sim);
    assert_eq!(actions.len(), sim.observed.hooks.len());
    assert!(
        actions
            .iter()
            .all(|action| matches!(action, Action::Attach { .. }))
    );
}

#[test]
fn an_interface_made_anew_under_its_name_gets_its_program() {
    let (mut sim, mut ids) = (host(), Ids::default());
    converge(&parse(BASE), &mut ids, &mut sim);
    sim.observed.links.get_mut("p0").unwrap().ifindex = 99;
    let actions = converge(&parse(BASE), &mut ids, &mut sim);
    assert!(
        actions
            .iter()
            .any(|a| matches!(a, Action::Attach { ifindex: 99, .. }))
    );
}

#[test]
fn a_peer_that_is_down_is_kept_but_not_flooded_to() {
    let config = parse(BASE);
    let (mut ids, mut sim) = (Ids::default(), host());
    converge(&config, &mut ids, &mut sim);
    let mut again = |sim: &mut Sim| {
        let wanted = desired(&config, &mut ids, sim);
        sim.apply(&plan(&wanted, &sim.observed));
    };
    let (&address, entry) = sim.observed.maps.peers.iter_mut().next().expect("a peer");
    entry.flags = State::Down.put_into(entry.flags);
    let floods = |sim: &Sim| {
        let mut flood = sim.observed.maps.flood.values();
        flood.any(|target| target.peer == address)
    };
    assert!(floods(&sim));
    again(&mut sim);
    assert!(!floods(&sim));
    let entry = sim.observed.maps.peers.get_mut(&address).expect("it stays");
    assert_eq!(State::of(entry.flags), State::Down, "its state stays");
    entry.flags = State::Up.put_into(entry.flags);
    again(&mut sim);
    assert!(floods(&sim));
}
