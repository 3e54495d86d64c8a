//! What `cleanup` removes: exactly what the instance made, also after a crash.

use std::path::Path;

use anyhow::{Result, ensure};
use tests::{
    topology::{OUTSIDE, Stack, TwoHosts},
    traffic::{Ping, ping},
};

#[test]
fn cleanup_removes_exactly_what_was_made() -> Result<()> {
    let mut hosts = TwoHosts::new(Stack::Netfwd)?;
    ping(&hosts.c1.ns, hosts.c3.address, Ping::count(3))?.complete()?;
    ping(&hosts.c2.ns, OUTSIDE, Ping::count(3))?.complete()?;
    let uplink = hosts.a.ns.run("ip -4 -o addr show dev up0")?.stdout;
    let instance = hosts.a.netfwd()?;
    let (pins, state) = (instance.pins(), instance.state());
    let socket = Path::new("/run/netfwd").join(format!("{}.sock", instance.name()));
    ensure!(pins.exists() && socket.exists());
    // Also after a crash.
    instance.kill()?;
    instance.cleanup()?;
    for left in [pins, state, socket] {
        ensure!(!left.exists(), "{} is left", left.display());
    }
    ensure!(hosts.a.ns.interfaces()? == ["lo", "up0", "up1", "veth-c2"]);
    ensure!(hosts.c1.ns.interfaces()? == ["lo"]);
    ensure!(hosts.c2.ns.interfaces()? == ["eth0", "lo"]);
    ensure!(hosts.a.ns.run("ip -4 -o addr show dev up0")?.stdout == uplink);
    let programs = hosts.a.ns.run("bpftool -j net show")?.stdout;
    ensure!(
        !programs.contains("ingress"),
        "programs are left: {programs}"
    );
    let instance = hosts.a.netfwd()?;
    instance.cleanup()?;
    instance.start()?;
    ping(&hosts.c2.ns, hosts.c4.address, Ping::count(5))?.complete()?;
    Ok(())
}
