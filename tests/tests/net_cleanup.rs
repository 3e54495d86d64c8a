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

/// Takes the mark off what an instance made, as if it had been killed before it could set it.
fn unmark(hosts: &mut TwoHosts, names: impl Fn(&str) -> bool) -> Result<()> {
    hosts.a.netfwd()?.kill()?;
    let devices = hosts.a.ns.interfaces()?;
    let made: Vec<&String> = devices.iter().filter(|name| names(name)).collect();
    ensure!(!made.is_empty(), "none of {devices:?}");
    for name in made {
        hosts.a.ns.ip(&format!("link set {name} alias \"\""))?;
    }
    Ok(())
}

#[test]
fn what_was_begun_when_it_was_killed_is_made_anew_or_removed() -> Result<()> {
    let mut hosts = TwoHosts::new(Stack::Netfwd)?;
    let derived = |name: &str| name.starts_with("nf");
    for names in [&derived as &dyn Fn(&str) -> bool, &|name| name == "gw-blue"] {
        unmark(&mut hosts, names)?;
        hosts.a.netfwd()?.start()?;
        ping(&hosts.c1.ns, hosts.c3.address, Ping::count(5))?.complete()?;
        ping(&hosts.c2.ns, OUTSIDE, Ping::count(5))?.complete()?;
        let links = hosts.a.ns.run("ip -o link show")?.stdout;
        let marks = links.matches("netfwd:").count();
        ensure!(marks == 4, "{marks} have the mark of:\n{links}");
    }
    unmark(&mut hosts, derived)?;
    hosts.a.netfwd()?.cleanup()?;
    ensure!(hosts.a.ns.interfaces()? == ["lo", "up0", "up1", "veth-c2"]);
    Ok(())
}
