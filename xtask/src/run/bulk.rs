//! TCP bulk across hosts, beside the kernel's bridge and vxlan.

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;
use serde_json::Value;

use super::netns::Netns;
use super::process::{self, Background};
use super::topology::{Topology, addresses};
use super::twin::Twin;

/// Interleaved runs of each; odd, so that the median is one of them. Many short ones, so that what
/// else the machine does falls on both alike.
const ROUNDS: usize = 15;
const OCTETS: u64 = 256 << 20;

/// Throughput from c1 to c3, and its ratio to the kernel's; runs alternate so that both meet the same
/// machine. Single runs spread over a factor of two on a machine with two CPUs, so the ratio is for the
/// reader and asserts nothing. Nor can this count octets: iperf3's server stops counting at the
/// client's word that it has sent all; the suite `net` compares every octet.
pub fn ratio_to_kernel(lab: &Topology, twin: &Twin) -> Result<String> {
    let [c1, _, c3, _] = &lab.containers;
    let [k1, k3] = &twin.containers;
    let (mut ours, mut kernel) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(rate(c1, c3).context("netfwd")?);
        kernel.push(rate(k1, k3).context("bridge + vxlan")?);
    }
    let ratio = median(&ours) / median(&kernel);
    Ok(format!(
        "{:.2} Gbit/s; kernel bridge + vxlan {:.2}; ratio {ratio:.2}\n\
         medians of {ROUNDS} alternating runs, a CPU for each end; netfwd {}, kernel {} Gbit/s",
        median(&ours),
        median(&kernel),
        span(&ours),
        span(&kernel)
    ))
}

fn rate(from: &Netns, to: &Netns) -> Result<f64> {
    let bulk = Bulk {
        streams: 1,
        octets: OCTETS,
        cpus: Cpus::Two,
    };
    Ok(bulk.run(from, to, addresses::CONTAINERS[2])?.rate)
}

/// Which CPUs the ends have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cpus {
    /// One for both.
    One,
    /// One for each.
    Two,
}

/// What iperf3 is to carry.
#[derive(Debug, Clone, Copy)]
pub struct Bulk {
    /// How many streams.
    pub streams: u8,
    /// How many octets, all streams together.
    pub octets: u64,
    /// Where the ends run.
    pub cpus: Cpus,
}

/// What a run of iperf3 achieved.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    /// Gbit/s by the clock, as the receiver counted.
    pub rate: f64,
    /// Gbit that arrived.
    pub gigabits: f64,
    /// CPU time of both ends.
    pub cpu: Duration,
}

/// The congestion control of what is opened in a namespace.
const CONGESTION: &str = "/proc/sys/net/ipv4/tcp_congestion_control";
/// One that sends whenever the window allows it, and that every kernel has. A new namespace inherits the
/// machine's: BBR paces by timers, at a rate that it guesses, and a timer fires on whichever CPU, so that packets
/// overtake each other (measured over a bridge: 4,400 pacing timers and 1,300 to 2,800 retransmissions in 375 MB, and
/// hardly one of either without). iperf3 changes it only once it is connected, and a socket that was paced remains so.
const UNPACED: &str = "reno";
/// The sockets' buffers where both ends share a CPU: what is on its way stays in that CPU's caches. One bridge carried
/// 57 to 65 Gbit/s with them in five rounds, and 38 to 54 with buffers that grow.
const WINDOW: &str = "256K";

/// Has TCP of a namespace send whenever its window allows it.
pub fn unpaced(end: &Netns) -> Result<()> {
    end.enter(|| Ok(fs::write(CONGESTION, UNPACED)?))
        .with_context(|| format!("{CONGESTION} in {}", end.name()))
}

impl Bulk {
    /// Has iperf3 carry it.
    pub fn run(&self, from: &Netns, to: &Netns, address: Ipv4Addr) -> Result<Stream> {
        let limit = Duration::from_secs(10);
        unpaced(from)?;
        unpaced(to)?;
        let mut server =
            Background::start(to.command("iperf3").args(["-s", "-1", "--forceflush"]))?;
        server.wait_for("listening", limit)?;
        let mut client = from.command("iperf3");
        client.args(self.words(address));
        received(&process::finish(&mut client, limit)?.stdout)
    }

    fn words(&self, address: Ipv4Addr) -> Vec<String> {
        let (octets, streams) = (self.octets.to_string(), self.streams.to_string());
        let address = address.to_string();
        let words = [
            "-J",
            "--connect-timeout",
            "2000",
            "-n",
            &octets,
            "-P",
            &streams,
            "-c",
            &address,
        ];
        let mut words: Vec<_> = words.map(str::to_owned).into();
        if self.cpus == Cpus::One {
            words.extend(["-w", WINDOW].map(str::to_owned));
        }
        words.extend(self.cpus.words());
        words
    }
}

impl Cpus {
    /// Where the scheduler moves the ends varies a run by half otherwise, far more than the paths differ.
    fn words(self) -> Vec<String> {
        let cpus = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
        let mut usable = (0..CpuSet::count()).filter(|cpu| cpus.is_set(*cpu).unwrap_or(false));
        let first = usable.next();
        let second = match self {
            Self::One => first,
            Self::Two => usable.next(),
        };
        match (first, second) {
            (Some(first), Some(second)) => vec!["-A".to_owned(), format!("{first},{second}")],
            _ => Vec::new(),
        }
    }
}

fn received(json: &str) -> Result<Stream> {
    let report: Value = serde_json::from_str(json).context("iperf3 printed no JSON")?;
    if let Some(error) = report["error"].as_str() {
        anyhow::bail!("iperf3: {error}");
    }
    let (sent, received) = (&report["end"]["sum_sent"], &report["end"]["sum_received"]);
    let of = |value: &Value| value.as_f64().context("iperf3 reported no throughput");
    let rate = of(&received["bits_per_second"])? / 1e9;
    ensure!(rate > 0.0, "iperf3 received nothing");
    let busy = |side: &str, seconds: &Value| -> Result<f64> {
        let percent = report["end"]["cpu_utilization_percent"][side].as_f64();
        Ok(percent.context("iperf3 reported no CPU time")? / 100.0 * of(seconds)?)
    };
    let cpu = busy("host_total", &sent["seconds"])? + busy("remote_total", &received["seconds"])?;
    Ok(Stream {
        rate,
        gigabits: of(&received["bytes"])? * 8.0 / 1e9,
        cpu: Duration::from_secs_f64(cpu),
    })
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The lowest and the highest.
fn span(values: &[f64]) -> String {
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(0.0, f64::max);
    format!("{lowest:.1}–{highest:.1}")
}
