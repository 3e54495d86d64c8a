//! Bindings, neighbours, shut ports, taps, promiscuous interfaces and limits.

use netfwd_common::addr::UNSPECIFIED;
use netfwd_common::maps::{BindingKey, BindingKind, PortFlags, PortState};

use super::world::{World, flushes, network, world};
use super::{desired, parse};
use crate::address::to_addr;
use crate::config::TapKind;
use crate::plan::{Action, EntryKey, plan};

#[test]
fn a_shut_port_is_flooded_nothing_until_it_is_opened() {
    let text = network("edge = true") + "[[network.port]]\ninterface = \"p1\"\n";
    let mut world = world(&text);
    let ifindex = world.ifindex("p0");
    set_state(&mut world, PortState::ShutByBpdu);
    let actions = world.become_that(&text);
    assert_eq!(world.targets("p0"), []);
    assert_eq!(world.targets("p1").len(), 1);
    assert!(flushes(&actions, ifindex));
    let kept = world.sim.observed.maps.ports[&ifindex].state;
    assert_eq!(kept, PortState::ShutByBpdu as u8);
    // Neither does another change open it.
    let actions = world.become_that(&text.replace("edge = true", "isolated = true"));
    assert!(!actions.is_empty());
    let kept = world.sim.observed.maps.ports[&ifindex].state;
    assert_eq!(kept, PortState::ShutByBpdu as u8);
    set_state(&mut world, PortState::Forwarding);
    world.become_that(&text);
    assert_eq!(world.targets("p0").len(), 1);
}

fn set_state(world: &mut World, state: PortState) {
    let ifindex = world.ifindex("p0");
    let port = world.sim.observed.maps.ports.get_mut(&ifindex).unwrap();
    port.state = state as u8;
}

/// The given bindings of a port: kind, and whether it is an address or the claim on its kind.
fn bindings(port: &str) -> (bool, Vec<(u32, bool)>) {
    let world = world(&network(&format!("anti_spoof = true\n{port}")));
    assert!(world.port("p0").flags.has(PortFlags::ANTI_SPOOF));
    let keys = world.wanted.maps.bindings.keys();
    let keys = keys.map(|key| (key.kind, key.address == UNSPECIFIED));
    (
        world.port("p0").flags.has(PortFlags::FIRST_SEEN),
        keys.collect(),
    )
}

#[test]
fn given_sources_are_bound_and_the_others_are_bound_when_seen() {
    let (mac, v4, local, v6) = (
        BindingKind::Mac as u32,
        BindingKind::Ipv4 as u32,
        BindingKind::Ipv6LinkLocal as u32,
        BindingKind::Ipv6 as u32,
    );
    assert_eq!(bindings(""), (true, vec![]));
    assert_eq!(
        bindings("mac = \"02:00:00:00:00:05\""),
        (true, vec![(mac, true), (mac, false)])
    );
    let claims = vec![(v4, true), (v4, false), (local, true), (v6, true)];
    assert_eq!(
        bindings("addresses = [\"10.0.0.5\"]"),
        (true, claims.clone())
    );
    let mut all = vec![(mac, true), (mac, false)];
    all.extend(claims);
    let both = "mac = \"02:00:00:00:00:05\"\naddresses = [\"10.0.0.5\"]";
    assert_eq!(bindings(both), (false, all));
    // A station with an IPv6 address has a link-local one, too, whichever it is.
    let v6_only = vec![(v4, true), (v6, true), (v6, false)];
    assert_eq!(bindings("addresses = [\"fd00::5\"]"), (true, v6_only));
}

#[test]
fn first_seen_bindings_stay_until_their_port_goes_or_is_given_one() {
    let spoof = network("anti_spoof = true");
    let key = |ifindex, address| BindingKey {
        ifindex,
        kind: BindingKind::Ipv4 as u32,
        address,
    };
    let seen = to_addr("10.0.0.9".parse().unwrap());
    let bound = |text: &str| {
        let mut world = world(&spoof);
        let ifindex = world.ifindex("p0");
        for address in [seen, UNSPECIFIED] {
            let bindings = &mut world.sim.observed.maps.bindings;
            bindings.insert(key(ifindex, address), 77);
        }
        let wanted = desired(&parse(text), &mut world.ids, &world.sim);
        let actions = plan(&wanted, &world.sim.observed);
        (ifindex, actions)
    };
    let (_, same) = bound(&spoof);
    assert_eq!(same, []);
    let gone = |(ifindex, actions): (u32, Vec<Action>)| {
        actions.contains(&Action::Delete(EntryKey::Binding(key(ifindex, seen))))
    };
    assert!(gone(bound("")));
    assert!(gone(bound(&network(""))));
    assert!(gone(bound(&spoof.replace("\"a\"", "\"b\""))));
    assert!(gone(bound(&network(
        "anti_spoof = true\naddresses = [\"10.0.0.5\"]"
    ))));
    assert!(!gone(bound(&network(
        "anti_spoof = true\nmac = \"02:00:00:00:00:05\""
    ))));
}

