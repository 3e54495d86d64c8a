//! A target that is gone gets no more sessions, those that it had are ended, and it is told.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use anyhow::{Context, Result, ensure};
use tests::{
    netns::Namespace,
    process::{Running, TIMEOUT, eventually},
    site::{HOST, Plan, Site, Station},
    traffic::{WhoAmI, ask_name, udp_socket, whoami},
};

const TABLES: &str = "\
  [[network.publish]]
  listen = \"8080/tcp\"
  to = [\"10.0.3.11:80\", \"10.0.3.12:80\"]

  [[network.publish]]
  listen = \"8080/udp\"
  to = [\"10.0.3.11:80\", \"10.0.3.12:80\"]

  [[network.publish]]
  listen = \"8082/udp\"
  to = \"10.0.3.12:80\"
";

/// A site whose containers serve one listener, `c2` another alone, and who watches its events.
fn site() -> Result<(Site, [WhoAmI; 2], Running)> {
    let mut site = Plan::netfwd_alone().table(TABLES).start()?;
    let servers = [server("c1", &site.c1)?, server("c2", &site.c2)?];
    let binary = tests::built::netfwd()?;
    let line = format!(
        "{} -N {} -j monitor",
        binary.display(),
        site.netfwd()?.name()
    );
    let monitor = site.host.spawn(&line)?;
    // Both are there before anything is judged.
    eventually("both targets", TIMEOUT, || {
        Ok(names(&site.outside, 10)?.len() == 2)
    })?;
    Ok((site, servers, monitor))
}

fn server(name: &'static str, station: &Station) -> Result<WhoAmI> {
    WhoAmI::named(name, &station.ns, station.at.v4, 80)
}

/// Who answers so many connections.
fn names(client: &Namespace, connections: usize) -> Result<BTreeSet<String>> {
    (0..connections)
        .map(|_| ask_name(client, (HOST.v4, 8080)))
        .collect()
}

fn only_c1(site: &Site) -> Result<()> {
    for client in [&site.outside, &site.host] {
        let names = names(client, 20)?;
        ensure!(names == BTreeSet::from(["c1".to_owned()]), "{names:?}");
    }
    Ok(())
}

/// What `publish show` says of `c2` behind the listener that both serve.
fn state(site: &mut Site) -> Result<String> {
    let row = site
        .netfwd()?
        .object("publish show", "listen", "8080/tcp")?;
    let targets = row["targets"].as_array().context("targets")?.iter();
    let c2 = targets.filter(|target| target["to"] == "10.0.3.12:80");
    let states = c2.map(|target| target["state"].as_str().unwrap_or_default());
    Ok(states.collect())
}

#[test]
fn a_container_s_link_goes_and_comes_back() -> Result<()> {
    let (mut site, _servers, mut monitor) = site()?;
    site.c2.ns.ip("link set eth0 down")?;
    monitor.wait_for("target-down", TIMEOUT)?;
    only_c1(&site)?;
    ensure!(state(&mut site)? == "down", "{}", state(&mut site)?);
    site.c2
        .ns
        .ip("link set eth0 up\nroute add default via 10.0.3.1")?;
    monitor.wait_for("target-up", TIMEOUT)?;
    ensure!(names(&site.outside, 40)?.len() == 2);
    ensure!(state(&mut site)? == "up", "{}", state(&mut site)?);
    ensure!(monitor.stdout().contains("10.0.3.12"));
    Ok(())
}

#[test]
fn a_container_that_ends_is_one_that_is_gone() -> Result<()> {
    let (site, _servers, mut monitor) = site()?;
    site.c2.ns.ip("link del eth0")?;
    monitor.wait_for("target-down", TIMEOUT)?;
    only_c1(&site)
}

/// One whose link stays, but that does not answer: the kernel notices when it asks again.
#[test]
fn an_address_that_nobody_has_any_more() -> Result<()> {
    let (site, _servers, mut monitor) = site()?;
    // The kernel believes for half a minute by default (net/core/neighbour.c, base_reachable_time).
    site.host
        .sysctl("net/ipv4/neigh/lxcbr0/base_reachable_time_ms", "1000")?;
    site.host
        .sysctl("net/ipv4/neigh/lxcbr0/delay_first_probe_time", "1")?;
    site.c2.ns.ip("addr del 10.0.3.12/24 dev eth0")?;
    monitor.wait_for("target-down", Duration::from_mins(1))?;
    only_c1(&site)
}

#[test]
fn clients_of_a_target_that_goes_get_another_one() -> Result<()> {
    let (mut site, _servers, mut monitor) = site()?;
    let served = |port| -> Result<_> {
        let socket = udp_socket(&site.outside, SocketAddr::from((HOST.v4, port)), 0)?;
        whoami(&socket)?;
        Ok(socket)
    };
    let clients: Vec<_> = (0..16).map(|_| served(8080)).collect::<Result<_>>()?;
    let alone = served(8082)?;
    let before = sessions(&mut site)?;
    ensure!(before > 1, "{before} sessions of c2");
    site.c2.ns.ip("link set eth0 down")?;
    monitor.wait_for("target-down", TIMEOUT)?;
    eventually("the sessions' end", TIMEOUT, || {
        Ok(sessions(&mut site)? == 1)
    })?;
    for socket in &clients {
        whoami(socket)?;
    }
    // Nobody else serves that one: its session stays for as long as it may be a moment's trouble.
    ensure!(sessions(&mut site)? == 1);
    site.c2
        .ns
        .ip("link set eth0 up\nroute add default via 10.0.3.1")?;
    monitor.wait_for("target-up", TIMEOUT)?;
    whoami(&alone)?;
    Ok(())
}

/// UDP sessions that `c2` serves.
fn sessions(site: &mut Site) -> Result<usize> {
    let rows = site
        .netfwd()?
        .json("session show --kind publish --proto udp")?;
    let of_c2 = |row: &&serde_json::Value| row["inside_dst"] == "10.0.3.12:80";
    Ok(rows.iter().filter(of_c2).count())
}
