//! Who may not reach whom, and whose address is whose.

use anyhow::{Result, ensure};
use netfwd_common::{
    addr::{UNSPECIFIED, from_v4},
    maps::{Network, PairKey, Subnet},
    verdict::DropReason,
};
use tests::{
    packet::{Ipv4, Tcp},
    prog::{
        Expect, NETWORK, Verdict, World,
        nat::{OUTSIDE, PORT, SERVER, at_p1, at_uplink, from_server, out},
        run_all, slot,
    },
};

use super::both_are_known;

/// A network that has another subnet.
const ELSEWHERE: u32 = NETWORK + 7;

fn has_another_network(world: &mut World) -> Result<()> {
    both_are_known(world)?;
    let subnet = Subnet {
        source: UNSPECIFIED,
        sources: 0,
        network: ELSEWHERE,
        masquerade: 1,
        pad: 0,
    };
    world
        .tables()
        .put_subnet(24, from_v4([10, 0, 4, 0]), subnet)
}

#[test]
fn what_does_not_fit_the_other_network_is_told_its_sender() -> Result<()> {
    const LESS: u32 = 1000;
    let big = out(&Ipv4::new("10.0.3.11", "10.0.4.5").udp(PORT, 53, &[0; 1200]));
    let told = Expect {
        drop: Some((slot::P1, DropReason::TooBig)),
        ..Expect::verdict(Verdict::Redirect)
    };
    run_all(vec![
        at_p1("fragmentation needed, from the gateway", big)
            .given(|world| {
                has_another_network(world)?;
                let network = Network {
                    mtu: LESS,
                    ..world.network()
                };
                let pair = PairKey {
                    from: NETWORK,
                    to: ELSEWHERE,
                };
                let mut tables = world.tables();
                tables.put("networks", &ELSEWHERE, &network)?;
                tables.put("pairs", &pair, &1u32)
            })
            .expect(told.then(|_, ran| {
                let frame = &ran.frame;
                let said = &frame[34..42];
                ensure!(said[..2] == [3, 4], "{said:?}");
                ensure!(u32::from(u16::from_be_bytes([said[6], said[7]])) == LESS);
                ensure!(frame[26..30] == [10, 0, 3, 1], "{:?}", &frame[26..30]);
                Ok(())
            })),
    ])
}

#[test]
fn networks_are_apart() -> Result<()> {
    let towards = out(&Ipv4::new("10.0.3.11", "10.0.4.5").udp(PORT, 53, b"query"));
    let as_another = out(&Ipv4::new("10.0.4.5", SERVER).udp(PORT, 53, b"query"));
    let as_the_host = out(&Ipv4::new(OUTSIDE, SERVER).udp(PORT, 53, b"query"));
    let from_without = from_server(&Ipv4::new("10.0.3.11", OUTSIDE).tcp(&Tcp::syn(1, 8080), b""));
    run_all(vec![
        at_p1("to another network that may not be reached", towards)
            .given(has_another_network)
            .expect(Expect::drop(slot::P1, DropReason::RoutingDenied)),
        at_p1("with an address of another network", as_another)
            .given(has_another_network)
            .expect(Expect::drop(slot::P1, DropReason::ReversePath)),
        at_p1("with the host's address", as_the_host)
            .given(both_are_known)
            .expect(Expect::drop(slot::P1, DropReason::ReversePath)),
        at_uplink("from outside with an inside address", from_without)
            .given(both_are_known)
            .expect(Expect::drop(slot::UPLINK, DropReason::ReversePath)),
    ])
}
