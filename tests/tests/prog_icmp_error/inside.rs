//! Errors that come from inside a network.

use anyhow::Result;
use netfwd_common::{addr::from_v4, nat::proto, verdict::DropReason};
use tests::{
    packet::{Ipv4, Tcp, ether_type, ethernet},
    prog::{
        Expect, Verdict, World,
        mac::{self, C2},
        nat::{OUTSIDE, SERVER, at_p1, leaving, out, outside, routed},
        run_all, slot, station,
    },
};

use super::{C1, INSIDE_PORT, SEEN_PORT, error, given, passes};

const INSIDE_ROUTER: &str = "10.0.3.7";

/// What the server sent, as it was seen outside and as it arrived at c1.
fn answers() -> (Vec<u8>, Vec<u8>) {
    let answer = |to, port| routed(SERVER, to).udp(53, port, b"answer");
    (answer(OUTSIDE, SEEN_PORT), answer(C1, INSIDE_PORT))
}

fn becomes(frame: Vec<u8>) -> Expect {
    Expect::verdict(Verdict::Redirect)
        .frame(frame)
        .then(|world, _| world.sessions_untouched())
}

#[test]
fn a_station_refuses_what_it_was_sent() -> Result<()> {
    let (seen, arrived) = answers();
    let tcp = |to, port| routed(SERVER, to).tcp(&Tcp::syn(80, port), b"");
    let from_c1 = |quote: &[u8]| out(&error(Ipv4::new(C1, SERVER), 3, 3, quote));
    let told = |quote: &[u8]| outside(&error(routed(OUTSIDE, SERVER), 3, 3, quote));
    run_all(vec![
        at_p1("UDP", from_c1(&arrived))
            .given(given)
            .expect(becomes(told(&seen))),
        at_p1("TCP", from_c1(&tcp(C1, INSIDE_PORT)))
            .given(given)
            .expect(becomes(told(&tcp(OUTSIDE, SEEN_PORT)))),
        at_p1("a router inside is seen as its network is", {
            out(&error(Ipv4::new(INSIDE_ROUTER, SERVER), 11, 0, &arrived))
        })
        .given(given)
        .expect(becomes(outside(&error(
            routed(OUTSIDE, SERVER),
            11,
            0,
            &seen,
        )))),
    ])
}

#[test]
fn what_is_about_nothing_that_came_does_not_leave() -> Result<()> {
    let other = routed(SERVER, C1).udp(53, INSIDE_PORT + 1, b"answer");
    let to_gateway = routed("10.0.3.1", C1).udp(53, INSIDE_PORT, b"answer");
    run_all(vec![
        at_p1("about another flow", {
            out(&error(Ipv4::new(C1, SERVER), 3, 3, &other))
        })
        .given(given)
        .expect(Expect::drop(slot::P1, DropReason::IcmpUnrelated)),
        at_p1("the host's own flow is the host's", {
            out(&error(Ipv4::new(C1, "10.0.3.1"), 3, 3, &to_gateway))
        })
        .given(|world| {
            let gateway = world.wires.gateway;
            given(world)?;
            world
                .tables()
                .put("locals", &from_v4([10, 0, 3, 1]), &gateway)
        })
        .expect(Expect::verdict(Verdict::Redirect).frame(out(&error(
            Ipv4::new(C1, "10.0.3.1"),
            3,
            3,
            &to_gateway,
        )))),
    ])
}

/// c2 has reached c1 by the outside address, as which it is seen itself.
fn hairpinned(world: &mut World) -> Result<()> {
    world.learn(C2, station(world.wires.p2, slot::P2))?;
    let ends = [("10.0.3.12:5000", C2), ("10.0.3.11:80", mac::C1)];
    let seen = ["192.168.99.1:41000", "192.168.99.1:8080"];
    world.hairpin(proto::TCP, ends, seen)
}

#[test]
fn a_hairpinned_flow_hears_its_errors() -> Result<()> {
    let arrived = routed(OUTSIDE, C1).tcp(&Tcp::syn(41000, 80), b"");
    let sent = routed("10.0.3.12", OUTSIDE).tcp(&Tcp::syn(5000, 8080), b"");
    let told = error(routed(OUTSIDE, "10.0.3.12"), 3, 3, &sent);
    run_all(vec![
        at_p1("from the target to the client", {
            out(&error(Ipv4::new(C1, OUTSIDE), 3, 3, &arrived))
        })
        .given(hairpinned)
        .expect(becomes(ethernet(C2, mac::GATEWAY, ether_type::IPV4, &told))),
    ])
}

#[test]
fn errors_of_the_hosts_stack_leave_translated() -> Result<()> {
    let (seen, arrived) = answers();
    let own = |quote: &[u8]| outside(&error(Ipv4::new(OUTSIDE, SERVER), 11, 0, quote));
    let other = routed(SERVER, C1).udp(53, INSIDE_PORT + 1, b"answer");
    run_all(vec![
        leaving("about what came in by a session", own(&arrived))
            .given(given)
            .expect(Expect::verdict(Verdict::Pass).frame(own(&seen))),
        leaving("an inside sender does not leave as itself", {
            outside(&error(Ipv4::new(INSIDE_ROUTER, SERVER), 11, 0, &arrived))
        })
        .given(given)
        .expect(Expect::verdict(Verdict::Pass).frame(own(&seen))),
        passes(leaving("about the host's own", {
            own(&routed(SERVER, OUTSIDE).udp(53, 9, b"answer"))
        })),
        leaving("an inside sender's about nothing that came", {
            outside(&error(Ipv4::new(C1, SERVER), 3, 3, &other))
        })
        .given(given)
        .expect(Expect::drop(slot::UPLINK, DropReason::IcmpUnrelated)),
    ])
}
