//! A virtual machine as a host: netfwd in the guest, whose uplink is a two-queue virtio-net, with native
//! XDP. On the other side of the wire stands the kernel's own vxlan.

use std::time::Instant;

use anyhow::Result;

use super::image::{self, Guest};
use super::kernel::Kernel;
use super::{qemu, report};
use crate::{
    paths::Paths,
    run::{netns::Netns, process::Background, traces},
    test::tally::Tally,
};

/// What the guest is the peer of. Without outer checksums, which Linux sends unless told otherwise: XDP
/// cannot verify them, and leaves what has one to the kernel.
const PEER: &str = "\
tuntap add dev up0 mode tap multi_queue vnet_hdr
link set up0 mtu 9000 up
addr add 172.31.0.107/24 dev up0
link add vx0 type vxlan id 200 local 172.31.0.107 remote 172.31.0.106 dstport 4789 dev up0 noudpcsum
link set vx0 mtu 8950 up
addr add 10.0.3.13/24 dev vx0";

/// What the machine runs.
const HOST: Guest = Guest {
    name: "uplink",
    checks: include_str!("guest/uplink"),
    modules: &[
        "virtio_pci",
        "virtio_net",
        "veth",
        "vxlan",
        "sch_ingress",
        "cls_bpf",
        "tun",
    ],
    programs: &["ip", "ping", "socat", "ethtool"],
};

/// Boots the machine and counts its checks.
pub fn run(paths: &Paths, kernel: &Kernel) -> Result<Tally> {
    let mut tally = Tally::default();
    traces::bounded(&paths.loader(), |prefix| {
        tally = host(paths, kernel, prefix)?;
        Ok(())
    })?;
    Ok(tally)
}

fn host(paths: &Paths, kernel: &Kernel, prefix: &str) -> Result<Tally> {
    let start = Instant::now();
    let peer = Netns::create(format!("{prefix}peer"))?;
    PEER.lines().try_for_each(|words| peer.ip(words))?;
    let mut echo = peer.command("socat");
    let _echo = Background::start(echo.args(["TCP-LISTEN:5001,reuseaddr,fork", "EXEC:cat"]))?;
    let initramfs = image::pack(paths, kernel, &HOST)?;
    let console = kernel.dir.join("uplink.log");
    let mut machine = peer.command(qemu::PROGRAM);
    machine.args([
        "-netdev",
        "tap,id=n0,ifname=up0,script=no,downscript=no,queues=2",
        "-device",
        "virtio-net-pci,netdev=n0,mac=02:00:00:00:01:06,mq=on,vectors=6",
    ]);
    let text = qemu::boot(machine, &kernel.image, &initramfs, &console)?;
    let report = report::read(&text);
    report.print("uplink");
    let (release, seconds) = (&kernel.release, start.elapsed().as_secs_f64());
    let tally = report.tally();
    println!("native XDP on virtio-net (kernel {release}): {tally}, {seconds:.1} s");
    Ok(tally)
}
