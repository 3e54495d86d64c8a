//! The same over IPv6.

use anyhow::Result;
use netfwd_common::{
    addr::{Addr, UNSPECIFIED},
    maps::Subnet,
    nat::proto,
    verdict::DropReason,
};
use tests::{
    packet::{Ipv6, Mac, ether_type, ethernet, v6},
    prog::{
        Expect, Fixture, NETWORK, Translated, Verdict, World,
        mac::{self, C1, GATEWAY, SERVER, UPLINK},
        nat::{at_p1, at_uplink, leaving},
        run_all, slot, station,
    },
};

use super::{INSIDE_PORT, SEEN_PORT, UDP};

const INSIDE: &str = "fd00:3::11";
const OUTSIDE: &str = "fd00:99::1";
const REMOTE: &str = "fd00:99::100";
const ROUTER: &str = "fd00:99::7";
const WIRES: &str = "\
addr replace fd00:99::1/64 dev up1 nodad
neigh replace fd00:99::100 lladdr 02:00:00:00:b0:64 dev up1 nud permanent";

/// A masqueraded IPv6 subnet, and a session of c1's for each protocol.
fn given(world: &mut World) -> Result<()> {
    world.wires.here.ip(WIRES)?;
    world.learn(C1, station(world.wires.p1, slot::P1))?;
    let subnet = Subnet {
        source: UNSPECIFIED,
        sources: 0,
        network: NETWORK,
        masquerade: 1,
        pad: 0,
    };
    let prefix = Addr::new(v6("fd00:3::").octets());
    world.tables().put_prefix(64, prefix, subnet)?;
    world.translate(&Translated {
        inside: "[fd00:3::11]:4000",
        outside: "[fd00:99::1]:40000",
        remote: "[fd00:99::100]:53",
        ..UDP
    })?;
    world.translate(&Translated {
        proto: proto::ICMPV6,
        inside: "[fd00:3::11]:4000",
        outside: "[fd00:99::1]:40000",
        remote: "[fd00:99::100]:0",
        ..UDP
    })
}

fn ip(src: &str, dst: &str, hops: u8) -> Ipv6 {
    Ipv6 {
        hops,
        ..Ipv6::new(src, dst)
    }
}

fn error(src: &str, dst: &str, hops: u8, kind: u8, quote: &[u8]) -> Vec<u8> {
    ip(src, dst, hops).icmp(kind, &[&[0, 0, 5, 0], quote].concat())
}

fn frame(dst: Mac, src: Mac, packet: &[u8]) -> Vec<u8> {
    ethernet(dst, src, ether_type::IPV6, packet)
}

fn becomes(fixture: Fixture, frame: Vec<u8>) -> Fixture {
    fixture.given(given).expect(
        Expect::verdict(Verdict::Redirect)
            .frame(frame)
            .then(|world, _| world.sessions_untouched()),
    )
}

fn echo(ip: Ipv6, kind: u8, id: u16) -> Vec<u8> {
    ip.icmp(kind, &[&id.to_be_bytes()[..], &[0, 1], b"ping"].concat())
}

/// Behind a fragment header, as the first part of a datagram.
fn first_fragment(ip: Ipv6, id: u16) -> Vec<u8> {
    let whole = ip.udp(id, 53, b"query");
    let header = [17, 0, 0, 1, 0, 0, 0, 9];
    ip.packet(44, &[&header[..], &whole[40..]].concat())
}

#[test]
fn errors_come_in() -> Result<()> {
    let (seen, sent) = (ip(OUTSIDE, REMOTE, 9), ip(INSIDE, REMOTE, 9));
    let about = |shows, from, kind, seen: &[u8], sent: &[u8]| {
        let arrives = error(from, OUTSIDE, 64, kind, seen);
        let told = error(from, INSIDE, 63, kind, sent);
        becomes(
            at_uplink(shows, frame(UPLINK, SERVER, &arrives)),
            frame(C1, GATEWAY, &told),
        )
    };
    let (query, asked) = (
        seen.udp(SEEN_PORT, 53, b"query"),
        sent.udp(INSIDE_PORT, 53, b"query"),
    );
    run_all(vec![
        about("unreachable", REMOTE, 1, &query, &asked),
        about("packet too big keeps its MTU", ROUTER, 2, &query, &asked),
        about(
            "an echo",
            ROUTER,
            3,
            &echo(seen, 128, SEEN_PORT),
            &echo(sent, 128, INSIDE_PORT),
        ),
        about(
            "a first fragment in the quote",
            ROUTER,
            1,
            &first_fragment(seen, SEEN_PORT),
            &first_fragment(sent, INSIDE_PORT),
        ),
    ])
}

/// The UDP checksum of a fragment's builder covers its own addresses and ports, so that what stands in the
/// fixtures above is right on both sides; here the errors go the other way.
#[test]
fn errors_go_out() -> Result<()> {
    let seen = ip(REMOTE, OUTSIDE, 9).udp(53, SEEN_PORT, b"answer");
    let arrived = ip(REMOTE, INSIDE, 9).udp(53, INSIDE_PORT, b"answer");
    let other = ip(REMOTE, INSIDE, 9).udp(53, INSIDE_PORT + 1, b"answer");
    let told = frame(SERVER, UPLINK, &error(OUTSIDE, REMOTE, 63, 1, &seen));
    let from_c1 = |quote: &[u8]| frame(GATEWAY, mac::C1, &error(INSIDE, REMOTE, 64, 1, quote));
    run_all(vec![
        becomes(at_p1("from a station", from_c1(&arrived)), told),
        at_p1("about nothing that came", from_c1(&other))
            .given(given)
            .expect(Expect::drop(slot::P1, DropReason::IcmpUnrelated)),
        leaving("of the host's stack", {
            frame(SERVER, UPLINK, &error(OUTSIDE, REMOTE, 64, 3, &arrived))
        })
        .given(given)
        .expect(Expect::verdict(Verdict::Pass).frame(frame(
            SERVER,
            UPLINK,
            &error(OUTSIDE, REMOTE, 64, 3, &seen),
        ))),
    ])
}
