//! More and more ports that a broadcast goes to; and, for what so many ports cost by themselves, frames to one
//! port each, the ports in turn.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Result, bail};

use super::curve::{self, Sketch};
use super::loader::Loader;
use super::timed::Times;
use super::{places, traffic};
use crate::bench::generator::Generator;
use crate::bench::measure::Measured;
use crate::bench::path::MACS;
use crate::bench::progress::Step;
use crate::bench::report::{Curve, Line, Point, Unit};
use crate::bench::session::Session;
use crate::run::netns::Netns;

/// Sizes of a full and of a quick run. A bridge of the kernel's has 1,023 ports at most.
const FULL: &[u32] = &[2, 10, 100, 1000];
const QUICK: &[u32] = &[2, 50];
/// How often the check that each receiver gets its copy sends every frame.
const CHECKED: u64 = 10;
/// How often it is tried: a bridge that has just come up reports itself as a multicast listener.
const TRIES: u32 = 3;

/// Measures and prints.
pub fn run(session: &Session<'_>) -> Result<()> {
    let sizes = super::sizes(session, FULL, QUICK);
    session.grow("growth/flood", |step| measure(session, sizes, step))
}

fn measure(session: &Session<'_>, sizes: &[u32], step: &Step<'_>) -> Result<Vec<Curve>> {
    let make = |label: &str| -> Result<Vec<Crowd>> {
        let crowds = sizes.iter();
        crowds
            .map(|size| Crowd::create(session.prefix, &format!("{label}{size}"), *size))
            .collect()
    };
    let (ours, theirs) = (make("n")?, make("k")?);
    let (_running, load) = start(session, &ours)?;
    for crowd in &theirs {
        places::bridge(&crowd.host, &crowd.ports())?;
    }
    let both = [("netfwd", &ours), ("kernel bridge", &theirs)];
    let copies = lines(session, step, &both, Flood::of_broadcasts)?;
    let singles = lines(session, step, &both, Flood::of_singles)?;
    let [frames, each] = [Unit::FramesPerSecond, Unit::Nanoseconds].map(|unit| of(&copies, unit));
    let singles = of(&singles, Unit::Nanoseconds);
    Ok(vec![
        FRAMES.of(frames),
        COPY.of(each),
        SINGLE.of(singles),
        load,
    ])
}

/// Copies a second, at every size of both.
fn lines<'lab>(
    session: &Session<'_>,
    step: &Step<'_>,
    both: &[(&'static str, &'lab Vec<Crowd>)],
    open: impl Fn(&'static str, &'lab Crowd) -> Result<Flood<'lab>>,
) -> Result<Vec<Line>> {
    let mut all = Vec::new();
    for &(name, crowds) in both {
        for crowd in crowds {
            all.push((crowd.size, open(name, crowd)?));
        }
    }
    curve::lines(session.rounds, step, &all)
}

const FRAMES: Sketch<'_> = Sketch {
    id: "growth/flood",
    title: "growth: 64-byte broadcasts that a frame's sender floods to many ports",
    size: "ports flooded",
    unit: Unit::FramesPerSecond,
};
const COPY: Sketch<'_> = Sketch {
    id: "growth/flood-copy",
    title: "growth: CPU time per copy of a broadcast",
    unit: Unit::Nanoseconds,
    ..FRAMES
};
const SINGLE: Sketch<'_> = Sketch {
    id: "growth/flood-single",
    title: "growth: CPU time per frame to one port, the ports in turn: what cold ports cost where nothing is flooded",
    size: "ports in turn",
    ..COPY
};

/// Frames a second, or nanoseconds per copy, of copies a second.
fn of(copies: &[Line], unit: Unit) -> Vec<Line> {
    let point = |point: &Point| {
        let value = |rate: &f64| match unit {
            Unit::Nanoseconds => 1e9 / rate,
            _ => rate / point.size as f64,
        };
        Point::new(point.size, point.figures.values.iter().map(value).collect())
    };
    let line = |line: &Line| Line {
        name: line.name.clone(),
        points: line.points.iter().map(point).collect(),
    };
    copies.iter().map(line).collect()
}

/// Starts netfwd, which is timed.
fn start<'lab>(
    session: &Session<'lab>,
    crowds: &'lab [Crowd],
) -> Result<(Vec<Loader<'lab>>, Curve)> {
    let mut times = Times::new(session);
    let mut running = Vec::new();
    for crowd in crowds {
        let [whole, changed] = [0, 1].map(|fewer| crowd.configuration(fewer));
        let mut loader = Loader::new(session.loader, session.prefix, &crowd.host, &whole)?;
        times.of(&mut loader, crowd.size, [&whole, &changed], "port")?;
        running.push(loader);
    }
    Ok((running, times.curve("growth/ports-load", "ports")))
}

