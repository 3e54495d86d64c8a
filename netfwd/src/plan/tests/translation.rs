//! What is translated: which entries follow from the configuration.

use std::net::IpAddr;

use netfwd_common::addr::Addr;
use netfwd_common::maps::{ConfigFlags, FloatingKey, PairKey};

use super::world::{World, world};
use super::{desired, parse};
use crate::address::to_addr;
use crate::observed::Sysctl;

/// Two networks with everything that is translated.
pub const BASE: &str = r#"
[host]
uplinks = ["up0"]
[[network]]
name = "blue"
  [network.gateway]
  device = "gw0"
  addresses = ["10.0.3.1/24", "fd00:3::1/64"]
  masquerade = true
  [[network.port]]
  interface = "p0"
  [[network.publish]]
  listen = "80-89/tcp"
  to = ["10.0.3.20:8080", "10.0.3.21:8080"]
  [[network.publish]]
  listen = "53/udp"
  to = "10.0.3.20:53"
  [[network.floating]]
  external = "192.0.2.20"
  internal = "10.0.3.22"
  [[network.floating]]
  external = "192.0.2.21"
  internal = "10.0.3.23"
[[network]]
name = "green"
  [network.gateway]
  device = "gw1"
  addresses = ["10.0.4.1/24"]
  masquerade = "192.0.2.100-192.0.2.103"
"#;

fn addr(text: &str) -> Addr {
    to_addr(text.parse::<IpAddr>().expect(text))
}

#[test]
fn maps_hold_what_is_translated() {
    let world = world(BASE);
    let maps = &world.wanted.maps;
    let (blue, green) = (world.id("blue"), world.id("green"));
    assert_eq!((maps.publishes.len(), maps.targets.len()), (11, 3));
    assert_eq!((maps.floatings.len(), maps.externals.len()), (4, 6));
    let inward = FloatingKey {
        address: addr("10.0.3.22"),
        network: blue,
    };
    assert_eq!(maps.floatings[&inward].address, addr("192.0.2.20"));
    let up = world.ifindex("up0");
    assert!(maps.externals.values().all(|ifindex| *ifindex == up));
    let green_subnet = maps.subnets.values().find(|s| s.network == green).unwrap();
    assert_eq!(
        (green_subnet.source, green_subnet.sources),
        (addr("192.0.2.100"), 4)
    );
    let both = maps
        .subnets
        .values()
        .filter(|s| s.network == blue && s.masquerade == 1);
    assert_eq!(both.count(), 2);
    for own in ["192.0.2.1", "10.0.3.1", "fd00:3::1", "10.0.4.1"] {
        assert!(maps.locals.contains_key(&addr(own)), "{own}");
    }
    assert_eq!(maps.networks[&blue].gateway_v6, addr("fd00:3::1"));
    let reached: Vec<String> = world
        .wanted
        .neighbours
        .iter()
        .map(|n| n.address.to_string())
        .collect();
    assert_eq!(
        reached,
        ["10.0.3.20", "10.0.3.21", "10.0.3.22", "10.0.3.23"]
    );
}

#[test]
fn forwarding_of_ipv6_is_on_where_the_gateway_has_it() {
    let world = world(BASE);
    let forwards = |gateway: &str| {
        world.wanted.devices[gateway]
            .sysctls
            .get(&Sysctl::Forwarding6)
    };
    assert_eq!((forwards("gw0"), forwards("gw1")), (Some(&1), None));
}

#[test]
fn who_reaches_whom_is_said_both_ways() {
    let routing = "[routing]\nbetween = \"allow\"\ndeny = [[\"green\", \"blue\"]]\n[nat]\nfiltering = \"endpoint\"\n";
    let world = world(&format!("{routing}{BASE}"));
    let (blue, green) = (world.id("blue"), world.id("green"));
    let pairs = &world.wanted.maps.pairs;
    for (from, to) in [(blue, green), (green, blue)] {
        assert_eq!(pairs[&PairKey { from, to }], 0);
    }
    assert_eq!(pairs.len(), 2);
    let flags = world.wanted.maps.config.unwrap().flags;
    assert!(flags.has(ConfigFlags::ROUTE_BETWEEN));
    assert!(flags.has(ConfigFlags::ENDPOINT_INDEPENDENT_FILTERING));
}

