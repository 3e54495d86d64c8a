//! Sessions as people see them, and end them.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    site::{HOST, OUTSIDE, Plan, Site},
    topology::Instance,
    traffic::{Ping, WhoAmI, ask_tcp, ask_udp, ping, udp_socket, whoami},
};

/// A site with sessions of three protocols from `c1`, one from `c2`, and one to a published port.
fn site() -> Result<Site> {
    let site = Plan::netfwd_alone()
        .publish("8080/udp", "10.0.3.11:80")?
        .start()?;
    let server = WhoAmI::start(&site.outside, OUTSIDE.v4, 7000)?;
    let _published = WhoAmI::start(&site.c1.ns, site.c1.at.v4, 80)?;
    ping(&site.c1.ns, OUTSIDE.v4, Ping::count(2))?.complete()?;
    ask_udp(&site.c1.ns, server.address)?;
    ask_tcp(&site.c1.ns, server.address)?;
    ask_udp(&site.c2.ns, server.address)?;
    ask_udp(&site.outside, (HOST.v4, 8080))?;
    Ok(site)
}

fn count(netfwd: &Instance, filters: &str) -> Result<usize> {
    Ok(netfwd.json(&format!("session show {filters}"))?.len())
}

#[test]
fn filters() -> Result<()> {
    let mut site = site()?;
    let netfwd = site.netfwd()?;
    for (filters, expected) in [
        ("", 5),
        ("--kind masquerade", 4),
        ("--kind publish", 1),
        ("--proto udp", 3),
        ("--kind masquerade --proto tcp", 1),
        ("--src 10.0.3.12", 1),
        ("--dst 192.168.99.100 --proto icmp", 1),
        ("--kind floating", 0),
    ] {
        let found = count(netfwd, filters)?;
        ensure!(found == expected, "{found} with \"{filters}\"");
    }
    Ok(())
}

#[test]
fn a_session_tells_both_of_its_tuples() -> Result<()> {
    let mut site = Plan::netfwd_alone().start()?;
    let server = WhoAmI::start(&site.outside, OUTSIDE.v4, 7000)?;
    let socket = udp_socket(&site.c1.ns, server.address, 5000)?;
    let seen = whoami(&socket)?;
    let sessions = site.netfwd()?.json("session show --proto udp")?;
    let session = sessions.first().context("no session")?;
    let field = |name: &str| session[name].as_str().unwrap_or_default().to_owned();
    ensure!(field("kind") == "masquerade" && field("inside_src") == "10.0.3.11:5000");
    ensure!(field("inside_dst") == server.address.to_string());
    ensure!(field("outside_src") == seen.to_string(), "{session}");
    ensure!(session["packets"] == 2 && session["age_seconds"].as_f64() < Some(60.0));
    Ok(())
}

/// What is flushed is told, and a flow goes on as a new one.
#[test]
fn flush() -> Result<()> {
    let mut site = site()?;
    let netfwd = site.netfwd()?;
    let said = netfwd.json("session flush --kind masquerade --proto udp")?;
    ensure!(said.iter().any(|object| holds(object, 2)), "{said:?}");
    ensure!(count(netfwd, "")? == 3);
    netfwd.cli("session flush")?;
    ensure!(count(netfwd, "")? == 0);
    ping(&site.c1.ns, OUTSIDE.v4, Ping::count(2))?.complete()?;
    Ok(())
}

/// Whether an object has this number in a field.
fn holds(object: &Value, number: u64) -> bool {
    let fields = object.as_object();
    fields.is_some_and(|fields| fields.values().any(|value| *value == number))
}
