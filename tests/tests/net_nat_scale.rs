//! Many connections, and a table that is full.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd as _,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use nix::{libc::linger, sys::socket::setsockopt, sys::socket::sockopt};
use tests::{
    netns::Namespace,
    process::{Running, TIMEOUT, eventually},
    site::{OUTSIDE, Plan, Site},
    topology::Instance,
    traffic::{WhoAmI, ask_tcp, ask_udp},
};

/// Connections of each of two containers.
const EACH: usize = 50_000;
/// Longer than any connection takes on a busy machine; a segment that is lost is sent again within it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Less than it takes a SYN to be sent again.
const SOON: Duration = Duration::from_millis(900);

/// Who ends a connection, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client, by a reset.
    Reset,
    /// The server first, then the client: nobody inside waits for late segments.
    Close,
}

/// Serves connections on an address, one after the other; each gets its octet back.
fn serve(listener: &TcpListener, connections: usize, end: End) -> Result<()> {
    for number in 0..connections {
        let (mut stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut octet = [0];
        let served = stream.read_exact(&mut octet).and_then(|()| {
            stream.write_all(&octet)?;
            match end {
                End::Reset => stream.read(&mut [0]).map(drop).or(Ok(())),
                End::Close => Ok(()),
            }
        });
        served.with_context(|| format!("serving connection {number}"))?;
    }
    Ok(())
}

fn connect(server: SocketAddr, end: End) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"!")?;
    let mut octet = [0];
    stream.read_exact(&mut octet)?;
    ensure!(&octet == b"!", "another octet");
    match end {
        End::Reset => {
            let at_once = linger {
                l_onoff: 1,
                l_linger: 0,
            };
            setsockopt(&stream.as_fd(), sockopt::Linger, &at_once)?;
        }
        End::Close => ensure!(stream.read(&mut octet)? == 0, "more octets"),
    }
    Ok(())
}

/// Opens connections to a server outside, one after the other.
fn in_a_row(client: &Namespace, outside: &Namespace, port: u16, end: End) -> Result<()> {
    let address = SocketAddr::from((OUTSIDE.v4, port));
    let listener = outside.within(|| TcpListener::bind(address))?;
    thread::scope(|scope| {
        let serving = scope.spawn(|| serve(&listener, EACH, end));
        let start = Instant::now();
        let connected = client.within(|| {
            let mut slow = 0;
            for number in 0..EACH {
                let start = Instant::now();
                connect(address, end).with_context(|| format!("connection {number}"))?;
                slow += usize::from(start.elapsed() > SOON);
            }
            println!("{slow} of them ({end:?}) took longer than {SOON:?}");
            anyhow::Ok(())
        });
        println!("{EACH} connections ({end:?}) in {:?}", start.elapsed());
        connected?;
        serving.join().expect("the server does not panic")
    })
}

#[test]
fn a_hundred_thousand_connections_in_a_row_all_succeed() -> Result<()> {
    let mut site = Plan::netfwd_alone().start()?;
    let (c1, c2, outside) = (site.c1.ns.clone(), site.c2.ns.clone(), site.outside.clone());
    thread::scope(|scope| {
        // Both use the l4 ports that a client has, which are as many as the outside address has.
        let first = scope.spawn(|| in_a_row(&c1, &outside, 7001, End::Reset));
        let second = scope.spawn(|| in_a_row(&c2, &outside, 7002, End::Close));
        first.join().expect("no panic")?;
        second.join().expect("no panic")
    })?;
    // A SYN that finds the pool's last ports taken is sent again a second later.
    println!("{} packets were refused", refused(site.netfwd()?)?);
    Ok(())
}

/// Packets that were refused for want of a session or a port.
fn refused(instance: &Instance) -> Result<u64> {
    let rows = instance.json("stats")?;
    let reasons = ["session-table-full", "nat-ports-exhausted"];
    let full = rows.iter().filter(|row| {
        let reason = row["reason"].as_str();
        reason.is_some_and(|reason| reasons.contains(&reason))
    });
    Ok(full.filter_map(|row| row["value"].as_u64()).sum())
}

/// A connection that stays.
struct Idle {
    here: TcpStream,
    there: TcpStream,
}

impl Idle {
    fn open(client: &Namespace, outside: &Namespace) -> Result<Self> {
        Self::to(client, &listener(outside)?, PATIENCE)
    }

    fn to(client: &Namespace, listener: &TcpListener, patience: Duration) -> Result<Self> {
        let server = listener.local_addr()?;
        let here = client.within(|| TcpStream::connect_timeout(&server, patience))?;
        let (there, _) = listener.accept()?;
        here.set_read_timeout(Some(PATIENCE))?;
        there.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { here, there })
    }

    /// Octets go through both ways.
    fn goes_on(&mut self) -> Result<()> {
        let mut octet = [0];
        self.here.write_all(b"?")?;
        self.there.read_exact(&mut octet).context("to the server")?;
        self.there.write_all(b"!")?;
        self.here.read_exact(&mut octet).context("to the client")?;
        Ok(())
    }
}