#[test]
fn the_ipv6_address_to_masquerade_as_is_one_that_stays() {
    let mut world = world(BASE);
    let mut has = |addresses: &[&str], tentative: &[&str]| {
        let up = world.sim.observed.links.get_mut("up0").unwrap();
        up.addresses = addresses.iter().map(|net| net.parse().unwrap()).collect();
        up.tentative = tentative.iter().map(|a| a.parse().unwrap()).collect();
        let wanted = desired(&parse(BASE), &mut world.ids, &world.sim);
        wanted.maps.uplinks.values().next().unwrap().address_v6
    };
    // The kernel lists the newest first.
    assert_eq!(
        has(&["2001:db8::2/64", "2001:db8::1/64"], &[]),
        addr("2001:db8::1")
    );
    assert_eq!(has(&["2001:db8::1/64"], &["2001:db8::1"]), addr("::"));
    assert_eq!(
        has(&["fd00::1/64", "2001:db8::1/64", "fd00::2/64"], &[]),
        addr("2001:db8::1")
    );
    assert_eq!(has(&["192.0.2.1/24", "fe80::1/64"], &[]), addr("::"));
}

#[test]
fn groups_stay_what_they_are() {
    let mut world = world(BASE);
    let group = |world: &World| world.ids.publishes["0.0.0.0:53/udp"];
    let before = group(&world);
    let less = BASE.replace("80-89/tcp", "80-88/tcp");
    world.become_that(&less);
    assert_eq!(group(&world), before);
    assert_eq!(world.wanted.maps.publishes.len(), 10);
}

#[test]
fn a_floating_address_is_not_the_hosts_own() {
    let mut world = world(BASE);
    let up = world.sim.observed.links.get_mut("up0").unwrap();
    up.addresses.push("192.0.2.20/32".parse().unwrap());
    let wanted = desired(&parse(BASE), &mut world.ids, &world.sim);
    assert_eq!(wanted.maps.floatings.len(), 2);
    let waiting: Vec<String> = wanted.waiting.iter().map(ToString::to_string).collect();
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    assert!(
        waiting[0].starts_with("f.toml:18: floating address 192.0.2.20 is this host's own, on up0"),
        "{waiting:?}"
    );
}

#[test]
fn questions_for_an_ipv6_address_outside_come_to_its_group() {
    let v6 = "[[network.floating]]\nexternal = \"2001:db8::20:3040\"\ninternal = \"fd00:3::20\"\n";
    let text = BASE.replacen(
        "[[network]]\nname = \"green\"",
        &format!("{v6}[[network]]\nname = \"green\""),
        1,
    );
    let mut world = world(&text);
    let group = ("up0".to_owned(), "ff02::1:ff20:3040".parse().unwrap());
    assert_eq!(world.wanted.groups.get(&group), Some(&true));
    world.become_that(BASE);
    assert!(world.sim.observed.links["up0"].groups.is_empty());
}

#[test]
fn no_more_groups_are_joined_than_the_kernel_takes() {
    let mut world = world(BASE);
    let many = BASE.replacen(
        "masquerade = true",
        "masquerade = [\"ipv4\", \"2001:db8::100-2001:db8::1ff\"]",
        1,
    );
    let up = world.sim.observed.links.get_mut("up0").unwrap();
    up.addresses.push("2001:db8::1/64".parse().unwrap());
    world.become_that(&many);
    assert_eq!(world.wanted.groups.len(), 256);
    let more = many.replacen(
        "[[network.floating]]",
        "[[network.floating]]\nexternal = \"2001:db8::20\"\ninternal = \"fd00:3::20\"\n[[network.floating]]",
        1,
    );
    let error = world.refusal(&more);
    assert!(
        error.starts_with("257 IPv6 addresses to answer for are more than the 256"),
        "{error}"
    );
}
