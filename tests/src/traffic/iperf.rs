//! Throughput by iperf3.

use std::{net::IpAddr, time::Duration};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{netns::Namespace, process::TIMEOUT};

/// Bits a second that a server received of `seconds` of TCP from a client.
pub fn iperf(
    server: &Namespace,
    address: impl Into<IpAddr>,
    client: &Namespace,
    seconds: u32,
) -> Result<f64> {
    let mut listening = server.spawn("iperf3 --server --one-off --forceflush")?;
    listening.wait_for("listening", TIMEOUT)?;
    let line = format!("iperf3 --json --time {seconds} --client {}", address.into());
    let limit = Duration::from_secs(u64::from(seconds)) + TIMEOUT;
    let output = client.attempt_within(&line, limit)?;
    let report: Value = serde_json::from_str(&output.stdout).with_context(|| output.to_string())?;
    match report["end"]["sum_received"]["bits_per_second"].as_f64() {
        Some(rate) => Ok(rate),
        None => bail!("iperf3 reports no rate: {output}"),
    }
}
