//! The data path must not depend on the loader being alive.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::instance::Instance;
use super::interrupt;
use super::ping::{self, Pings};
use super::process::Background;
use super::topology::{Topology, addresses};

/// Requests of a flood, one a millisecond.
const FLOOD: u32 = 1000;

/// SIGKILL in the middle of a ping flood between hosts.
pub fn kill(lab: &Topology, instance: &mut Instance) -> Result<String> {
    let mut flood = start_flood(lab, FLOOD)?;
    interrupt::sleep(Duration::from_millis(300))?;
    instance.kill()?;
    ensure!(flood.is_running(), "the flood ended before the loader did");
    Ok(finish_flood(flood)?.lossless()?.to_string())
}

/// Starts the loader again in the middle of a ping flood, which is made long enough by what the first
/// start took.
pub fn restart(lab: &Topology, instance: &mut Instance, first: Duration) -> Result<String> {
    let count = FLOOD.max(2 * first.as_millis() as u32 + 500);
    let mut flood = start_flood(lab, count)?;
    interrupt::sleep(Duration::from_millis(200))?;
    let time = instance.start()?;
    let outlasted = flood.is_running();
    let pings = finish_flood(flood)?.lossless()?;
    ensure!(outlasted, "the flood ended before the loader was ready");
    Ok(format!("{pings}, ready in {:.2} s", time.as_secs_f64()))
}

fn start_flood(lab: &Topology, count: u32) -> Result<Background> {
    let options = format!("-q -f -i 0.001 -c {count}");
    Background::start(&mut ping::command(
        &lab.containers[0],
        addresses::CONTAINERS[2],
        &options,
    ))
}

fn finish_flood(flood: Background) -> Result<Pings> {
    ping::parse(&flood.join(Duration::from_mins(1))?.join("\n"))
}
