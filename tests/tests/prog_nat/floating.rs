//! Floating addresses.

use anyhow::{Result, ensure};
use netfwd_common::{
    addr::{Addr, from_v4},
    maps::{Floating, FloatingKey, SessionKind},
};
use tests::{
    packet::Ipv4,
    prog::{
        Expect, NETWORK, Verdict, World,
        nat::{
            SERVER, at_p1, at_uplink, c1_to_server, from_server, original, out, outside, routed,
            to_c1,
        },
        run_all,
    },
};

use super::both_are_known;

/// A floating address of c1's.
const FLOATING: &str = "192.168.99.20";
fn has_floating(world: &mut World) -> Result<()> {
    both_are_known(world)?;
    let (external, internal) = (from_v4([192, 168, 99, 20]), from_v4([10, 0, 3, 11]));
    let mut tables = world.tables();
    let mut put = |address: Addr, network, other: Addr| {
        let key = FloatingKey { address, network };
        let value = Floating {
            address: other,
            network: NETWORK,
        };
        tables.put("floatings", &key, &value)
    };
    put(external, 0, internal)?;
    put(internal, NETWORK, external)
}

#[test]
fn floating_addresses_stand_for_a_station_both_ways() -> Result<()> {
    let answer = Ipv4::new(SERVER, FLOATING);
    run_all(vec![
        at_p1("out by the floating address, with its own l4 port", {
            out(&c1_to_server().udp(777, 53, b"query"))
        })
        .given(has_floating)
        .expect(
            Expect::verdict(Verdict::Redirect)
                .frame(outside(&routed(FLOATING, SERVER).udp(777, 53, b"query")))
                .then(|world, _| {
                    let (_, session) = original(world)?;
                    ensure!(session.kind == SessionKind::Floating as u8, "{session:?}");
                    Ok(())
                }),
        ),
        at_uplink("in at any l4 port", {
            from_server(&answer.udp(53, 4321, b"unasked"))
        })
        .given(has_floating)
        .expect(Expect::verdict(Verdict::Redirect).frame(to_c1(
            &routed(SERVER, "10.0.3.11").udp(53, 4321, b"unasked"),
        ))),
        at_uplink("in with a protocol that has no l4 ports", {
            from_server(&answer.packet(47, &[0; 12]))
        })
        .given(has_floating)
        .expect(
            Expect::verdict(Verdict::Redirect)
                .frame(to_c1(&routed(SERVER, "10.0.3.11").packet(47, &[0; 12]))),
        ),
        at_uplink(
            "in by an echo",
            from_server(&answer.echo_request(9, 1, b"ping")),
        )
        .given(has_floating)
        .expect(Expect::verdict(Verdict::Redirect).frame(to_c1(
            &routed(SERVER, "10.0.3.11").echo_request(9, 1, b"ping"),
        ))),
    ])
}
