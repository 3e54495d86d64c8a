//! TCP bulk across hosts, beside the kernel's bridge and vxlan.

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
    Ok(streams(1, from, to, addresses::CONTAINERS[2], OCTETS)?.rate)
}

/// What a run of iperf3 achieved.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    /// Gbit/s by the clock, as the receiver counted.
    pub rate: f64,
    /// Gbit per second of CPU time of both ends: what the path costs, whatever else the machine does.
    pub per_cpu: f64,
}

/// One run of iperf3, of so many streams that carry so many octets together.
pub fn streams(
    count: u8,
    from: &Netns,
    to: &Netns,
    address: Ipv4Addr,
    octets: u64,
) -> Result<Stream> {
    let limit = Duration::from_secs(10);
    let mut server = Background::start(to.command("iperf3").args(["-s", "-1", "--forceflush"]))?;
    server.wait_for("listening", limit)?;
    let mut client = from.command("iperf3");
    client.args([
        "-J",
        "--connect-timeout",
        "2000",
        "-n",
        &octets.to_string(),
        "-P",
        &count.to_string(),
        "-c",
        &address.to_string(),
    ]);
    client.args(own_cpus());
    received(&process::finish(&mut client, limit)?.stdout)
}

/// Gives each end a CPU of its own, as two hosts have. Where the scheduler moves them varies a run by
/// half otherwise, far more than the paths differ.
fn own_cpus() -> Vec<String> {
    let cpus = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
    let mut usable = (0..CpuSet::count()).filter(|cpu| cpus.is_set(*cpu).unwrap_or(false));
    match (usable.next(), usable.next()) {
        (Some(first), Some(second)) => vec!["-A".to_owned(), format!("{first},{second}")],
        _ => Vec::new(),
    }
}

fn received(json: &str) -> Result<Stream> {
    let report: Value = serde_json::from_str(json).context("iperf3 printed no JSON")?;
    if let Some(error) = report["error"].as_str() {
        anyhow::bail!("iperf3: {error}");
    }
    let end = &report["end"];
    let rate = end["sum_received"]["bits_per_second"].as_f64();
    let rate = rate.context("iperf3 reported no throughput")? / 1e9;
    ensure!(rate > 0.0, "iperf3 received nothing");
    let busy = |side: &str| end["cpu_utilization_percent"][side].as_f64();
    let cpus = busy("host_total").zip(busy("remote_total"));
    let (sender, receiver) = cpus.context("iperf3 reported no CPU time")?;
    Ok(Stream {
        rate,
        per_cpu: rate * 100.0 / (sender + receiver),
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
