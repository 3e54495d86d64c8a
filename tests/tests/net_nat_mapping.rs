//! What a flow is seen as outside, and who may answer to it.

use std::{
    collections::BTreeSet,
    io::ErrorKind,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tests::{
    process::{self, TIMEOUT},
    site::{Family, OUTSIDE, OUTSIDE_TOO, Plan, Site, over_both},
    stun::{PORT, Servers, seen_by, socket},
    topology::Stack,
    traffic::{WhoAmI, ask_tcp},
};

/// RFC 4787 REQ-1: one address and l4 port, whoever is asked; and after a restart of the daemon too.
#[test]
fn endpoint_independent() -> Result<()> {
    let mut site = Site::new(Stack::Netfwd)?;
    let mut before = Vec::new();
    over_both(|family| {
        let client = socket(&site.c1.ns, site.c1.at.of(family), 0)?;
        let seen = Servers::start(&site, family)?.see(&client)?;
        ensure!(seen.len() == 1, "seen as {seen:?}");
        before.push((family, client, seen));
        Ok(())
    })?;
    site.netfwd()?.kill()?;
    site.netfwd()?.start()?;
    for (family, client, seen) in before {
        let after = Servers::start(&site, family)?.see(&client)?;
        ensure!(after == seen, "seen as {after:?}, and as {seen:?} before");
    }
    Ok(())
}

/// RFC 5382 REQ-1: the same for TCP, from one l4 port of the container.
#[test]
fn endpoint_independent_for_tcp() -> Result<()> {
    let site = Site::new(Stack::Netfwd)?;
    let _servers = Servers::start(&site, Family::V4)?;
    let mut seen = BTreeSet::new();
    for server in [OUTSIDE.v4, OUTSIDE_TOO.v4] {
        let mut command = site.c1.ns.command("sh");
        command.arg("-c").arg(format!(
            "printf 'GET / HTTP/1.0\\r\\n\\r\\n' |
             socat -t 2 - TCP:{server}:{PORT},sourceport=41000,reuseaddr"
        ));
        let said = process::run(command, TIMEOUT)?.success()?;
        let address = said.stdout.lines().last().context("no answer")?;
        seen.insert(address.trim().parse::<SocketAddr>()?);
    }
    ensure!(seen.len() == 1, "seen as {seen:?}");
    Ok(())
}

/// Who sends to an outside address that a container has, unasked.
fn intrudes(site: &Site, family: Family) -> Result<bool> {
    let client = socket(&site.c1.ns, site.c1.at.of(family), 0)?;
    let servers = Servers::start(site, family)?;
    let seen = seen_by(&client, servers.0[0].address)?;
    let stranger = socket(&site.outside, OUTSIDE_TOO.of(family), 0)?;
    stranger.send_to(b"hello", seen)?;
    client.set_read_timeout(Some(Duration::from_millis(500)))?;
    match client.recv_from(&mut [0; 16]) {
        Ok((_, from)) => Ok(from == stranger.local_addr()?),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// RFC 4787 REQ-8: only who was asked may answer, unless it is configured otherwise.
#[test]
fn filtering() -> Result<()> {
    let site = Site::new(Stack::Netfwd)?;
    over_both(|family| {
        ensure!(!intrudes(&site, family)?, "a stranger was let in");
        Ok(())
    })?;
    drop(site);
    let open = Plan::netfwd_alone().head("[nat]\nfiltering = \"endpoint\"\n");
    let site = open.start()?;
    over_both(|family| {
        ensure!(intrudes(&site, family)?, "a stranger was kept out");
        Ok(())
    })
}

/// RFC 5382 REQ-4: a stranger's SYN to a mapping gets no answer, so that both may open at once.
#[test]
fn a_strangers_syn_is_not_answered() -> Result<()> {
    let site = Site::new(Stack::Netfwd)?;
    let server = WhoAmI::start(&site.outside, OUTSIDE.v4, PORT)?;
    let seen = ask_tcp(&site.c1.ns, server.address)?;
    let wait = Duration::from_secs(1);
    let attempt = site.far.within(|| TcpStream::connect_timeout(&seen, wait));
    let error = attempt.expect_err("a stranger was let in");
    ensure!(
        error.kind() == ErrorKind::TimedOut,
        "it was answered: {error}"
    );
    Ok(())
}

/// RFC 4787 REQ-9: two containers speak to each other by their outside addresses, each seen by its own.
#[test]
fn hairpin() -> Result<()> {
    let site = Site::new(Stack::Netfwd)?;
    over_both(|family| {
        let server = WhoAmI::start(&site.outside, OUTSIDE.of(family), PORT)?;
        let ends = [&site.c1, &site.c2].map(|container| -> Result<_> {
            let end = socket(&container.ns, container.at.of(family), 0)?;
            let seen = seen_by(&end, server.address)?;
            Ok((end, seen))
        });
        let [one, other] = ends;
        let (one, other) = (one?, other?);
        for (from, to) in [(&one, &other), (&other, &one), (&one, &other)] {
            from.0.send_to(b"hello", to.1)?;
            let (_, source) = to.0.recv_from(&mut [0; 16]).context("nothing came")?;
            ensure!(source == from.1, "{source} is seen, and not {}", from.1);
        }
        Ok(())
    })
}
