//! A virtual machine as a station: QEMU with virtio-net on a tap that netfwd made.

use std::fs;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use super::image::{self, Guest};
use super::kernel::Kernel;
use super::{qemu, report};
use crate::{
    paths::Paths,
    run::{instance::Instance, netns::Netns, process::Background, traces},
    test::tally::Tally,
};

/// The tap, and the machine's interface behind it.
const TAP: &str = "vm1";
const MAC: &str = "02:00:00:00:00:20";

const CHECKS: &str = include_str!("guest/station");

/// What the machine runs.
const STATION: Guest = Guest {
    name: "station",
    checks: CHECKS,
    // Its bus is built in.
    modules: &["virtio_net"],
    programs: &["ip", "ping", "socat", "ethtool"],
};

/// Boots the station's machine on a host whose netfwd made its tap, and counts its checks.
pub fn run(paths: &Paths, kernel: &Kernel) -> Result<Tally> {
    let mut tally = Tally::default();
    traces::bounded(&paths.loader(), |prefix| {
        tally = station(paths, kernel, prefix)?;
        Ok(())
    })?;
    Ok(tally)
}

fn station(paths: &Paths, kernel: &Kernel, prefix: &str) -> Result<Tally> {
    let start = Instant::now();
    let host = Netns::create(format!("{prefix}host"))?;
    let container = Netns::create(format!("{prefix}c1"))?;
    let mut instance = configured(paths, prefix, &host, &container)?;
    instance.start()?;
    let mut echo = container.command("socat");
    let _echo = Background::start(echo.args(["TCP-LISTEN:5001,reuseaddr", "EXEC:cat"]))?;
    let initramfs = image::pack(paths, kernel, &STATION)?;
    let console = kernel.dir.join("station.log");
    let mut machine = host.command(qemu::PROGRAM);
    machine.args([
        "-netdev",
        &format!("tap,id=n0,ifname={TAP},script=no,downscript=no"),
    ]);
    machine.args(["-device", &format!("virtio-net-pci,netdev=n0,mac={MAC}")]);
    let text = qemu::boot(machine, &kernel.image, &initramfs, &console)?;
    let report = report::read(&text);
    report.print("tap");
    let tally = report.tally() + whole(&instance);
    let (release, seconds) = (&kernel.release, start.elapsed().as_secs_f64());
    println!("a station on a tap (kernel {release}): {tally}, {seconds:.1} s");
    Ok(tally)
}

fn configured<'host>(
    paths: &Paths,
    prefix: &str,
    host: &'host Netns,
    container: &Netns,
) -> Result<Instance<'host>> {
    let folder = traces::folder(prefix);
    fs::create_dir(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let (name, netns) = (host.name(), container.name());
    let file = folder.join("host.toml");
    let text = format!(
        "[host]\nname = \"{name}\"\n\n[[network]]\nname = \"blue\"\n\n\
         [network.gateway]\ndevice = \"gw-blue\"\naddresses = [\"10.0.3.1/24\"]\n\n\
         [[network.port]]\ntap = \"{TAP}\"\n\n\
         [[network.port]]\nnetns = \"{netns}\"\nname = \"eth0\"\naddresses = [\"10.0.3.11/24\"]\n"
    );
    fs::write(&file, text)?;
    Ok(Instance::new(&paths.loader(), host, file))
}

/// Whether bulk crossed the tap as super-packets, in both directions.
fn whole(instance: &Instance<'_>) -> Tally {
    match average_sizes(instance) {
        Ok((from, to)) => {
            println!("tap: ok super-packets cross the tap: {from} octets on average in, {to} out");
            Tally::PASSED
        }
        Err(error) => {
            println!("tap: not ok super-packets cross the tap: {error:#}");
            Tally::FAILED
        }
    }
}

fn average_sizes(instance: &Instance<'_>) -> Result<(u64, u64)> {
    const WIRE: u64 = 1514;
    let ports = instance.objects("port show")?;
    let port = ports.iter().find(|port| port["interface"] == TAP);
    let port = port.context("the tap is no port")?;
    let average = |direction: &str| {
        let octets = port[format!("{direction}_bytes")].as_u64().unwrap_or(0);
        let packets = port[format!("{direction}_packets")].as_u64().unwrap_or(0);
        octets.checked_div(packets).unwrap_or(0)
    };
    let (from, to) = (average("rx"), average("tx"));
    ensure!(
        from > WIRE && to > WIRE,
        "{from} octets on average in, {to} out, where a frame on a wire has at most {WIRE}"
    );
    Ok((from, to))
}
