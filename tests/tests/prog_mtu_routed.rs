//! Packets that do not fit the way outside, or the network that they come into, one at a time.

use anyhow::Result;
use netfwd_common::verdict::DropReason;
use tests::{
    packet::{ETH_LEN, Ipv4, ether_type, ethernet},
    prog::{
        Expect, Fixture, Hook, Verdict, World,
        mac::{self, C1},
        nat::{OUTSIDE, PORT, SERVER, at_uplink, c1_to_server, from_server, out, send},
        run_all, slot,
    },
};

const MTU: u16 = 1450;
/// What an error quotes.
const V4_QUOTE: usize = 548;

fn long(octets: usize) -> Vec<u8> {
    vec![0x5a; octets]
}

/// The uplink to the outside carries less than its peers send.
fn narrow_outside(world: &mut World) -> Result<()> {
    world.wires.here.ip("link set up1 mtu 1400")
}

fn wide_outside(world: &mut World) -> Result<()> {
    world.wires.here.ip("link set up1 mtu 1500")
}

/// The sender is told by its gateway, and the drop is counted.
fn told(error: &[u8]) -> Expect {
    Expect {
        drop: Some((slot::P1, DropReason::TooBig)),
        ..Expect::verdict(Verdict::Redirect)
    }
    .frame(ethernet(C1, mac::GATEWAY, ether_type::IPV4, error))
    .sent([1, 0, 0, 0])
}

fn unreachable(ip: Ipv4, mtu: u16, about: &[u8]) -> Vec<u8> {
    let [high, low] = mtu.to_be_bytes();
    ip.icmp(
        3,
        4,
        &[&[0, 0, high, low], &about[ETH_LEN..][..V4_QUOTE]].concat(),
    )
}

#[test]
fn the_gateway_tells_what_fits_outside() -> Result<()> {
    let query = |ip: Ipv4| out(&ip.udp(PORT, 53, &long(1401 - 28)));
    let whole = query(c1_to_server());
    let error = unreachable(Ipv4::new("10.0.3.1", "10.0.3.11"), 1400, &whole);
    let fragmentable = query(Ipv4 {
        fragment: 0,
        ..c1_to_server()
    });
    let fixture = |shows, frame: &[u8]| {
        Fixture::new(shows, Hook::PortIngress, |w| w.wires.p1, frame.to_vec()).given(narrow_outside)
    };
    run_all(vec![
        fixture("a packet that must stay whole is refused", &whole).expect(told(&error)),
        fixture(
            "one that need not is the stack's to fragment",
            &fragmentable,
        )
        .expect(
            Expect::verdict(Verdict::Redirect)
                .frame(fragmentable.clone())
                .sent([0, 0, 0, 0]),
        ),
        fixture(
            "one that fits goes out",
            &out(&c1_to_server().udp(PORT, 53, &long(1372))),
        )
        .expect(Expect::verdict(Verdict::Redirect).then(|world, _| wide_outside(world))),
    ])
}

#[test]
fn the_outside_is_told_what_fits_inside() -> Result<()> {
    let answer = |ip: Ipv4| from_server(&ip.udp(53, PORT, &long(1451 - 28)));
    let whole = answer(Ipv4::new(SERVER, OUTSIDE));
    let error = unreachable(Ipv4::new(OUTSIDE, SERVER), MTU, &whole);
    let asked = |world: &mut World| send(world, &out(&c1_to_server().udp(PORT, 53, b"query")));
    let fragmentable = answer(Ipv4 {
        fragment: 0,
        ..Ipv4::new(SERVER, OUTSIDE)
    });
    let refused = Expect {
        drop: Some((slot::UPLINK, DropReason::TooBig)),
        ..Expect::verdict(Verdict::Redirect)
    };
    run_all(vec![
        at_uplink("a reply that must stay whole is refused", whole.clone())
            .given(asked)
            .expect(refused.frame(ethernet(mac::SERVER, mac::UPLINK, ether_type::IPV4, &error))),
        at_uplink("one that need not is the stack's to fragment", fragmentable)
            .given(asked)
            .expect(Expect::verdict(Verdict::Pass)),
    ])
}
