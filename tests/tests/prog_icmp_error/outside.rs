//! Errors that come from outside.

use anyhow::Result;
use netfwd_common::{maps::SessionFlags, nat::proto};
use tests::{
    packet::{Ipv4, Tcp},
    prog::{
        Expect, Fixture, Translated, Verdict,
        nat::{OUTSIDE, SERVER, at_uplink, from_server, routed, to_c1},
        run_all,
    },
};

use super::{C1, INSIDE_PORT, ROUTER, SEEN_PORT, UDP, error, given, passes};

/// What c1 sent, and what of it was seen outside.
fn sent() -> (Ipv4, Ipv4) {
    (routed(C1, SERVER), routed(OUTSIDE, SERVER))
}

/// An error of the server's about what was seen outside arrives at c1, about what it has sent.
fn about(shows: &'static str, seen: &[u8], sent: &[u8]) -> Fixture {
    let arrives = error(Ipv4::new(SERVER, OUTSIDE), 3, 3, seen);
    let told = error(routed(SERVER, C1), 3, 3, sent);
    at_uplink(shows, from_server(&arrives))
        .given(given)
        .expect(becomes(to_c1(&told)))
}

fn becomes(frame: Vec<u8>) -> Expect {
    Expect::verdict(Verdict::Redirect)
        .frame(frame)
        .then(|world, _| world.sessions_untouched())
}

#[test]
fn every_protocol_is_translated_in_the_quote() -> Result<()> {
    let (sent, seen) = sent();
    let syn = |port| Tcp::syn(port, 80);
    run_all(vec![
        about(
            "UDP",
            &seen.udp(SEEN_PORT, 53, b"odd"),
            &sent.udp(INSIDE_PORT, 53, b"odd"),
        ),
        about(
            "UDP without a checksum",
            &seen.udp_without_checksum(SEEN_PORT, 53, b"query"),
            &sent.udp_without_checksum(INSIDE_PORT, 53, b"query"),
        ),
        about(
            "TCP",
            &seen.tcp(&syn(SEEN_PORT), b"x"),
            &sent.tcp(&syn(INSIDE_PORT), b"x"),
        ),
        about(
            "the ports of TCP alone",
            &seen.tcp(&syn(SEEN_PORT), b"")[..28],
            &sent.tcp(&syn(INSIDE_PORT), b"")[..28],
        ),
        about(
            "an echo",
            &seen.echo_request(SEEN_PORT, 7, b"ping"),
            &sent.echo_request(INSIDE_PORT, 7, b"ping"),
        ),
    ])
}

#[test]
fn routers_on_the_way_are_heard() -> Result<()> {
    let (sent, seen) = sent();
    let (sent, seen) = (
        sent.udp(INSIDE_PORT, 53, b"query"),
        seen.udp(SEEN_PORT, 53, b"query"),
    );
    let mtu = |ip: Ipv4, quote: &[u8]| ip.icmp(3, 4, &[&[0, 0, 0x05, 0x78], quote].concat());
    run_all(vec![
        at_uplink(
            "time exceeded keeps its sender",
            from_server(&error(Ipv4::new(ROUTER, OUTSIDE), 11, 0, &seen)),
        )
        .given(given)
        .expect(becomes(to_c1(&error(routed(ROUTER, C1), 11, 0, &sent)))),
        at_uplink(
            "fragmentation needed keeps its MTU",
            from_server(&mtu(Ipv4::new(ROUTER, OUTSIDE), &seen)),
        )
        .given(given)
        .expect(becomes(to_c1(&mtu(routed(ROUTER, C1), &sent)))),
    ])
}

#[test]
fn what_is_nobodys_inside_is_the_hosts() -> Result<()> {
    let (_, seen) = sent();
    let query = seen.udp(SEEN_PORT, 53, b"query");
    let arrives = |ip: Ipv4, quote: &[u8]| from_server(&error(ip, 3, 3, quote));
    let whole = Ipv4::new(SERVER, OUTSIDE);
    let other = seen.udp(SEEN_PORT + 1, 53, b"query");
    let late = Ipv4 {
        fragment: 1,
        ..seen
    };
    let mut unknown = query.clone();
    unknown[0] = 0x65;
    run_all(vec![
        passes(at_uplink("about another flow", arrives(whole, &other))),
        passes(at_uplink("about another host's packet", {
            arrives(whole, &routed(ROUTER, SERVER).udp(SEEN_PORT, 53, b"query"))
        })),
        passes(at_uplink(
            "a quote that is cut off",
            arrives(whole, &query[..27]),
        )),
        passes(at_uplink("a later fragment in the quote", {
            arrives(whole, &late.udp(SEEN_PORT, 53, b"query"))
        })),
        passes(at_uplink(
            "a quote of no IP version",
            arrives(whole, &unknown),
        )),
        passes(at_uplink("one that has lived too long", {
            arrives(Ipv4 { ttl: 1, ..whole }, &query)
        })),
    ])
}

#[test]
fn an_error_about_the_hosts_own_flow_is_translated_for_it() -> Result<()> {
    let seen = routed(OUTSIDE, SERVER).udp(SEEN_PORT, 123, b"time");
    let own = routed(OUTSIDE, SERVER).udp(INSIDE_PORT, 123, b"time");
    let arrives = |quote: &[u8]| from_server(&error(Ipv4::new(SERVER, OUTSIDE), 3, 3, quote));
    run_all(vec![
        at_uplink("the host's port is not what was seen", arrives(&seen))
            .given(|world| {
                world.translate(&Translated {
                    proto: proto::UDP,
                    inside: "192.168.99.1:4000",
                    remote: "192.168.99.100:123",
                    flags: SessionFlags::TO_HOST,
                    ..UDP
                })
            })
            .expect(Expect::verdict(Verdict::Pass).frame(arrives(&own))),
    ])
}
