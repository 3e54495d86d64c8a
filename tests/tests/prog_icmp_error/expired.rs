//! IPv6 packets with no hop left: the gateway says so.

use anyhow::Result;
use netfwd_common::{addr::Addr, verdict::DropReason};
use tests::{
    packet::{Ipv6, ether_type, ethernet, v6},
    prog::{
        Expect, Verdict, World,
        mac::{C1, GATEWAY},
        nat::at_p1,
        run_all, slot,
    },
};

const GATEWAY_V6: &str = "fd00:3::1";
const INSIDE: &str = "fd00:3::11";
const REMOTE: &str = "fd00:99::100";
/// What the least MTU of any link leaves for the quote.
const MOST: usize = 1280 - 48;

fn given(world: &mut World) -> Result<()> {
    let own = Addr::new(v6(GATEWAY_V6).octets());
    world.set_network(|network| network.gateway_v6 = own)?;
    let gateway = world.wires.gateway;
    world.tables().put("locals", &own, &gateway)
}

/// A query of c1's with one hop to live.
fn asked(dst: &str, octets: usize) -> Vec<u8> {
    let ip = Ipv6 {
        hops: 1,
        ..Ipv6::new(INSIDE, dst)
    };
    ip.udp(4000, 33_434, &vec![0x5a; octets])
}

fn sent(packet: &[u8]) -> Vec<u8> {
    ethernet(GATEWAY, C1, ether_type::IPV6, packet)
}

/// The gateway's error about so many octets of a packet.
fn told(packet: &[u8], quoted: usize) -> Expect {
    let ip = Ipv6 {
        hops: 64,
        ..Ipv6::new(GATEWAY_V6, INSIDE)
    };
    let error = ip.icmp(3, &[&[0; 4], &packet[..quoted]].concat());
    Expect {
        drop: Some((slot::P1, DropReason::TimeExceeded)),
        ..Expect::verdict(Verdict::Redirect)
    }
    .frame(ethernet(C1, GATEWAY, ether_type::IPV6, &error))
}

#[test]
fn the_gateway_says_so() -> Result<()> {
    let (short, odd, long) = (asked(REMOTE, 32), asked(REMOTE, 7), asked(REMOTE, 1300));
    let to_gateway = sent(&asked(GATEWAY_V6, 32));
    run_all(vec![
        at_p1("a probe is quoted whole", sent(&short))
            .given(given)
            .expect(told(&short, short.len())),
        at_p1("one of an odd length to its last word", sent(&odd))
            .given(given)
            .expect(told(&odd, 40 + 12)),
        at_p1("a long one as far as any link carries it", sent(&long))
            .given(given)
            .expect(told(&long, MOST)),
        at_p1(
            "what is for the gateway itself has arrived",
            to_gateway.clone(),
        )
        .given(given)
        .expect(Expect::verdict(Verdict::Redirect).frame(to_gateway)),
    ])
}