fn listener(outside: &Namespace) -> Result<TcpListener> {
    Ok(outside.within(|| TcpListener::bind((OUTSIDE.v4, 0)))?)
}

fn monitor(instance: &Instance, site: &Namespace) -> Result<Running> {
    let binary = tests::built::netfwd()?;
    let line = format!("{} -N {} -j monitor", binary.display(), instance.name());
    let monitor = site.spawn(&line)?;
    // It follows from the moment on that the daemon has taken its request.
    thread::sleep(Duration::from_millis(500));
    Ok(monitor)
}

#[test]
fn a_full_table_refuses_the_new_keeps_the_established_and_recovers() -> Result<()> {
    let mut site = small()?;
    let (c1, outside, host) = (site.c1.ns.clone(), site.outside.clone(), site.host.clone());
    let instance = site.netfwd()?;
    let mut monitor = monitor(instance, &host)?;
    let server = WhoAmI::start(&outside, OUTSIDE.v4, 7000)?;
    let mut idle = Idle::open(&c1, &outside)?;
    let mut opened = 0;
    while opened < 400 && ask_tcp(&c1, server.address).is_ok() {
        opened += 1;
    }
    println!("{opened} connections before one was refused");
    ensure!((240..=256).contains(&opened), "{opened}");
    ensure!(refused(instance)? > 0);
    monitor.wait_for("sessions-full", TIMEOUT)?;
    idle.goes_on()?;
    let start = Instant::now();
    eventually("room for a new session", TIMEOUT, || {
        Ok(ask_tcp(&c1, server.address).is_ok())
    })?;
    println!("a new connection succeeds after {:?}", start.elapsed());
    idle.goes_on()?;
    monitor.wait_for("sessions-free", TIMEOUT)?;
    instance.daemon()?.wait_for("max_sessions", TIMEOUT)
}

#[test]
fn ports_that_are_used_up_come_back() -> Result<()> {
    let mut site = Plan::netfwd_alone()
        .head("[nat]\nports = [40000, 40127]")
        .start()?;
    let (c1, outside, host) = (site.c1.ns.clone(), site.outside.clone(), site.host.clone());
    let instance = site.netfwd()?;
    let mut monitor = monitor(instance, &host)?;
    // To one server, towards which no port has two uses.
    let server = listener(&outside)?;
    let mut open = Vec::new();
    while let Ok(idle) = Idle::to(&c1, &server, SOON) {
        open.push(idle);
    }
    println!("{} connections before one was refused", open.len());
    ensure!((100..=128).contains(&open.len()), "{}", open.len());
    monitor.wait_for("ports-full", TIMEOUT)?;
    open.iter_mut().try_for_each(Idle::goes_on)?;
    open.truncate(90);
    eventually("a port for a new session", TIMEOUT, || {
        Ok(Idle::to(&c1, &server, SOON).is_ok())
    })?;
    open.iter_mut().try_for_each(Idle::goes_on)?;
    monitor.wait_for("ports-free", TIMEOUT)?;
    instance.daemon()?.wait_for("range of addresses", TIMEOUT)
}

fn small() -> Result<Site> {
    Plan::netfwd_alone()
        .head("[nat]\nmax_sessions = 256")
        .start()
}

#[test]
fn sessions_are_told_of_and_counted() -> Result<()> {
    let mut site = small()?;
    let (c1, outside, host) = (site.c1.ns.clone(), site.outside.clone(), site.host.clone());
    let instance = site.netfwd()?;
    let mut monitor = monitor(instance, &host)?;
    let server = WhoAmI::start(&outside, OUTSIDE.v4, 7000)?;
    ask_udp(&c1, server.address)?;
    monitor.wait_for("session-new", TIMEOUT)?;
    let new = event(&monitor, "session-new")?;
    ensure!(
        new["session"]["outside_dst"] == "192.168.99.100:7000",
        "{new}"
    );
    ensure!(
        new["session"]["kind"] == "masquerade" && new["network"] == "blue",
        "{new}"
    );
    eventually("the count", TIMEOUT, || {
        let status = &instance.json("status")?[0];
        let nat = &status["nat"];
        Ok(nat["sessions"]["masquerade"] == 1 && nat["pools"][0]["used"] == 1)
    })?;
    instance.cli("session flush --proto udp")?;
    monitor.wait_for("session-closed", TIMEOUT)?;
    let closed = event(&monitor, "session-closed")?;
    ensure!(closed["session"]["packets"] == 2, "{closed}");
    ensure!(closed["session"]["inside_src"] == new["session"]["inside_src"]);
    Ok(())
}

/// The first event of a kind.
fn event(monitor: &Running, kind: &str) -> Result<serde_json::Value> {
    let told = monitor.stdout();
    let mut events = told.lines().map(serde_json::from_str::<serde_json::Value>);
    let found = events.find(|event| event.as_ref().is_ok_and(|event| event["event"] == kind));
    Ok(found.context("no such event")??)
}