#[test]
fn neighbours_are_the_given_ones_and_the_gateway() {
    let text = "[[network]]\nname = \"a\"\n[network.gateway]\naddresses = [\"10.0.0.1/24\", \"fd00::1/64\"]\nmac = \"02:00:00:00:00:01\"\n[[network.neighbour]]\nip = \"10.0.0.9\"\nmac = \"02:00:00:00:00:09\"\n";
    let mut world = world(text);
    let neighbours = world.wanted.maps.neighbours.iter();
    let mut neighbours: Vec<_> = neighbours
        .map(|(key, n)| {
            (
                crate::address::from_addr(&key.ip).to_string(),
                n.mac[5],
                n.flags.bits,
            )
        })
        .collect();
    neighbours.sort();
    let expected = [
        ("10.0.0.1", 1, 3),
        ("10.0.0.9", 9, 1),
        ("fd00::1", 1, 3),
        ("fe80::ff:fe00:1", 1, 3),
    ];
    assert_eq!(
        neighbours,
        expected.map(|(ip, mac, flags)| (ip.to_owned(), mac, flags))
    );
    world.become_that("");
    assert!(world.sim.observed.maps.neighbours.is_empty());
}

#[test]
fn a_tap_is_made_made_anew_for_another_owner_and_deleted() {
    let text = |owner: u32| {
        format!("[[network]]\nname = \"a\"\n[[network.port]]\ntap = \"vm1\"\nowner = {owner}\n")
    };
    let mut world = world(&text(1));
    let kind = TapKind {
        owner: Some(1),
        ..TapKind::default()
    };
    let link = &world.sim.observed.links["vm1"];
    assert_eq!((link.tap, link.up), (Some(kind), true));
    assert!(!world.port("vm1").flags.has(PortFlags::OUTSIDE));
    let actions = world.become_that(&text(2));
    let name = "vm1".to_owned();
    assert_eq!(actions[0], Action::DeleteLink { name: name.clone() });
    let kind = TapKind {
        owner: Some(2),
        ..kind
    };
    assert_eq!(actions[1], Action::CreateTap { name, kind });
    world.become_that("");
    assert!(!world.sim.observed.links.contains_key("vm1"));
}

#[test]
fn an_outside_port_is_promiscuous_while_it_is_a_port() {
    let mut world = world("");
    world.sim.observed.links.get_mut("p0").unwrap().kind = None;
    world.become_that(&network(""));
    assert!(world.port("p0").flags.has(PortFlags::OUTSIDE));
    assert!(world.sim.observed.links["p0"].promiscuous);
    assert_eq!(world.ids.promiscuous.len(), 1);
    world.become_that("");
    assert!(!world.sim.observed.links["p0"].promiscuous);
    assert!(world.ids.promiscuous.is_empty());
}

#[test]
fn a_promiscuous_port_that_is_renamed_is_let_go() {
    let mut world = world("");
    world.become_that(&network("outside = true"));
    let links = &mut world.sim.observed.links;
    let link = links.remove("p0").expect("a link");
    links.insert("p9".into(), link);
    world.become_that("");
    assert!(!world.sim.observed.links["p9"].promiscuous);
    assert!(world.ids.promiscuous.is_empty());
}

#[test]
fn what_somebody_else_made_promiscuous_stays_so() {
    let mut world = world("");
    world.sim.observed.links.get_mut("p0").unwrap().promiscuous = true;
    world.become_that(&network("outside = true"));
    assert!(world.ids.promiscuous.is_empty());
    world.become_that("");
    assert!(world.sim.observed.links["p0"].promiscuous);
}

#[test]
fn limits_of_the_network_are_its_ports_defaults() {
    let own = "max_learned = 9\nmax_learned_total = 99\nstorm_control = 50\n";
    let text = network("").replace("[[network.port]]", &format!("{own}[[network.port]]"));
    let limited = world(&text);
    let port = limited.port("p0");
    assert_eq!((port.max_learned, port.storm_rate), (9, 50));
    assert!(port.flags.has(PortFlags::STORM));
    assert_eq!(limited.wanted.maps.networks[&1].max_learned, 99);
    let free = world(&(text + "max_learned = 0\nstorm_control = 0\n"));
    let port = free.port("p0");
    assert_eq!((port.max_learned, port.storm_rate), (0, 0));
    assert!(!port.flags.has(PortFlags::STORM));
}
