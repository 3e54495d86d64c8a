//! Masquerade over IPv6.

use anyhow::Result;
use netfwd_common::{
    addr::{Addr, UNSPECIFIED},
    maps::{Subnet, Uplink},
};
use tests::{
    packet::{Ipv6, ether_type, ethernet, v6},
    prog::{
        Expect, NETWORK, Verdict, World, mac,
        nat::{PORT, at_p1, at_uplink, send},
        run_all, slot,
    },
};

use super::both_are_known;

const INSIDE_V6: &str = "fd00:3::11";
const OUTSIDE_V6: &str = "fd00:b0::1";
const SERVER_V6: &str = "fd00:b0::64";

/// Gives the world IPv6 on its gateway and its way outside.
fn has_v6(world: &mut World) -> Result<()> {
    both_are_known(world)?;
    world.wires.here.ip("\
addr replace fd00:3::1/64 dev gw nodad
addr replace fd00:b0::1/64 dev up1 nodad
neigh replace fd00:b0::64 lladdr 02:00:00:00:b0:64 dev up1 nud permanent
neigh replace fd00:3::11 lladdr 02:00:00:00:00:0b dev gw nud permanent")?;
    let uplink = world.wires.uplink;
    let mut tables = world.tables();
    let known: Uplink = tables.get("uplinks", &uplink)?.unwrap_or(Uplink {
        address: UNSPECIFIED,
        address_v6: UNSPECIFIED,
        slot: slot::UPLINK,
        mtu: 1500,
        mac: mac::UPLINK,
        pad: 0,
    });
    let address_v6 = Addr::new(v6(OUTSIDE_V6).octets());
    tables.put(
        "uplinks",
        &uplink,
        &Uplink {
            address_v6,
            ..known
        },
    )?;
    tables.put("locals", &address_v6, &uplink)?;
    let subnet = Subnet {
        source: UNSPECIFIED,
        sources: 0,
        network: NETWORK,
        masquerade: 1,
        pad: 0,
    };
    tables.put_prefix(64, Addr::new(v6("fd00:3::").octets()), subnet)
}

fn header_v6(src: &str, dst: &str, hops: u8) -> Ipv6 {
    Ipv6 {
        hops,
        ..Ipv6::new(src, dst)
    }
}

fn frame_v6(dst: [u8; 6], src: [u8; 6], packet: &[u8]) -> Vec<u8> {
    ethernet(dst, src, ether_type::IPV6, packet)
}

#[test]
fn ipv6_is_masqueraded_alike() -> Result<()> {
    let query = header_v6(INSIDE_V6, SERVER_V6, 64).udp(1000, 53, b"odd");
    let echo = header_v6(INSIDE_V6, SERVER_V6, 64).icmp(128, &[0x12, 0x34, 0, 1, b'p']);
    let echoed = header_v6(OUTSIDE_V6, SERVER_V6, 63);
    let [high, low] = PORT.to_be_bytes();
    run_all(vec![
        at_p1("UDP", frame_v6(mac::GATEWAY, mac::C1, &query))
            .given(has_v6)
            .expect(Expect::verdict(Verdict::Redirect).frame(frame_v6(
                mac::SERVER,
                mac::UPLINK,
                &header_v6(OUTSIDE_V6, SERVER_V6, 63).udp(PORT, 53, b"odd"),
            ))),
        at_p1("an echo", frame_v6(mac::GATEWAY, mac::C1, &echo))
            .given(has_v6)
            .expect(Expect::verdict(Verdict::Redirect).frame(frame_v6(
                mac::SERVER,
                mac::UPLINK,
                &echoed.icmp(128, &[high, low, 0, 1, b'p']),
            ))),
        at_uplink("the answer", {
            let answer = header_v6(SERVER_V6, OUTSIDE_V6, 64).udp(53, PORT, b"answer");
            frame_v6(mac::UPLINK, mac::SERVER, &answer)
        })
        .given(|world| {
            has_v6(world)?;
            let query = header_v6(INSIDE_V6, SERVER_V6, 64).udp(1000, 53, b"odd");
            send(world, &frame_v6(mac::GATEWAY, mac::C1, &query))
        })
        .expect(Expect::verdict(Verdict::Redirect).frame(frame_v6(
            mac::C1,
            mac::GATEWAY,
            &header_v6(SERVER_V6, INSIDE_V6, 63).udp(53, 1000, b"answer"),
        ))),
    ])
}
