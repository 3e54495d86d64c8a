//! New TCP connections, one after the other: opened, accepted, and reset.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::libc::linger;
use nix::sys::socket::{setsockopt, sockopt};

use super::place::{Place, SERVER};
use super::{KERNEL, Places};
use crate::bench::cpu::Cpu;
use crate::bench::measure::Measured;
use crate::bench::report::Unit;
use crate::bench::session::{Heading, Session};
use crate::run::process;

/// The server's l4 port.
const PORT: u16 = 7000;
/// The most connections of a round: fewer than there are l4 ports to translate to.
const MOST: u64 = 20_000;
/// How long a table may take to be emptied, or a connection to be opened.
const LIMIT: Duration = Duration::from_secs(10);
/// Closes with a reset, so that no port waits.
const RESET: linger = linger {
    l_onoff: 1,
    l_linger: 0,
};

/// Measures and prints.
pub fn run(session: &Session<'_>, places: &Places) -> Result<()> {
    let [ours, kernel, wires] = places.named();
    let loader = session.loader.to_string_lossy();
    let instance = ours.1.host.name();
    let clients = [
        Client::open(ours, &[&loader, "-N", instance, "session", "flush"])?,
        Client::open(kernel, &["conntrack", "--flush"])?,
        Client::open(wires, &["true"])?,
    ];
    let measured: Vec<&dyn Measured> = clients.iter().map(|client| client as _).collect();
    let heading = Heading {
        id: "nat/connections",
        title: "nat: new TCP connections, with the sockets of both ends",
        unit: Unit::ConnectionsPerSecond,
        reference: KERNEL,
    };
    session.compare([heading], &measured)
}

/// A client that connects to the server again and again.
struct Client<'lab> {
    name: &'static str,
    place: &'lab Place,
    listener: TcpListener,
    /// The command that empties the table of sessions: a round is to open them, and not to find them again.
    forget: Vec<String>,
}

impl<'lab> Client<'lab> {
    fn open((name, place): (&'static str, &'lab Place), forget: &[&str]) -> Result<Self> {
        Ok(Self {
            name,
            place,
            listener: place
                .server
                .enter(|| Ok(TcpListener::bind((SERVER, PORT))?))?,
            forget: forget.iter().map(ToString::to_string).collect(),
        })
    }

    /// Both ends on one thread: each step is done when its system call returns, for what it sends is
    /// received in its own context.
    fn connect(&self) -> Result<()> {
        let client = TcpStream::connect_timeout(&SocketAddr::from((SERVER, PORT)), LIMIT)?;
        setsockopt(&client, sockopt::Linger, &RESET)?;
        let (server, _) = self.listener.accept()?;
        drop(client);
        drop(server);
        Ok(())
    }

    fn connect_for(&self, time: Duration) -> Result<u64> {
        let (start, mut made) = (Instant::now(), 0);
        while start.elapsed() < time && made < MOST {
            self.connect()
                .with_context(|| format!("connection {made} by {}", self.name))?;
            made += 1;
        }
        Ok(made)
    }
}

impl Measured for Client<'_> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn round(&self, time: Duration) -> Result<[f64; 1]> {
        let mut forget = self.place.host.command(&self.forget[0]);
        process::run(forget.args(&self.forget[1..]), LIMIT)?;
        let cpu = Cpu::first()?;
        let mut made = 0;
        let spent = self.place.client.enter(|| {
            cpu.time_of(|| {
                made = self.connect_for(time)?;
                Ok(())
            })
        })?;
        Ok([made as f64 / spent.as_secs_f64()])
    }
}
