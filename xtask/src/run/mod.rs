//! `cargo xtask run`: the main job in network namespaces of its own, shown to a person.

pub mod bulk;
pub mod instance;
pub mod interrupt;
mod live;
pub mod netns;
mod outside;
mod overlay;
mod ping;
pub mod process;
pub mod report;
mod segment;
mod survive;
mod tables;
mod topology;
pub mod traces;
pub mod twin;

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::paths::Paths;
use instance::Instance;
use report::Report;
use topology::Topology;
use twin::Twin;

/// Lays out the lab, shows each check, then live counters until Ctrl-C unless `once`; removes all
/// that it made, however it ends. Fails when a check failed.
pub fn lab(paths: &Paths, once: bool) -> Result<()> {
    let loader = &paths.loader();
    ensure!(
        nix::unistd::geteuid().is_root(),
        "the lab makes network namespaces: run it as root"
    );
    traces::bounded(loader, |prefix| show(paths, prefix, once))
}

fn show(paths: &Paths, prefix: &str, once: bool) -> Result<()> {
    let mut report = Report::begin(prefix);
    let lab = Topology::create(prefix)?;
    let twin = Twin::create(prefix)?;
    let mut instances = configure(paths, prefix, &lab)?;
    check(&mut report, &lab, &twin, &mut instances)?;
    tables::print(
        &instances[0],
        &["port show", "peer show", "fdb show", "session show"],
    )?;
    tables::print(&instances[1], &["fdb show"])?;
    report.sum();
    if !once {
        live::show(&lab, &instances)?;
    }
    if !report.all_passed() {
        bail!("a check failed, see the lines with ✘");
    }
    Ok(())
}

/// An instance for each host, with a copy of its example's configuration.
fn configure<'lab>(
    paths: &Paths,
    prefix: &str,
    lab: &'lab Topology,
) -> Result<[Instance<'lab>; 2]> {
    let folder = traces::folder(prefix);
    fs::create_dir(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let instance = |host, file| {
        let config =
            instance::configuration(&paths.root.join("examples").join(file), &folder, prefix)?;
        anyhow::Ok(Instance::new(&paths.loader(), host, config))
    };
    Ok([
        instance(&lab.hosts.a, "host-a.toml")?,
        instance(&lab.hosts.b, "host-b.toml")?,
    ])
}

fn check(
    report: &mut Report,
    lab: &Topology,
    twin: &Twin,
    hosts: &mut [Instance; 2],
) -> Result<()> {
    let mut first = Duration::ZERO;
    report.check("both daemons are ready", || start(hosts, &mut first))?;
    ensure!(
        report.all_passed(),
        "without its daemons the lab has nothing to show"
    );
    report.check("container → container, one host", || {
        overlay::same_host(lab)
    })?;
    report.check("container → container, VXLAN", || {
        overlay::across_hosts(lab)
    })?;
    report.check("the underlay carries", || overlay::on_the_wire(lab))?;
    report.check("full MTU, don't fragment", || overlay::full_mtu(lab))?;
    report.check("TCP bulk across hosts", || bulk::ratio_to_kernel(lab, twin))?;
    report.check("UDP_SEGMENT across hosts", || {
        segment::arrives_complete(lab)
    })?;
    report.check("masquerade to the outside", || outside::masquerade(lab))?;
    report.check("published port from outside", || outside::published(lab))?;
    report.check("loader killed in a ping flood", || {
        survive::kill(lab, &mut hosts[0])
    })?;
    report.check("loader started again in one", || {
        survive::restart(lab, &mut hosts[0], first)
    })?;
    report.check("FDB and sessions", || tables::hold_what_happened(&hosts[0]))?;
    report.check("pinned maps, read by bpftool", || {
        tables::pinned_map(&hosts[0])
    })
}

/// Starts both daemons; `first` becomes what host a's took.
fn start([a, b]: &mut [Instance; 2], first: &mut Duration) -> Result<String> {
    *first = a.start().context("host a")?;
    let second = b.start().context("host b")?;
    Ok(format!(
        "a in {:.2} s, b in {:.2} s\nhooks: {} on a, {} on b",
        first.as_secs_f64(),
        second.as_secs_f64(),
        a.modes()?,
        b.modes()?
    ))
}
