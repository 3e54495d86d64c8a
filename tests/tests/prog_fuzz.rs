//! Decapsulation under frames that are nearly right, held against a decoder of its own.
//!
//! An ordinary run takes some hundred thousand frames; `NETFWD_FUZZ=10000000` takes as many, and
//! `NETFWD_FUZZ_SEED` others. What was found is a fixture below.

use std::{collections::BTreeMap, env, net::IpAddr, thread, time::Instant};

use anyhow::{Context, Result, ensure};
use netfwd_common::maps::{ConfigFlags, FdbEntry, FdbFlags, NetworkFlags, PublishKey};
use tests::{
    fuzz::{Decision, Mutator, Receiver, seeds},
    packet::{Mac, mend_ipv4, v4},
    prog::{
        Hook, OTHER_PORT, PEER_V6, Ran, VNI, VTEP_V6, Verdict, World,
        mac::{self, C1, C3},
        slot, station,
    },
};

/// Frames of an ordinary run.
const FRAMES: u64 = 300_000;
/// Where its frames follow from.
const SEED: u64 = 0x7348;
const THREADS: u64 = 2;
/// A station behind the peer's IPv6 address.
const C4: Mac = [0x02, 0, 0, 0, 0, 14];
const HOOKS: [Hook; 2] = [Hook::UplinkIngress, Hook::UplinkXdp];

/// What became of frames.
#[derive(Debug, Default)]
struct Tally {
    /// How many, by hook, decision and verdict.
    counts: BTreeMap<String, u64>,
    /// The first frame of each kind over which a program and the reference disagree.
    finds: BTreeMap<String, String>,
}

impl Tally {
    fn add(mut self, other: Self) -> Self {
        for (what, count) in other.counts {
            *self.counts.entry(what).or_default() += count;
        }
        self.finds.extend(other.finds);
        self
    }
}

#[test]
fn nothing_is_forwarded_that_a_decoder_rejects() -> Result<()> {
    let frames = number("NETFWD_FUZZ")?.unwrap_or(FRAMES);
    let seed = number("NETFWD_FUZZ_SEED")?.unwrap_or(SEED);
    let start = Instant::now();
    let tallies = thread::scope(|scope| -> Result<Vec<Tally>> {
        let running: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(move || fuzz(seed + thread, frames / THREADS, thread == 1)))
            .collect();
        let results = running
            .into_iter()
            .map(|thread| thread.join().expect("no panic"));
        results.collect()
    })?;
    let total = tallies.into_iter().fold(Tally::default(), Tally::add);
    println!("{frames} frames of seed {seed} in {:?}:", start.elapsed());
    for (what, count) in &total.counts {
        println!("{count:>10} {what}");
    }
    let finds: Vec<String> = total
        .finds
        .into_iter()
        .map(|(a, b)| a + ": " + &b)
        .collect();
    ensure!(
        finds.is_empty(),
        "{} finds:\n{}",
        finds.len(),
        finds.join("\n")
    );
    for hook in HOOKS {
        for family in ["IPv4", "IPv6"] {
            let what = format!("{hook:?}: forwarded, accepted over {family}: known unicast");
            ensure!(total.counts.contains_key(&what), "none {what}");
        }
    }
    Ok(())
}

fn number(variable: &str) -> Result<Option<u64>> {
    let Ok(value) = env::var(variable) else {
        return Ok(None);
    };
    let number = value
        .parse()
        .with_context(|| format!("{variable}={value}"))?;
    Ok(Some(number))
}

/// Runs so many frames that follow from a seed through a world of its own, which is strict or not.
fn fuzz(seed: u64, frames: u64, strict: bool) -> Result<Tally> {
    let mut world = world()?;
    if strict {
        let mut config = world.config();
        config.flags = config.flags.with(ConfigFlags::STRICT);
        world.tables().set_config(config)?;
    }
    let receiver = Receiver {
        strict,
        ..receiver()
    };
    let mut mutator = Mutator::new(seed, seeds(&receiver, mac::PEER, [C3, C4]));
    let uplink = world.wires.underlay;
    for hook in HOOKS {
        world.verify(hook)?;
    }
    world.inside(|programs| {
        let mut tally = Tally::default();
        for _ in 0..frames {
            let frame = mutator.frame();
            let decision = receiver.decide(&frame);
            for hook in HOOKS {
                let ran = programs.run(hook, uplink, &frame)?;
                tally.note(hook, &decision, &frame, &ran);
            }
        }
        Ok(tally)
    })
}

