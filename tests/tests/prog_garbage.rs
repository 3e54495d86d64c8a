//! Any octets at all through every program: the verdict is one of the allowed, and nothing leaves
//! that should not.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use proptest::{collection::vec, prelude::*};
use tests::{
    packet::{Ipv4, Tcp, Vxlan, checksums, ether_type, ethernet},
    prog::{
        Hook, SHORTEST, VNI, Verdict, World, always,
        mac::{self, C1, C3},
        mutated, slot, station,
    },
};

const CASES: u32 = 400;
const VTEP: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 2);

/// Runs a property over one world; cases see what earlier ones left, as packets do.
fn holds<T: std::fmt::Debug>(
    strategy: impl Strategy<Value = T>,
    property: impl Fn(&mut World, T) -> Result<()>,
) -> Result<()> {
    let mut world = World::new()?;
    world.learn(C1, station(world.wires.p1, slot::P1))?;
    let mut config = world.config();
    (config.nat_port_low, config.nat_port_high) = (32_768, 60_999);
    world.tables().set_config(config)?;
    always(world, CASES, &strategy, property)
}

/// The interface where a hook stands.
fn interface(world: &World, hook: Hook) -> u32 {
    match hook {
        Hook::PortIngress => world.wires.p1,
        Hook::UplinkIngress | Hook::UplinkXdp => world.wires.underlay,
        Hook::UplinkEgress => world.wires.uplink,
        Hook::OverlayIngress => world.wires.companion,
    }
}

#[test]
fn every_program_passes_the_verifier() -> Result<()> {
    let mut world = World::new()?;
    Hook::ALL
        .into_iter()
        .try_for_each(|hook| world.verify(hook))
}

#[test]
fn random_octets_get_an_allowed_verdict() -> Result<()> {
    holds(vec(any::<u8>(), SHORTEST..200), |world, frame| {
        for hook in Hook::ALL {
            world.run(hook, interface(world, hook), &frame)?;
        }
        Ok(())
    })
}

/// Frames that get past the first checks of each hook, with a few octets changed.
fn nearly_right() -> impl Strategy<Value = Vec<u8>> {
    let inner = ethernet(C1, C3, ether_type::IPV4, &{
        Ipv4::new("10.0.3.13", "10.0.3.11").udp(1, 2, b"inner")
    });
    let out = |packet: &[u8]| ethernet(mac::GATEWAY, C1, ether_type::IPV4, packet);
    let ip = Ipv4::new("10.0.3.11", "192.168.99.100");
    let frames = [
        Vxlan::new(PEER, VTEP, VNI)
            .macs(mac::PEER, mac::UNDERLAY)
            .wrap(&inner),
        out(&ip.udp(40_000, 53, b"query")),
        out(&ip.tcp(&Tcp::syn(40_000, 80), b"data")),
        out(&ip.echo_request(40_000, 1, b"ping")),
        inner,
    ];
    mutated(frames.to_vec())
}

#[test]
fn nearly_right_frames_get_an_allowed_verdict() -> Result<()> {
    holds(nearly_right(), |world, frame| {
        for hook in Hook::ALL {
            world.run(hook, interface(world, hook), &frame)?;
        }
        Ok(())
    })
}

/// What a header can have wrong that must keep the frame from being forwarded.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    Flags(u8),
    Vni(u32),
    Sender([u8; 4]),
    UdpLength(u16),
}

fn wrong() -> impl Strategy<Value = Wrong> {
    prop_oneof![
        any::<u8>().prop_map(|flags| Wrong::Flags(flags & !0x08)),
        (0..1u32 << 24)
            .prop_filter("the right one", |vni| *vni != VNI)
            .prop_map(Wrong::Vni),
        any::<[u8; 4]>()
            .prop_filter("the peer", |a| *a != PEER.octets())
            .prop_map(Wrong::Sender),
        any::<u16>()
            .prop_filter("the right one", |len| *len != 16 + 47)
            .prop_map(Wrong::UdpLength),
    ]
}

fn bad_vxlan(wrong: Wrong) -> Vec<u8> {
    let inner = ethernet(C1, C3, ether_type::IPV4, &{
        Ipv4::new("10.0.3.13", "10.0.3.11").udp(1, 2, b"inner")
    });
    let mut outer = Vxlan::new(PEER, VTEP, VNI).macs(mac::PEER, mac::UNDERLAY);
    match wrong {
        Wrong::Flags(flags) => outer.flags = flags,
        Wrong::Vni(vni) => outer.vni = vni,
        Wrong::Sender(src) => outer.src = src.into(),
        Wrong::UdpLength(_) => {}
    }
    let mut frame = outer.wrap(&inner);
    if let Wrong::UdpLength(len) = wrong {
        frame[38..40].copy_from_slice(&len.to_be_bytes());
    }
    frame
}

#[test]
fn bad_vxlan_is_never_forwarded() -> Result<()> {
    holds(wrong(), |world, wrong| {
        for hook in [Hook::UplinkIngress, Hook::UplinkXdp] {
            let ran = world.run(hook, interface(world, hook), &bad_vxlan(wrong))?;
            ensure!(ran.verdict != Verdict::Redirect, "{hook:?} forwards it");
        }
        Ok(())
    })
}

#[test]
fn what_is_translated_has_right_checksums() -> Result<()> {
    let packets = (
        any::<u16>(),
        any::<u16>(),
        vec(any::<u8>(), 0..100),
        0..3u8,
        2..=255u8,
    );
    holds(
        packets,
        |world, (src_port, dst_port, payload, kind, ttl)| {
            let ip = Ipv4 {
                ttl,
                ..Ipv4::new("10.0.3.11", "192.168.99.100")
            };
            let packet = match kind {
                0 => ip.udp(src_port, dst_port, &payload),
                1 => ip.tcp(&Tcp::syn(src_port, dst_port), &payload),
                _ => ip.echo_request(src_port, dst_port, &payload),
            };
            let frame = ethernet(mac::GATEWAY, C1, ether_type::IPV4, &packet);
            let ran = world.run(Hook::PortIngress, world.wires.p1, &frame)?;
            ensure!(ran.verdict == Verdict::Redirect, "{:?}", ran.verdict);
            ensure!(
                ran.frame[26..30] == [192, 168, 99, 1],
                "it leaves untranslated"
            );
            checksums(&ran.frame)
        },
    )
}
