//! The suite `vm`: the main path on older kernels. Debian's kernels boot in QEMU with an initramfs
//! of busybox, the modules needed and the loader; the guest reports on its serial console.

mod image;
mod kernel;
mod modules;
mod qemu;
mod report;
mod tap;
mod uplink;

use std::{process::Command, time::Instant};

use anyhow::Result;

use crate::{paths::Paths, test::tally::Tally};
use image::Guest;
use kernel::Found;

/// The kernel series that netfwd is held to: the oldest it supports, which lacks TCX, and one that
/// has it.
const SERIES: &[&str] = &["6.1", "6.12"];

/// The main path, from one end to the other.
const MAIN_PATH: Guest = Guest {
    name: "initramfs",
    checks: include_str!("guest/main_path"),
    // The bridge is the outside's.
    modules: &["veth", "vxlan", "sch_ingress", "cls_bpf", "tun", "bridge"],
    programs: &["ip", "ping", "socat", "bpftool"],
};

/// Boots every kernel and counts the guests' checks.
pub fn run(paths: &Paths) -> Result<Tally> {
    if std::env::consts::ARCH != "x86_64" {
        println!("skipped vm: the kernels and the machine they boot in are x86-64");
        return Ok(Tally::SKIPPED);
    }
    let mut total = Tally::default();
    for series in SERIES {
        total += one(paths, series)?;
    }
    Ok(total)
}

fn one(paths: &Paths, series: &str) -> Result<Tally> {
    let kernel = match kernel::find_or_fetch(paths, series)? {
        Found::Kernel(kernel) => kernel,
        Found::Nowhere(reason) => {
            println!("skipped kernel {series}: {reason}");
            return Ok(Tally::SKIPPED);
        }
    };
    let start = Instant::now();
    let initramfs = image::pack(paths, &kernel, &MAIN_PATH)?;
    let console = kernel.dir.join("console.log");
    let mut machine = Command::new(qemu::PROGRAM);
    machine.args(["-nic", "none"]);
    let text = qemu::boot(machine, &kernel.image, &initramfs, &console)?;
    let report = report::read(&text);
    report.print(series);
    println!(
        "kernel {series} ({}): {}, {:.1} s; console in {}",
        kernel.release,
        report.tally(),
        start.elapsed().as_secs_f64(),
        paths.shown(&console)
    );
    let station = if Some(&series) == SERIES.last() {
        tap::run(paths, &kernel)?
    } else {
        Tally::default()
    };
    let uplink = uplink::run(paths, &kernel)?;
    Ok(report.tally() + station + uplink)
}
