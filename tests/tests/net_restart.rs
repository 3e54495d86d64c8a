//! The data path does not depend on the daemon: it stays while that is killed, stopped, started and
//! reloaded.

use std::{thread, time::Duration};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use tests::{
    netns::Namespace,
    process::{Running, TIMEOUT, eventually},
    topology::{Container, Instance, OUTSIDE, Options, Stack, TwoHosts, veth},
    traffic::{Ping, Report, WhoAmI, ask_tcp, ask_udp, ping, tcp_bulk},
};

/// A flood that takes two seconds, so that what happens meanwhile happens in its midst.
const FLOOD: Ping = Ping {
    count: 1000,
    interval: Duration::from_millis(2),
    size: 84,
    dont_fragment: false,
    patience: Duration::from_secs(2),
};
/// Until a flood is well under way.
const MIDST: Duration = Duration::from_millis(400);

fn hosts() -> Result<TwoHosts> {
    let hosts = TwoHosts::new(Stack::Netfwd)?;
    ping(&hosts.c1.ns, hosts.c3.address, Ping::count(2))?.complete()?;
    Ok(hosts)
}

/// Starts a flood between two containers.
fn flood(from: &Container, to: &Container) -> Result<Running> {
    let running = from.ns.spawn(&FLOOD.line(to.address.into()))?;
    thread::sleep(MIDST);
    Ok(running)
}

/// An error unless the flood lost nothing.
fn lost_nothing(mut flood: Running) -> Result<()> {
    ensure!(
        flood.is_alive(),
        "the flood ended before what it was to show"
    );
    let output = flood.finish(TIMEOUT)?;
    let report = Report::read(output)?.complete()?;
    ensure!(report.sent == FLOOD.count, "{} sent", report.sent);
    Ok(())
}

#[test]
fn killing_and_starting_again_loses_no_packet() -> Result<()> {
    let mut hosts = hosts()?;
    let killed = flood(&hosts.c1, &hosts.c3)?;
    hosts.a.netfwd()?.kill()?;
    lost_nothing(killed)?;
    let started = flood(&hosts.c1, &hosts.c3)?;
    hosts.a.netfwd()?.start()?;
    lost_nothing(started)
}

#[test]
fn sigterm_leaves_the_data_path_forwarding() -> Result<()> {
    let mut hosts = hosts()?;
    let stopped = flood(&hosts.c3, &hosts.c1)?;
    let status = hosts.a.netfwd()?.stop()?;
    ensure!(status.success(), "{status}");
    lost_nothing(stopped)?;
    // Nothing was known before of what follows.
    let server = WhoAmI::start(&hosts.outside, OUTSIDE, 7000)?;
    let published = WhoAmI::start(&hosts.c1.ns, hosts.c1.address, 80)?;
    ping(&hosts.c2.ns, hosts.c4.address, Ping::count(5))?.complete()?;
    ensure!(ask_udp(&hosts.c2.ns, server.address)?.ip() == hosts.a.address);
    ensure!(ask_tcp(&hosts.c1.ns, server.address)?.ip() == hosts.a.address);
    ensure!(ask_tcp(&hosts.outside, (hosts.a.address, 8080))?.ip() == OUTSIDE);
    drop(published);
    Ok(())
}

#[test]
fn sigint_stops_it_as_well() -> Result<()> {
    let mut hosts = hosts()?;
    let status = hosts.a.netfwd()?.daemon()?.stop(Signal::SIGINT, TIMEOUT)?;
    ensure!(status.success(), "{status}");
    ping(&hosts.c1.ns, hosts.c3.address, Ping::count(5))?.complete()?;
    Ok(())
}

#[test]
fn tcp_connections_survive_a_restart() -> Result<()> {
    const BYTES: u64 = 2_000_000_000;
    let mut hosts = hosts()?;
    let TwoHosts { c1, c3, .. } = &hosts;
    let (server, address, client) = (c3.ns.clone(), c3.address, c1.ns.clone());
    let bulk = thread::spawn(move || tcp_bulk(&server, address, &client, BYTES));
    thread::sleep(MIDST);
    hosts.a.netfwd()?.kill()?;
    hosts.a.netfwd()?.start()?;
    bulk.join().expect("the transfer does not panic")?;
    Ok(())
}

#[test]
fn masqueraded_sessions_survive_a_restart() -> Result<()> {
    let mut hosts = hosts()?;
    let (server, client) = (hosts.outside.clone(), hosts.c1.ns.clone());
    let bulk = thread::spawn(move || tcp_bulk(&server, OUTSIDE, &client, 1_000_000_000));
    thread::sleep(MIDST);
    hosts.a.netfwd()?.kill()?;
    hosts.a.netfwd()?.start()?;
    bulk.join().expect("the transfer does not panic")?;
    Ok(())
}

