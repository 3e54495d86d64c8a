//! What is measured: bulk, round trips and handshakes, in turns over all places.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::libc::linger;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt};

use super::super::measure::Measured;
use super::connection::{self, Connection};
use super::ends::{self, Cpus};
use super::place::{Place, SERVER};

/// What is written and read at a time, as iperf3 does.
const BLOCK: usize = 128 << 10;
/// What goes to and fro.
const MESSAGE: usize = 64;

/// As much as goes over so many connections: Mbit/s, and Mbit per second of CPU time.
pub struct Bulk<'lab> {
    /// Where.
    pub place: &'lab Place<'lab>,
    /// How many connections.
    pub streams: usize,
}

impl Measured<2> for Bulk<'_> {
    fn name(&self) -> &'static str {
        self.place.name
    }

    fn round(&self, time: Duration) -> Result<[f64; 2]> {
        self.place.with(|_| {
            let connections = (0..self.streams).map(|_| self.place.connect());
            let connections: Vec<_> = connections.collect::<Result<_>>()?;
            let write = || write_in_turn(&connections, time);
            let read = || read_as_it_comes(&connections);
            let ((), octets, took) = ends::both(Cpus::Two, write, read)?;
            let megabits = octets as f64 * 8.0 / 1e6;
            Ok([took.elapsed, took.cpu].map(|time| megabits / time.as_secs_f64()))
        })
    }
}

/// Writes to each connection in turn until the time is over.
fn write_in_turn(connections: &[Connection], time: Duration) -> Result<()> {
    let (octets, end) = (vec![7; BLOCK], Instant::now() + time);
    while Instant::now() < end {
        for mut connection in connections.iter().map(|connection| &connection.client) {
            connection.write_all(&octets).context("a block")?;
        }
    }
    for connection in connections {
        connection.client.shutdown(Shutdown::Write)?;
    }
    Ok(())
}

/// Reads from whichever connection has something until all have ended; returns how much it was.
fn read_as_it_comes(connections: &[Connection]) -> Result<usize> {
    let mut open: Vec<_> = connections
        .iter()
        .map(|connection| &connection.server)
        .collect();
    let (mut octets, mut sum) = (vec![0; BLOCK], 0);
    while !open.is_empty() {
        for mut end in ready(&open)? {
            match end.read(&mut octets)? {
                0 => open.retain(|other| !std::ptr::eq(*other, end)),
                read => sum += read,
            }
        }
    }
    Ok(sum)
}

/// The connections that have something.
fn ready<'lab>(open: &[&'lab TcpStream]) -> Result<Vec<&'lab TcpStream>> {
    let polled = open
        .iter()
        .map(|end| PollFd::new(end.as_fd(), PollFlags::POLLIN));
    let mut polled: Vec<_> = polled.collect();
    poll(&mut polled, PollTimeout::from(1000_u16))?;
    let has = |polled: &PollFd<'_>| polled.any().unwrap_or(false);
    let ready = open.iter().zip(&polled).filter(|(_, polled)| has(polled));
    Ok(ready.map(|(end, _)| *end).collect())
}

/// Round trips of a short message: the median and the time that one in a hundred takes longer than, in µs.
pub struct RoundTrips<'lab> {
    /// Where.
    pub place: &'lab Place<'lab>,
    /// On which CPUs.
    pub cpus: Cpus,
}

impl Measured<2> for RoundTrips<'_> {
    fn name(&self) -> &'static str {
        self.place.name
    }

    fn round(&self, time: Duration) -> Result<[f64; 2]> {
        self.place.with(|_| {
            let Connection { client, server } = self.place.connect()?;
            let (mut trips, (), _) =
                ends::both(self.cpus, || ask(&client, time), || answer(&server))?;
            trips.sort_unstable();
            let at = |per_mille: usize| trips.get(trips.len() * per_mille / 1000);
            let times = [at(500), at(990)].map(|time| time.context("no round trip ended"));
            let [median, high] = times;
            Ok([median?, high?].map(|time| time.as_secs_f64() * 1e6))
        })
    }
}

fn ask(mut client: &TcpStream, time: Duration) -> Result<Vec<Duration>> {
    let (mut message, mut trips) = ([7; MESSAGE], Vec::with_capacity(1 << 20));
    let end = Instant::now() + time;
    let mut asked = Instant::now();
    while asked < end {
        client.write_all(&message)?;
        client.read_exact(&mut message)?;
        let answered = Instant::now();
        trips.push(answered - asked);
        asked = answered;
    }
    client.shutdown(Shutdown::Write)?;
    Ok(trips)
}

fn answer(mut server: &TcpStream) -> Result<()> {
    let mut message = [0; MESSAGE];
    loop {
        match server.read(&mut message)? {
            0 => return Ok(()),
            read => server.write_all(&message[..read])?,
        }
    }
}

/// Connections that carry a message and are closed: how many a second of CPU time.
pub struct Handshakes<'lab> {
    /// Where.
    pub place: &'lab Place<'lab>,
}

impl Measured for Handshakes<'_> {
    fn name(&self) -> &'static str {
        self.place.name
    }

    fn round(&self, time: Duration) -> Result<[f64; 1]> {
        self.place.with(|_| {
            let [client, server] = &self.place.lab.containers;
            let listener = connection::listen(server, SERVER)?;
            // Threads are in the namespace of whom they are made by.
            let work = || ends::both(Cpus::One, || handshakes(&listener, time), || Ok(()));
            let (count, (), took) = client.enter(work)?;
            Ok([f64::from(count) / took.cpu.as_secs_f64()])
        })
    }
}

fn handshakes(listener: &TcpListener, time: Duration) -> Result<u32> {
    let (address, end, mut count) = (listener.local_addr()?, Instant::now() + time, 0);
    while Instant::now() < end {
        let client = TcpStream::connect(address).context("a connection")?;
        let (server, _) = listener.accept()?;
        once(&Connection { client, server })?;
        count += 1;
    }
    Ok(count)
}

/// A message, and a reset: without one the l4 ports would wait for a minute and run out.
fn once(connection: &Connection) -> Result<()> {
    let mut message = [7; MESSAGE];
    (&connection.client).write_all(&message)?;
    (&connection.server).read_exact(&mut message)?;
    let at_once = linger {
        l_onoff: 1,
        l_linger: 0,
    };
    Ok(setsockopt(&connection.client, sockopt::Linger, &at_once)?)
}
