//! ARP and ND for the outside addresses that are answered for on an uplink, one frame at a time.

use anyhow::Result;
use netfwd_common::addr::from_v4;
use tests::{
    packet::{
        BROADCAST, Ipv6, Mac, arp_reply, arp_request, ether_type, ethernet, group_mac, v4, v6,
    },
    prog::{
        Expect, Fixture, Verdict, World,
        mac::{SERVER, UPLINK},
        nat::at_uplink as from_outside,
        run_all,
    },
};

const FLOATING: &str = "192.168.99.20";
const FLOATING_V6: &str = "fd00:99::20";
const ASKER: &str = "192.168.99.100";
const ASKER_V6: &str = "fd00:99::100";
const NOBODY: &str = "0.0.0.0";
const OVERRIDE: u8 = 1 << 5;
const SOLICITED: u8 = 1 << 6;
const ALL_NODES: &str = "ff02::1";

/// Both addresses are answered for on the uplink to the outside.
fn answered_for(world: &mut World) -> Result<()> {
    let uplink = world.wires.uplink;
    let mut tables = world.tables();
    tables.put("externals", &from_v4([192, 168, 99, 20]), &uplink)?;
    tables.put("externals", &v6(FLOATING_V6).octets(), &uplink)
}

/// They are another uplink's.
fn elsewhere(world: &mut World) -> Result<()> {
    let underlay = world.wires.underlay;
    let mut tables = world.tables();
    tables.put("externals", &from_v4([192, 168, 99, 20]), &underlay)?;
    tables.put("externals", &v6(FLOATING_V6).octets(), &underlay)
}

/// A frame that arrives from outside.
fn at_uplink(shows: &'static str, frame: Vec<u8>) -> Fixture {
    from_outside(shows, frame).given(answered_for)
}

fn becomes(frame: Vec<u8>) -> Expect {
    Expect::verdict(Verdict::Redirect).frame(frame)
}

/// It goes to the host's stack as it came.
fn passes(fixture: Fixture) -> Fixture {
    let frame = fixture.frame.clone();
    fixture.expect(Expect::verdict(Verdict::Pass).frame(frame))
}

#[test]
fn arp_is_answered_with_the_uplinks_mac() -> Result<()> {
    let asked = |sender| arp_request(SERVER, v4(sender), v4(FLOATING));
    let answer = |asker| arp_reply(SERVER, UPLINK, v4(FLOATING), v4(asker));
    let mut to_us = asked(ASKER);
    to_us[..6].copy_from_slice(&UPLINK);
    run_all(vec![
        at_uplink("a question to everybody", asked(ASKER)).expect(becomes(answer(ASKER))),
        at_uplink("a question to this host", to_us).expect(becomes(answer(ASKER))),
        at_uplink("a probe", asked(NOBODY)).expect(becomes(answer(NOBODY))),
        at_uplink("padding stays", [asked(ASKER), vec![0; 18]].concat())
            .expect(becomes([answer(ASKER), vec![0; 18]].concat())),
    ])
}

#[test]
fn arp_of_others_is_the_hosts() -> Result<()> {
    let asked = |target| arp_request(SERVER, v4(ASKER), v4(target));
    let mut announcement = arp_reply(BROADCAST, SERVER, v4(FLOATING), v4(FLOATING));
    announcement[21] = 1;
    run_all(vec![
        passes(at_uplink("another address", asked("192.168.99.21"))),
        passes(at_uplink("another uplink's", asked(FLOATING)).given(elsewhere)),
        passes(at_uplink("an announcement", announcement)),
        passes(at_uplink(
            "an answer",
            arp_reply(UPLINK, SERVER, v4(ASKER), v4(FLOATING)),
        )),
        passes(at_uplink("what is cut off", asked(FLOATING)[..41].to_vec())),
    ])
}

/// A solicitation on the wire.
fn solicits(to: Mac, ip: Ipv6, target: &str, option: bool) -> Vec<u8> {
    let message = ip.solicitation(target, option.then_some(SERVER));
    ethernet(to, SERVER, ether_type::IPV6, &message)
}

fn advertises(to: Mac, dst: &str, flags: u8) -> Vec<u8> {
    let message = Ipv6::new(FLOATING_V6, dst).advertisement(flags, FLOATING_V6, UPLINK);
    ethernet(to, UPLINK, ether_type::IPV6, &message)
}

const GROUP: &str = "ff02::1:ff00:20";

#[test]
fn nd_is_answered_with_the_uplinks_mac() -> Result<()> {
    let group = group_mac(v6(GROUP));
    let asked = Ipv6::new(ASKER_V6, GROUP);
    let directly = Ipv6::new(ASKER_V6, FLOATING_V6);
    let answer = advertises(SERVER, ASKER_V6, SOLICITED | OVERRIDE);
    let to_all = advertises(group_mac(v6(ALL_NODES)), ALL_NODES, OVERRIDE);
    run_all(vec![
        at_uplink(
            "a question to the group",
            solicits(group, asked, FLOATING_V6, true),
        )
        .expect(becomes(answer.clone())),
        at_uplink(
            "one that names no MAC",
            solicits(UPLINK, directly, FLOATING_V6, false),
        )
        .expect(becomes(answer)),
        at_uplink("a probe is answered to everybody", {
            solicits(group, Ipv6::new("::", GROUP), FLOATING_V6, false)
        })
        .expect(becomes(to_all)),
    ])
}

#[test]
fn nd_of_others_is_the_hosts() -> Result<()> {
    let group = group_mac(v6(GROUP));
    let asked = Ipv6::new(ASKER_V6, GROUP);
    let routed = Ipv6 { hops: 254, ..asked };
    let advertisement = asked.advertisement(OVERRIDE, FLOATING_V6, SERVER);
    run_all(vec![
        passes(at_uplink("another address", {
            solicits(group, asked, "fd00:99::21", true)
        })),
        passes(
            at_uplink(
                "another uplink's",
                solicits(group, asked, FLOATING_V6, true),
            )
            .given(elsewhere),
        ),
        passes(at_uplink("one that a router forwarded", {
            solicits(group, routed, FLOATING_V6, true)
        })),
        passes(at_uplink("an advertisement", {
            ethernet(group, SERVER, ether_type::IPV6, &advertisement)
        })),
    ])
}