#[test]
fn a_reload_changes_what_changed_and_nothing_else() -> Result<()> {
    let mut hosts = hosts()?;
    let _server = WhoAmI::start(&hosts.c2.ns, hosts.c2.address, 81)?;
    ensure!(ask_tcp(&hosts.outside, (hosts.a.address, 8090)).is_err());
    let before = devices(&hosts.a.ns)?;
    let config = hosts.a.netfwd()?.config()?;
    let more = "[[network.publish]]\nlisten = \"8090/tcp\"\nto = \"10.0.3.12:81\"\n";
    let reloaded = flood(&hosts.c1, &hosts.c3)?;
    hosts.a.netfwd()?.reload(&format!("{config}{more}"))?;
    eventually("the new listener", TIMEOUT, || {
        Ok(ask_tcp(&hosts.outside, (hosts.a.address, 8090)).is_ok())
    })?;
    lost_nothing(reloaded)?;
    ensure!(devices(&hosts.a.ns)? == before, "devices were made anew");
    hosts.a.netfwd()?.reload(&config)?;
    eventually("the end of the listener", TIMEOUT, || {
        Ok(ask_tcp(&hosts.outside, (hosts.a.address, 8090)).is_err())
    })
}

/// Interfaces with their numbers.
fn devices(ns: &Namespace) -> Result<Vec<(String, u32)>> {
    let named = |name: String| Ok((name.clone(), ns.ifindex(&name)?));
    ns.interfaces()?.into_iter().map(named).collect()
}

#[test]
fn a_reload_that_fails_leaves_everything_as_it_was() -> Result<()> {
    let mut hosts = hosts()?;
    let before = hosts.a.netfwd()?.json("publish show")?;
    let config = hosts.a.netfwd()?.config()?;
    let reloaded = flood(&hosts.c1, &hosts.c3)?;
    hosts
        .a
        .netfwd()?
        .reload(&format!("{config}\nunheard_of = 1\n"))?;
    hosts
        .a
        .netfwd()?
        .daemon()?
        .wait_for("unheard_of", TIMEOUT)?;
    lost_nothing(reloaded)?;
    let instance = hosts.a.netfwd()?;
    ensure!(instance.daemon()?.is_alive(), "the daemon ended");
    ensure!(instance.json("publish show")? == before);
    instance.write(&format!("{config}\nunheard_of = 1\n"))?;
    ensure!(
        instance
            .attempt("reload")?
            .sentence(2)?
            .contains("unheard_of")
    );
    Ok(())
}

#[test]
fn what_was_added_by_command_survives_a_restart() -> Result<()> {
    let mut hosts = hosts()?;
    let c5 = Namespace::new("c5")?;
    veth(&hosts.a.ns, "veth-c5", &c5, "eth0")?;
    c5.ip("link set eth0 mtu 1450\naddr add 10.0.3.15/24 dev eth0")?;
    let instance = hosts.a.netfwd()?;
    instance.cli("port add veth-c5 --network blue")?;
    instance.cli("peer add 172.31.0.9 --network blue")?;
    instance.cli("fdb add 02:00:00:00:00:09 --network blue --peer 172.31.0.9 --static")?;
    instance.cli("publish add 8091/tcp --to 10.0.3.15:80 --network blue")?;
    all_there(instance)?;
    instance.kill()?;
    all_there(instance)?;
    instance.start()?;
    all_there(instance)?;
    instance.reload(&instance.config()?)?;
    all_there(instance)?;
    ping(&c5, hosts.c3.address, Ping::count(5))?.complete()?;
    let _server = WhoAmI::start(&c5, tests::packet::v4("10.0.3.15"), 80)?;
    // It has no route to the outside, so only a client of its own network can show it.
    ensure!(ask_tcp(&hosts.c3.ns, ([10, 0, 3, 15], 80))?.ip() == hosts.c3.address);
    Ok(())
}

fn all_there(instance: &Instance) -> Result<()> {
    instance.object("port show", "interface", "veth-c5")?;
    instance.object("peer show", "address", "172.31.0.9")?;
    let entry = instance.object("fdb show", "mac", "02:00:00:00:00:09")?;
    ensure!(entry["peer"] == "172.31.0.9", "{entry}");
    let publish = instance.object("publish show", "listen", "8091/tcp")?;
    ensure!(publish["to"] == "10.0.3.15:80", "{publish}");
    Ok(())
}

#[test]
fn teardown_removes_the_data_path_on_exit() -> Result<()> {
    let mut hosts = Options::both(Stack::Netfwd).start()?;
    let instance = hosts.a.netfwd()?;
    instance.stop()?;
    instance.start_with("--teardown")?;
    ensure!(instance.pins().exists());
    let status = instance.stop()?;
    ensure!(status.success(), "{status}");
    ensure!(!instance.pins().exists(), "pins are left");
    ensure!(hosts.a.ns.interfaces()? == ["lo", "up0", "up1", "veth-c2"]);
    ensure!(hosts.c1.ns.interfaces()? == ["lo"]);
    Ok(())
}