/// A frame of a type that no stack answers (IEEE 802's local experimental one).
fn frame(to: [u8; 6], from: [u8; 6]) -> Vec<u8> {
    [&to[..], &from, &[0x88, 0xb5], &[0; 46]].concat()
}

/// The station behind a port.
fn station(port: u32) -> [u8; 6] {
    let [_, _, high, low] = port.to_be_bytes();
    [0x02, 0, 0, 0x01, high, low]
}

/// A host with one container that sends, and receivers that are all in one namespace.
struct Crowd {
    size: u32,
    host: Netns,
    sender: Netns,
    receivers: Netns,
}

impl Crowd {
    fn create(prefix: &str, label: &str, size: u32) -> Result<Self> {
        let netns = |name: &str| places::quiet(format!("{prefix}{label}{name}"));
        let crowd = Self {
            size,
            host: netns("h")?,
            sender: netns("s")?,
            receivers: netns("r")?,
        };
        places::plug(&crowd.host, "p0", &crowd.sender)?;
        let far = crowd.receivers.name();
        let (mut near, mut ends) = (String::new(), String::new());
        for number in 1..=size {
            let link = format!("p{number} type veth peer name e{number} netns {far}");
            writeln!(near, "link add {link}\nlink set p{number} up")?;
            writeln!(ends, "link set e{number} up")?;
        }
        places::batch(&crowd.host, "ip", &near)?;
        places::batch(&crowd.receivers, "ip", &ends)?;
        Ok(crowd)
    }

    fn ports(&self) -> Vec<String> {
        (0..=self.size).map(|number| format!("p{number}")).collect()
    }

    /// Has the station behind each port say where it is.
    fn greet(&self) -> Result<()> {
        (1..=self.size).try_for_each(|port| {
            let far = Generator::open(&self.receivers, &format!("e{port}"))?;
            far.send(&frame(MACS[0], station(port)))
        })
    }

    fn configuration(&self, fewer: usize) -> String {
        let names = self.ports();
        let ports = names[..names.len() - fewer].iter();
        let ports: Vec<String> = ports.map(|name| places::port(name)).collect();
        places::head(&self.host) + &places::network("blue") + &ports.concat()
    }
}

/// Frames of the sender, each of which arrives so many times.
struct Flood<'lab> {
    name: &'static str,
    crowd: &'lab Crowd,
    generator: Generator,
    frames: Vec<Vec<u8>>,
    copies: u64,
}

impl<'lab> Flood<'lab> {
    fn of_broadcasts(name: &'static str, crowd: &'lab Crowd) -> Result<Self> {
        let frames = vec![frame([0xff; 6], MACS[0])];
        Self::checked(name, crowd, frames, u64::from(crowd.size))
    }

    /// Frames to the station behind each port, which has been heard; as many to a system call at every size.
    fn of_singles(name: &'static str, crowd: &'lab Crowd) -> Result<Self> {
        crowd.greet()?;
        let ports = (1..=crowd.size).cycle();
        let count = crowd.size.next_multiple_of(traffic::FEW) as usize;
        let frames = ports.map(|port| frame(station(port), MACS[0])).take(count);
        Self::checked(name, crowd, frames.collect(), 1)
    }

    fn checked(
        name: &'static str,
        crowd: &'lab Crowd,
        frames: Vec<Vec<u8>>,
        copies: u64,
    ) -> Result<Self> {
        let flood = Self {
            name,
            crowd,
            generator: Generator::open(&crowd.sender, "eth0")?,
            frames,
            copies,
        };
        flood.check()?;
        Ok(flood)
    }

    /// No frame is lost, and none comes once more.
    fn check(&self) -> Result<()> {
        let sent = CHECKED * self.frames.len() as u64;
        let mut came = 0;
        for _ in 0..TRIES {
            came = self.arrive()?;
            if came == sent * self.copies {
                return Ok(());
            }
        }
        let (name, size) = (self.name, self.crowd.size);
        bail!("{sent} frames to some of {size} ports of {name} came as {came} copies")
    }

    /// Copies that arrive of some turns of all frames.
    fn arrive(&self) -> Result<u64> {
        let before = self.received()?;
        for _ in 0..CHECKED {
            self.frames
                .iter()
                .try_for_each(|frame| self.generator.send(frame))?;
            // A bridge puts all copies into one backlog, which has no room for two frames' to 1,000 ports.
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(self.received()? - before)
    }

    fn received(&self) -> Result<u64> {
        traffic::received(&self.crowd.receivers)
    }
}

impl Measured for Flood<'_> {
    fn name(&self) -> &'static str {
        self.name
    }

    /// Copies that arrive per second of CPU time.
    fn round(&self, time: Duration) -> Result<[f64; 1]> {
        let before = self.received()?;
        let took = self.generator.flood(&self.frames, time)?;
        std::thread::sleep(Duration::from_millis(10));
        Ok([(self.received()? - before) as f64 / took.as_secs_f64()])
    }
}
