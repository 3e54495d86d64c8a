//! More and more ports that a broadcast goes to.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Result, ensure};

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
/// Frames of the check that each receiver gets its copy.
const CHECKED: u64 = 10;

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
    let mut all = floods("netfwd", &ours)?;
    all.extend(floods("kernel bridge", &theirs)?);
    let copies = curve::lines(session.rounds, step, &all)?;
    let [frames, each] = [Unit::FramesPerSecond, Unit::Nanoseconds].map(|unit| of(&copies, unit));
    Ok(vec![FRAMES.of(frames), COPY.of(each), load])
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

fn floods<'lab>(name: &'static str, crowds: &'lab [Crowd]) -> Result<Vec<(u32, Flood<'lab>)>> {
    let open = |crowd: &'lab Crowd| {
        let flood = Flood {
            name,
            crowd,
            generator: Generator::open(&crowd.sender, "eth0")?,
            frame: [broadcast()],
        };
        flood.check()?;
        Ok((crowd.size, flood))
    };
    crowds.iter().map(open).collect()
}

/// A broadcast of a type that no stack answers (IEEE 802's local experimental one).
fn broadcast() -> Vec<u8> {
    [&[0xff; 6][..], &MACS[0], &[0x88, 0xb5], &[0; 46]].concat()
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

    fn configuration(&self, fewer: usize) -> String {
        let names = self.ports();
        let ports = names[..names.len() - fewer].iter();
        let ports: Vec<String> = ports.map(|name| places::port(name)).collect();
        places::head(&self.host) + &places::network("blue") + &ports.concat()
    }
}

/// Broadcasts of the sender.
struct Flood<'lab> {
    name: &'static str,
    crowd: &'lab Crowd,
    generator: Generator,
    frame: [Vec<u8>; 1],
}

impl Flood<'_> {
    /// Every receiver gets one copy of each frame.
    fn check(&self) -> Result<()> {
        let before = self.received()?;
        for _ in 0..CHECKED {
            self.generator.send(&self.frame[0])?;
        }
        std::thread::sleep(Duration::from_millis(50));
        let (copies, size) = (self.received()? - before, self.crowd.size);
        ensure!(
            copies == CHECKED * u64::from(size),
            "{CHECKED} broadcasts to {size} ports of {} came as {copies} copies",
            self.name
        );
        Ok(())
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
        let took = self.generator.flood(&self.frame, time)?;
        std::thread::sleep(Duration::from_millis(10));
        Ok([(self.received()? - before) as f64 / took.as_secs_f64()])
    }
}