/// A world in which nothing changes what a frame comes to: nothing is learned or ages, and nothing is
/// published.
fn world() -> Result<World> {
    let mut world = World::new()?;
    let fixed = FdbFlags::STATIC.with(FdbFlags::XDP_TARGET);
    let here = FdbEntry {
        flags: fixed,
        ..station(world.wires.p1, slot::P1)
    };
    let there = FdbEntry {
        flags: fixed,
        ..World::behind_peer()
    };
    world.learn(C1, here)?;
    world.learn(C3, there)?;
    world.learn(
        C4,
        FdbEntry {
            flags: fixed,
            ..World::behind_peer_v6()
        },
    )?;
    world.set_network(|network| network.flags.bits &= !NetworkFlags::LEARNING.bits)?;
    world
        .tables()
        .clear::<PublishKey, netfwd_common::maps::Publish>("publishes")?;
    Ok(world)
}

fn receiver() -> Receiver {
    Receiver {
        mac: mac::UNDERLAY,
        vteps: vec![v4("172.31.0.1").into(), IpAddr::from(VTEP_V6.octets)],
        peers: vec![v4("172.31.0.2").into(), IpAddr::from(PEER_V6.octets)],
        ports: vec![4789, OTHER_PORT],
        vni: VNI,
        station: C1,
        strict: false,
        gateway: mac::GATEWAY,
    }
}

impl Tally {
    fn note(&mut self, hook: Hook, decision: &Decision, frame: &[u8], ran: &Ran) {
        let what = describe(hook, decision, frame, ran.verdict);
        if let Err(error) = judge(hook, decision, ran) {
            let find = self.finds.entry(format!("{what}, but {error}"));
            find.or_insert_with(|| format!("{frame:02x?}").replace(", ", ""));
        }
        *self.counts.entry(what).or_default() += 1;
    }
}

/// An error where a program and the reference disagree.
fn judge(hook: Hook, decision: &Decision, ran: &Ran) -> Result<()> {
    let forwarded = ran.verdict == Verdict::Redirect;
    let complete = hook == Hook::UplinkIngress;
    match decision {
        Decision::Foreign(_) | Decision::Refused(_) => ensure!(!forwarded, "it is forwarded"),
        Decision::Accepted { inner, .. } if forwarded => {
            ensure!(ran.frame == *inner, "not as it was");
            ensure!(inner[..6] == C1, "it is forwarded to nobody known");
        }
        Decision::Accepted { slow, .. } => {
            ensure!(ran.verdict == Verdict::Pass, "it is dropped");
            ensure!(slow.is_some() || !complete, "it is not forwarded");
        }
    }
    Ok(())
}

fn describe(hook: Hook, decision: &Decision, frame: &[u8], verdict: Verdict) -> String {
    let family = if frame[12..14] == [0x86, 0xdd] {
        "IPv6"
    } else {
        "IPv4"
    };
    let did = match verdict {
        Verdict::Redirect => "forwarded",
        Verdict::Pass => "passed",
        Verdict::Shot => "dropped",
    };
    let (kind, why) = match decision {
        Decision::Foreign(why) => ("foreign", *why),
        Decision::Refused(why) => ("refused", *why),
        Decision::Accepted { slow, .. } => ("accepted", slow.unwrap_or("known unicast")),
    };
    format!("{hook:?}: {did}, {kind} over {family}: {why}")
}

/// A right frame, of which the reference and the programs say the same.
fn right() -> Vec<u8> {
    seeds(&receiver(), mac::PEER, [C3, C4]).swap_remove(0)
}

/// What the fuzzing found once, and is left to the kernel's stack since: what must be dropped it drops.
#[test]
fn what_was_found_stays_found() -> Result<()> {
    let mut wrong_checksum = right();
    wrong_checksum[24] ^= 0x40;
    let mut octets_behind = right();
    octets_behind.extend_from_slice(b"none of the packet's");
    // The outer packet ends within the inner IP header, whose mark was read all the same.
    let mut marked_behind = right();
    marked_behind[15] |= 3;
    marked_behind[16..18].copy_from_slice(&55u16.to_be_bytes());
    marked_behind[38..40].copy_from_slice(&35u16.to_be_bytes());
    mend_ipv4(&mut marked_behind);
    let mut world = world()?;
    let uplink = world.wires.underlay;
    for hook in HOOKS {
        let ran = world.run(hook, uplink, &right())?;
        ensure!(
            ran.verdict == Verdict::Redirect,
            "{hook:?} takes no right one"
        );
        for frame in [&wrong_checksum, &octets_behind, &marked_behind] {
            let ran = world.run(hook, uplink, frame)?;
            ensure!(ran.verdict == Verdict::Pass, "{hook:?}: {:?}", ran.verdict);
        }
    }
    Ok(())
}
