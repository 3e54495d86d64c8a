//! Which address and l4 port a flow gets outside, and who may answer to it.

use std::{
    collections::BTreeSet,
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tests::{
    netns::Namespace,
    process::{self, TIMEOUT},
    site::{FAR, Family, HOST, OUTSIDE, OUTSIDE_TOO, Pair, Plan, Site, over_both},
    topology::Stack,
    traffic::{Ping, WhoAmI, ask_tcp, ping, udp_socket},
};

/// The l4 port of every server here.
const PORT: u16 = 3478;

/// Servers with different addresses, as STUN has them.
struct Servers([WhoAmI; 3]);

impl Servers {
    fn start(site: &Site, family: Family) -> Result<Self> {
        let of = |ns: &Namespace, at: Pair| WhoAmI::start(ns, at.of(family), PORT);
        Ok(Self([
            of(&site.outside, OUTSIDE)?,
            of(&site.outside, OUTSIDE_TOO)?,
            of(&site.far, FAR)?,
        ]))
    }

    /// How each of them sees a socket that is connected to none.
    fn see(&self, socket: &UdpSocket) -> Result<BTreeSet<SocketAddr>> {
        let seen = self.0.iter().map(|server| seen_by(socket, server.address));
        seen.collect()
    }
}

fn seen_by(socket: &UdpSocket, server: SocketAddr) -> Result<SocketAddr> {
    socket.send_to(b"who am I?", server)?;
    let mut answer = [0; 128];
    let (len, from) = socket
        .recv_from(&mut answer)
        .with_context(|| format!("{server}"))?;
    ensure!(from == server, "{from} answers for {server}");
    let text = std::str::from_utf8(&answer[..len])?;
    Ok(text.trim().parse()?)
}

/// A socket by an l4 port of its own.
fn socket(ns: &Namespace, at: IpAddr, port: u16) -> Result<UdpSocket> {
    let socket = ns.within(|| UdpSocket::bind((at, port)))?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    Ok(socket)
}

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

/// RFC 4787 REQ-3 and REQ-4: the range that the l4 port is in and whether it is even are kept.
#[test]
fn parity_is_kept() -> Result<()> {
    let site = Site::new(Stack::Netfwd)?;
    over_both(|family| {
        let servers = Servers::start(&site, family)?;
        for port in 5_000..5_020 {
            let client = socket(&site.c1.ns, site.c1.at.of(family), port)?;
            let seen = seen_by(&client, servers.0[0].address)?;
            ensure!(seen.port() % 2 == port % 2, "{port} is seen as {seen}");
        }
        Ok(())
    })
}

/// Ports are not guessable: they are not the container's own, nor one after the other.
#[test]
fn ports_are_random() -> Result<()> {
    let site = Site::new(Stack::Netfwd)?;
    let servers = Servers::start(&site, Family::V4)?;
    let ports: Vec<i32> = (5_000..5_050)
        .map(|port| {
            let client = socket(&site.c1.ns, site.c1.at.v4.into(), port)?;
            Ok(seen_by(&client, servers.0[0].address)?.port().into())
        })
        .collect::<Result<_>>()?;
    let near = ports.windows(2).filter(|two| (two[1] - two[0]).abs() < 16);
    let near = near.count();
    ensure!(
        near < 10,
        "{near} of 50 are beside the one before: {ports:?}"
    );
    Ok(())
}

/// When the pool is short, one l4 port serves flows to different servers.
#[test]
fn ports_are_used_again_for_other_servers() -> Result<()> {
    let plan = Plan::netfwd_alone().head("[nat]\nports = [40000, 40007]\n");
    let site = plan.start()?;
    over_both(|family| {
        let servers = Servers::start(&site, family)?;
        let mut clients = Vec::new();
        for (number, server) in (0..).zip(&servers.0) {
            for port in 0..6 {
                let port = 5_000 + 10 * number + port;
                let client = socket(&site.c1.ns, site.c1.at.of(family), port)?;
                let seen = seen_by(&client, server.address)?;
                ensure!((40_000..=40_007).contains(&seen.port()), "{seen}");
                clients.push(client);
            }
        }
        Ok(())
    })
}

/// When it is exhausted, what is new is refused and what is established goes on.
#[test]
fn an_exhausted_pool_keeps_who_is_there() -> Result<()> {
    let plan = Plan::netfwd_alone().head("[nat]\nports = [40000, 40007]\n");
    let mut site = plan.start()?;
    let server = WhoAmI::start(&site.outside, OUTSIDE.v4, PORT)?;
    let clients: Vec<UdpSocket> = (5_000..5_012)
        .map(|port| udp_socket(&site.c1.ns, server.address, port))
        .collect::<Result<_>>()?;
    let answered = clients.iter().filter(|client| {
        client
            .set_read_timeout(Some(Duration::from_millis(200)))
            .is_ok()
            && seen_by(client, server.address).is_ok()
    });
    let lucky: Vec<&UdpSocket> = answered.collect();
    ensure!(
        lucky.len() == 8,
        "{} of 12 are served by 8 ports",
        lucky.len()
    );
    for client in lucky {
        seen_by(client, server.address)?;
    }
    let drops = site.netfwd()?.cli("-j stats")?;
    ensure!(drops.stdout.contains("nat-ports"), "{drops}");
    Ok(())
}

/// A port that a socket of the host has is not used for others.
#[test]
fn never_the_hosts_own() -> Result<()> {
    let plan = Plan::netfwd_alone().head("[nat]\nports = [40000, 40007]\n");
    let site = plan.start()?;
    over_both(|family| {
        let any = match family {
            Family::V4 => "0.0.0.0".parse::<IpAddr>()?,
            Family::V6 => "::".parse()?,
        };
        let own = [
            socket(&site.host, any, 40_001)?,
            socket(&site.host, HOST.of(family), 40_004)?,
        ];
        let server = WhoAmI::start(&site.outside, OUTSIDE.of(family), PORT)?;
        for port in 5_000..5_006 {
            let client = socket(&site.c1.ns, site.c1.at.of(family), port)?;
            let seen = seen_by(&client, server.address)?.port();
            ensure!(seen != 40_001 && seen != 40_004, "{seen} is the host's");
        }
        drop(own);
        Ok(())
    })
}

/// A source address of its own, which netfwd answers for on the uplink.
#[test]
fn a_given_address() -> Result<()> {
    let value = "[\"192.168.99.50\", \"fd00:99::50\"]";
    let site = Plan::netfwd_alone().masquerade(value).start()?;
    over_both(|family| {
        let address = match family {
            Family::V4 => "192.168.99.50".parse::<IpAddr>()?,
            Family::V6 => "fd00:99::50".parse()?,
        };
        let server = WhoAmI::start(&site.outside, OUTSIDE.of(family), PORT)?;
        ping(&site.c1.ns, OUTSIDE.of(family), Ping::count(5))?.complete()?;
        tests::behaviour::nat::seen_as(&site.c1.ns, server.address, address)
    })
}

/// RFC 4787 REQ-2: of a range, a container always has the same address, for every protocol.
#[test]
fn a_given_range() -> Result<()> {
    let site = Plan::netfwd_alone()
        .masquerade("\"192.168.99.50-192.168.99.53\"")
        .start()?;
    let servers = Servers::start(&site, Family::V4)?;
    let range = Ipv4Addr::new(192, 168, 99, 50)..=Ipv4Addr::new(192, 168, 99, 53);
    for container in [&site.c1, &site.c2] {
        let mut seen = BTreeSet::new();
        for server in &servers.0 {
            let client = socket(&container.ns, container.at.v4.into(), 0)?;
            seen.insert(seen_by(&client, server.address)?.ip());
            seen.insert(ask_tcp(&container.ns, server.address)?.ip());
        }
        ensure!(seen.len() == 1, "one container is seen as {seen:?}");
        let inside = |ip: &IpAddr| matches!(ip, IpAddr::V4(ip) if range.contains(ip));
        ensure!(seen.iter().all(inside), "{seen:?}");
    }
    Ok(())
}

/// When the uplink's address changes, new flows have the new one.
#[test]
fn the_uplinks_address_is_followed() -> Result<()> {
    let site = Site::new(Stack::Netfwd)?;
    let server = WhoAmI::start(&site.outside, OUTSIDE.v4, PORT)?;
    tests::behaviour::nat::seen_as(&site.c1.ns, server.address, HOST.v4.into())?;
    site.host.ip("addr del 192.168.99.1/24 dev up0
         addr add 192.168.99.7/24 dev up0
         route replace default via 192.168.99.100")?;
    thread::sleep(Duration::from_millis(500));
    let new = IpAddr::from([192, 168, 99, 7]);
    tests::behaviour::nat::seen_as(&site.c1.ns, server.address, new)
}
