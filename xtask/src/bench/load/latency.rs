//! Round trips of small datagrams, one after the other.

use std::io::{self, ErrorKind};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};

use super::sockets::Sockets;
use super::{Ends, Load, Ways, Words};
use crate::bench::cpu::Cpu;
use crate::bench::report::Unit;
use crate::bench::session::Session;

const PORT: u16 = 7002;
/// What fills a frame of 64 octets.
const QUESTION: [u8; 18] = [1; 18];
/// What ends the round at the other end.
const END: [u8; 1] = [0];
/// Round trips for each second of a round: 20,000 in a quarter of one.
const PER_SECOND: f64 = 80_000.0;
/// Round trips before those that are measured: caches are warm, and CPUs awake, when they are over.
const WARM: usize = 2_000;
/// Attempts to receive that take a second at least, when nothing arrives.
const SPINS: u32 = 5_000_000;

/// Measures and prints.
pub fn run(session: &Session<'_>, ways: &Ways<'_>) -> Result<()> {
    for manner in [Manner::OneCore, Manner::BusyPoll] {
        let open = |ends| Pinger::open(ways, ends, manner);
        ways.compare(session, manner.words(), open)?;
    }
    Ok(())
}

/// How the ends wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// They sleep, on the same CPU.
    OneCore,
    /// They ask again and again, each on a CPU of its own.
    BusyPoll,
}

impl Manner {
    const fn words(self) -> [Words; 3] {
        let [ids, titles] = match self {
            Self::OneCore => [
                [
                    "latency-one-core-p50",
                    "latency-one-core-p99",
                    "latency-one-core-p999",
                ],
                [
                    "round trip on one core, p50",
                    "round trip on one core, p99",
                    "round trip on one core, p99.9",
                ],
            ],
            Self::BusyPoll => [
                [
                    "latency-busy-poll-p50",
                    "latency-busy-poll-p99",
                    "latency-busy-poll-p999",
                ],
                [
                    "round trip, two cores busy polling, p50",
                    "round trip, two cores busy polling, p99",
                    "round trip, two cores busy polling, p99.9",
                ],
            ],
        };
        [
            microseconds(ids[0], titles[0]),
            microseconds(ids[1], titles[1]),
            microseconds(ids[2], titles[2]),
        ]
    }

    /// The CPU of the end that answers.
    fn far_cpu(self) -> Result<Cpu> {
        match self {
            Self::OneCore => Cpu::first(),
            Self::BusyPoll => Cpu::second(),
        }
    }

    /// Attempts to receive before an answer is given up.
    const fn attempts(self) -> u32 {
        match self {
            Self::OneCore => 1,
            Self::BusyPoll => SPINS,
        }
    }
}

const fn microseconds(id: &'static str, title: &'static str) -> Words {
    Words {
        id,
        title,
        unit: Unit::Microseconds,
    }
}

/// One end that asks, and one that answers.
struct Pinger {
    manner: Manner,
    sockets: Sockets,
}

impl Pinger {
    fn open(ways: &Ways<'_>, ends: &Ends<'_>, manner: Manner) -> Result<Self> {
        Ok(Self {
            manner,
            sockets: Sockets::open(ways, ends, PORT)?,
        })
    }

    /// Asks so often; returns what each round trip took.
    fn ask(&self, trips: usize) -> Result<Vec<Duration>> {
        Cpu::first()?.bear()?;
        for _ in 0..WARM {
            self.trip()?;
        }
        let taken: Result<Vec<_>> = (0..trips).map(|_| self.trip()).collect();
        self.sockets.near.send(&END)?;
        taken
    }

    fn trip(&self) -> Result<Duration> {
        let start = Instant::now();
        self.sockets.near.send(&QUESTION)?;
        self.wait(|| self.sockets.near.recv(&mut [0; 64]))?;
        Ok(start.elapsed())
    }

    /// Answers until it is told to end.
    fn answer(&self) -> Result<()> {
        self.manner.far_cpu()?.bear()?;
        let far = &self.sockets.far;
        loop {
            let (octets, from) = self.wait(|| far.recv_from(&mut [0; 64]))?;
            if octets == END.len() {
                return Ok(());
            }
            far.send_to(&QUESTION, from)?;
        }
    }

    fn wait<T>(&self, receive: impl Fn() -> io::Result<T>) -> Result<T> {
        for _ in 0..self.manner.attempts() {
            match receive() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return Ok(other?),
            }
        }
        bail!("no datagram within a second")
    }

    fn set_manner(&self) -> Result<()> {
        let spins = self.manner == Manner::BusyPoll;
        let sockets = [&self.sockets.near, &self.sockets.far];
        Ok(sockets
            .iter()
            .try_for_each(|socket| socket.set_nonblocking(spins))?)
    }
}

impl Load<3> for Pinger {
    fn round(&self, time: Duration) -> Result<[f64; 3]> {
        self.sockets.meet()?;
        self.set_manner()?;
        let trips = (time.as_secs_f64() * PER_SECOND) as usize;
        let taken = thread::scope(|scope| {
            let answering = scope.spawn(|| self.answer());
            let asking = scope.spawn(|| self.ask(trips)).join();
            let panicked = |_| anyhow!("an end panicked");
            answering.join().map_err(panicked)??;
            asking.map_err(panicked)?
        });
        let mut taken = taken?;
        taken.sort_unstable();
        Ok([0.5, 0.99, 0.999].map(|part| quantile(&taken, part)))
    }
}

/// What this part of the round trips took at most, in microseconds.
fn quantile(sorted: &[Duration], part: f64) -> f64 {
    let at = (sorted.len() as f64 * part) as usize;
    sorted[at.min(sorted.len() - 1)].as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_right_rank() {
        let sorted: Vec<_> = (0..1000).map(Duration::from_micros).collect();
        let of = [0.5, 0.99, 0.999, 1.0].map(|part| quantile(&sorted, part).round() as u64);
        assert_eq!(of, [500, 990, 999, 999]);
    }
}
