//! Frames that are nearly right, of sessions that are nearly usual.
//!
//! An ordinary run takes some ten thousand frames; `NETFWD_FUZZ=1000000` takes as many, and `NETFWD_FUZZ_SEED`
//! others.

use std::env;

use anyhow::{Context, Result, ensure};
use netfwd_common::{
    maps::{Deliver, Session, SessionFlags},
    tcp,
};
use tests::{
    fuzz::{Mutator, Random},
    packet::tcp_flags,
};

use super::{
    flow::{Flow, without_checksum},
    place::{Place, both, given},
};

const FRAMES: u64 = 30_000;
const SEED: u64 = 0x1624;

/// What a session is changed to, one time in two.
const CHANGES: [fn(&mut Session); 16] = [
    |session| session.last_seen_ns -= 2_000_000_000,
    |session| session.last_seen_ns -= 59_000_000_000,
    |session| session.last_seen_ns -= 61_000_000_000,
    |session| session.last_seen_ns -= 301_000_000_000,
    |session| session.next_hop.resolved_ns -= 2_000_000_000,
    |session| session.next_hop.ifindex = 0,
    |session| session.next_hop.mtu = 80,
    |session| session.epoch -= 1,
    |session| session.tcp_flags = tcp::ACK,
    |session| session.tcp_flags |= tcp::FIN,
    |session| session.tcp_flags |= tcp::PEER_FIN,
    |session| session.tcp_flags |= tcp::RST,
    |session| session.flags = SessionFlags::TO_HOST,
    |session| session.flags = SessionFlags::TO_MAPPED,
    |session| session.deliver = Deliver::Transmit as u8,
    |session| session.xdp = 0,
];

fn seeds() -> Vec<Vec<u8>> {
    let data: [&[u8]; 3] = [b"", &[0x5a; 18], &[0xa5; 300]];
    let plain = Flow::ALL
        .into_iter()
        .flat_map(|flow| data.map(|payload| flow.frame(64, payload)));
    let flagged = [tcp_flags::SYN, tcp_flags::FIN, tcp_flags::ACK]
        .into_iter()
        .flat_map(|flags| [Flow::Tcp, Flow::TcpV6].map(|flow| flow.with_flags(flags, 2, b"data")));
    let without = without_checksum(64);
    plain.chain(flagged).chain([without]).collect()
}

fn number(variable: &str, otherwise: u64) -> Result<u64> {
    match env::var(variable) {
        Ok(value) => value.parse().with_context(|| format!("{variable}={value}")),
        Err(_) => Ok(otherwise),
    }
}

#[test]
fn whatever_xdp_takes_tc_would_have_sent_alike() -> Result<()> {
    let frames = number("NETFWD_FUZZ", FRAMES)?;
    let seed = number("NETFWD_FUZZ_SEED", SEED)?;
    let (mut mutator, mut random) = (Mutator::new(seed, seeds()), Random::new(!seed));
    let mut place = Place::new()?;
    let (known, uplink) = (place.known.clone(), place.world.wires.uplink);
    let taken = place.world.inside(|programs| -> Result<[u64; 2]> {
        let mut taken = [0; 2];
        for number in 0..frames {
            let frame = mutator.frame();
            let change = random.chance(2).then(|| random.below(CHANGES.len()));
            let given = given(&known, |session| {
                if let Some(change) = change {
                    CHANGES[change](session);
                }
            });
            let found = both(programs, uplink, &given, &frame).with_context(|| {
                format!("frame {number} of seed {seed}, change {change:?}: {frame:02x?}")
            })?;
            if found.is_some() {
                taken[usize::from(change.is_some())] += 1;
            }
        }
        Ok(taken)
    })?;
    println!("of {frames} frames of seed {seed} XDP took {taken:?}");
    ensure!(
        taken.iter().all(|count| count * 50 > frames),
        "{taken:?} of {frames}"
    );
    Ok(())
}
