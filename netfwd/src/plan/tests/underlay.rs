//! VTEPs, peers of both families, their UDP ports, and groups.

use std::net::IpAddr;

use netfwd_common::addr::Addr;
use netfwd_common::maps::{ConfigFlags, NetworkFlags, Peer, PeerFlags, Vtep, VtepFlags};

use super::world::{World, world};
use super::{Sim, converge, host, parse};
use crate::address::to_addr;
use crate::desired::{DesiredError, Facts, resolve};
use crate::ids::Ids;
use crate::plan::Action;

/// An uplink with an address of each family, and what a network says of the underlay.
pub fn overlay(host: &str, network: &str) -> String {
    format!("[host]\nuplinks = [\"up0\"]\n{host}\n[[network]]\nname = \"a\"\nvni = 7\n{network}\n")
}

pub const BOTH: &str = "vtep = [\"192.0.2.1\", \"fd00::1\"]";

pub fn addr(text: &str) -> Addr {
    to_addr(text.parse().unwrap())
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn dual() -> Sim {
    let mut sim = host();
    let up = sim.observed.links.get_mut("up0").unwrap();
    up.addresses.push("fd00::1/64".parse().unwrap());
    let second = sim.observed.links.get_mut("p6").unwrap();
    second.addresses.push("198.51.100.1/24".parse().unwrap());
    sim
}

pub fn dual_world(text: &str) -> World {
    let mut world = World {
        sim: dual(),
        ..World::default()
    };
    world.become_that(text);
    world
}

/// What the host lacks for a configuration, or why it cannot be had at all.
fn lacks(text: &str) -> String {
    let sim = dual();
    let facts = Facts {
        instance: "t",
        netns_cookie: 1,
        links: &sim.observed.links,
        namespaces: &[].into(),
        shut: &[].into(),
        down: &[].into(),
        xdp_targets: None,
    };
    match resolve(&parse(text), &mut Ids::default(), facts) {
        Ok(desired) => {
            let waiting = desired.waiting.iter().map(DesiredError::to_string);
            waiting.collect::<Vec<_>>().join("\n")
        }
        Err(error) => error.to_string(),
    }
}

fn peer(world: &World, address: &str) -> Peer {
    world.wanted.maps.peers[&addr(address)]
}

#[test]
fn a_peer_sees_the_vtep_of_its_family() {
    let peers = "peers = [\"192.0.2.7\", \"fd00::7\"]";
    let world = dual_world(&overlay(BOTH, peers));
    assert_eq!(peer(&world, "192.0.2.7").source, addr("192.0.2.1"));
    assert_eq!(peer(&world, "fd00::7").source, addr("fd00::1"));
    let vteps: Vec<Addr> = world.wanted.maps.vteps.keys().copied().collect();
    assert_eq!(vteps, [addr("192.0.2.1"), addr("fd00::1")]);
    let up = world.ifindex("up0");
    let all = world.wanted.maps.vteps.values();
    assert!(all.into_iter().all(|vtep| vtep.ifindex == up));
}

#[test]
fn of_several_vteps_the_one_beside_the_peer_is_seen_unless_the_network_says() {
    let hosts = "vtep = [\"192.0.2.1\", \"198.51.100.1\"]";
    let text = |network: &str| overlay(hosts, network).replace("[\"up0\"]", "[\"up0\", \"p6\"]");
    let peers = "peers = [\"198.51.100.7\", \"203.0.113.7\"]";
    let world = dual_world(&text(peers));
    assert_eq!(peer(&world, "198.51.100.7").source, addr("198.51.100.1"));
    assert_eq!(peer(&world, "203.0.113.7").source, addr("192.0.2.1"));
    let world = dual_world(&text(&format!("{peers}\nvtep = \"198.51.100.1\"")));
    assert_eq!(peer(&world, "203.0.113.7").source, addr("198.51.100.1"));
    let second =
        "[[network]]\nname = \"b\"\nvni = 8\nvtep = \"198.51.100.1\"\npeers = [\"203.0.113.7\"]";
    let error = lacks(&format!("{}{second}", text(peers)));
    let wanted = "203.0.113.7 would see VTEP 198.51.100.1 by network b and 192.0.2.1 by another one; give both the same `vtep`";
    assert!(error.ends_with(wanted), "{error}");
}

#[test]
fn without_a_vtep_key_the_first_address_is_it() {
    let world = dual_world(&overlay("", ""));
    assert_eq!(world.wanted.maps.config.unwrap().vtep, addr("192.0.2.1"));
    let mut sim = dual();
    let up = sim.observed.links.get_mut("up0").unwrap();
    up.addresses.remove(0);
    up.addresses.insert(0, "fd00::f/64".parse().unwrap());
    up.tentative.insert(ip("fd00::f"));
    let mut world = World {
        sim,
        ..World::default()
    };
    world.become_that(&overlay("", ""));
    assert_eq!(world.wanted.maps.config.unwrap().vtep, addr("fd00::1"));
}

#[test]
fn a_peer_without_a_vtep_of_its_family_is_said() {
    let error = lacks(&overlay("", "peers = [\"fd00::7\"]"));
    assert_eq!(
        error,
        "f.toml:7: fd00::7 of network a is IPv6, and this host's VTEP is 192.0.2.1; add an IPv6 address to `vtep` of [host]"
    );
    let error = lacks(&overlay("", "vtep = \"192.0.2.9\""));
    assert!(error.contains("`vtep` 192.0.2.9 of network a is no VTEP of this host; use 192.0.2.1"));
}

#[test]
fn this_host_is_no_peer_of_its_own() {
    let error = lacks(&overlay(BOTH, "peers = [\"fd00::1\"]"));
    assert!(
        error.contains("peer fd00::1 is this host's own VTEP"),
        "{error}"
    );
}

#[test]
fn each_udp_port_has_a_companion() {
    let peers = "peers = [\"192.0.2.7\", \"192.0.2.8:8472\", \"[fd00::8]:8472\"]";
    let mut world = dual_world(&overlay(BOTH, peers));
    let (own, other) = (world.ifindex("nfvx0"), world.ifindex("nfvx8472"));
    let ports: Vec<_> = world.wanted.maps.vxlan_ports.clone().into_iter().collect();
    assert_eq!(ports, [(4789, own), (8472, other)]);
    let of = |address| {
        let peer = peer(&world, address);
        (peer.port, peer.companion_ifindex)
    };
    assert_eq!(of("192.0.2.7"), (4789, own));
    assert_eq!(
        (of("192.0.2.8"), of("fd00::8")),
        ((8472, other), (8472, other))
    );
    world.become_that(&overlay(BOTH, ""));
    assert!(!world.sim.observed.links.contains_key("nfvx8472"));
}

#[test]
fn ports_that_are_swapped_need_no_third() {
    let text = |own: u16, peer: u16| {
        let of_peer = format!("peers = [\"192.0.2.8:{peer}\"]");
        overlay("", &of_peer) + &format!("[vxlan]\nport = {own}\n")
    };
    let mut world = world(&text(4789, 8472));
    let actions = world.become_that(&text(8472, 4789));
    let first_made = actions
        .iter()
        .position(|a| matches!(a, Action::CreateCompanion { .. }));
    let deleted = |name: &str| {
        let delete = Action::DeleteLink {
            name: name.to_owned(),
        };
        actions.iter().position(|action| *action == delete).unwrap()
    };
    assert!(deleted("nfvx0") < first_made.unwrap() && deleted("nfvx8472") < first_made.unwrap());
    let ports: Vec<u32> = world.wanted.maps.vxlan_ports.keys().copied().collect();
    assert_eq!(ports, [4789, 8472]);
}

#[test]
fn a_group_is_joined_while_a_network_has_it() {
    let mut world = dual_world(&overlay(BOTH, "group = \"239.1.1.1\""));
    let entry = peer(&world, "239.1.1.1");
    assert_eq!(
        (entry.flags, entry.source),
        (PeerFlags::GROUP, addr("192.0.2.1"))
    );
    let vtep = Vtep {
        ifindex: world.ifindex("up0"),
        flags: VtepFlags::GROUP,
    };
    assert_eq!(world.wanted.maps.vteps[&addr("239.1.1.1")], vtep);
    let joined = |world: &World| world.sim.observed.links["up0"].groups.clone();
    assert_eq!(joined(&world), [ip("239.1.1.1")].into());
    let network = world.wanted.maps.networks.values().next().unwrap();
    assert!(network.flags.has(NetworkFlags::ANY_PEER));
    assert_eq!(world.wanted.maps.flood.len(), 1);
    world.become_that(&overlay(BOTH, "group = \"ff05::100\""));
    assert_eq!(joined(&world), [ip("ff05::100")].into());
    world.become_that("");
    assert_eq!(joined(&world), [].into());
    assert!(world.ids.groups.is_empty());
}

#[test]
fn a_group_that_somebody_else_joined_stays_joined() {
    let mut sim = dual();
    let up = sim.observed.links.get_mut("up0").unwrap();
    up.groups.insert(ip("239.1.1.1"));
    let mut ids = Ids::default();
    converge(
        &parse(&overlay(BOTH, "group = \"239.1.1.1\"")),
        &mut ids,
        &mut sim,
    );
    converge(&parse(""), &mut ids, &mut sim);
    assert!(sim.observed.links["up0"].groups.contains(&ip("239.1.1.1")));
}

#[test]
fn mtu_is_the_underlays_less_the_headers_of_its_family() {
    let mtu = |network: &str| {
        let world = dual_world(&overlay(BOTH, network));
        world.wanted.maps.networks.values().next().unwrap().mtu
    };
    assert_eq!(mtu("peers = [\"192.0.2.7\"]"), 1450);
    assert_eq!(mtu("peers = [\"192.0.2.7\", \"fd00::7\"]"), 1430);
    assert_eq!(mtu("group = \"ff05::1\""), 1430);
    assert_eq!(mtu("vtep = \"fd00::1\""), 1430);
    // Whoever is learned may be of either family.
    assert_eq!(
        mtu("unknown_sources = \"accept\"\npeers = [\"192.0.2.7\"]"),
        1430
    );
}

/// An uplink to the outside, which has no VTEP, does not narrow the overlay.
#[test]
fn mtu_is_that_of_uplinks_with_a_vtep() {
    let mtu = |host: &str| {
        let mut world = World {
            sim: dual(),
            ..World::default()
        };
        let outside = world.sim.observed.links.get_mut("p6").unwrap();
        outside.mtu = 1400;
        let text = overlay(host, "peers = [\"192.0.2.7\"]");
        world.become_that(&text.replace("[\"up0\"]", "[\"up0\", \"p6\"]"));
        world.wanted.maps.networks.values().next().unwrap().mtu
    };
    assert_eq!(mtu("vtep = \"192.0.2.1\""), 1450);
    assert_eq!(mtu("vtep = [\"192.0.2.1\", \"198.51.100.1\"]"), 1350);
}

#[test]
fn what_is_said_of_vxlan_reaches_the_programs() {
    let flags = |text: &str| dual_world(text).wanted.maps.config.unwrap().flags;
    let (df, clamp) = (ConfigFlags::DF, ConfigFlags::MSS_CLAMP);
    assert_eq!(flags(""), df.with(clamp).with(ConfigFlags::TOS_INHERIT));
    let text = "[vxlan]\ndf = \"inherit\"\nreserved_bits = \"strict\"\nmss_clamp = false\ntos = 0";
    assert_eq!(
        flags(text),
        ConfigFlags::DF_INHERIT.with(ConfigFlags::STRICT)
    );
    let unset = flags("[vxlan]\ndf = \"unset\"");
    assert!(!unset.has_any(df.with(ConfigFlags::DF_INHERIT)));
}

#[test]
fn only_the_first_uplink_gives_a_vtep_and_one_that_is_elsewhere_is_said() {
    let text = overlay("", "").replace("[\"up0\"]", "[\"p0\", \"up0\"]");
    assert!(lacks(&text).starts_with("no VTEP: "), "{}", lacks(&text));
    let elsewhere = lacks(&overlay("vtep = \"9.9.9.9\"", ""));
    assert_eq!(
        elsewhere,
        "f.toml:3: `vtep` 9.9.9.9 is no address of this host, so that nothing reaches it; \
         give it to an interface, or correct it"
    );
    let other = overlay("vtep = \"198.51.100.1\"", "");
    assert_eq!(lacks(&other), "", "it may be on any interface");
}
