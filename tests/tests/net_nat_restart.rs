//! Sessions and mappings outlive the daemon, and a start with room for more of them.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tests::{
    netns::Namespace,
    site::{HOST, OUTSIDE, OUTSIDE_TOO, Plan},
    traffic::WhoAmI,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// A TCP connection.
struct Connection {
    client: TcpStream,
    server: TcpStream,
}

impl Connection {
    /// From a client to a server that listens at `at`, by the address `to`.
    fn open(
        client: &Namespace,
        server: &Namespace,
        at: SocketAddr,
        to: SocketAddr,
    ) -> Result<Self> {
        let listener = server.within(|| TcpListener::bind(at))?;
        let client = client.within(|| TcpStream::connect_timeout(&to, PATIENCE))?;
        let (server, _) = listener.accept()?;
        for stream in [&client, &server] {
            stream.set_read_timeout(Some(PATIENCE))?;
        }
        Ok(Self { client, server })
    }

    fn goes_on(&mut self) -> Result<()> {
        let mut octets = [0; 4];
        self.client.write_all(b"ping")?;
        self.server
            .read_exact(&mut octets)
            .context("to the server")?;
        self.server.write_all(b"pong")?;
        self.client.read_exact(&mut octets).context("to the client")
    }
}

/// How a server outside sees a socket.
fn seen_by(socket: &UdpSocket, server: &WhoAmI) -> Result<SocketAddr> {
    let mut answer = [0; 64];
    socket.send_to(b"who am I", server.address)?;
    let (len, _) = socket.recv_from(&mut answer)?;
    let text = std::str::from_utf8(&answer[..len])?;
    text.trim().parse().with_context(|| text.to_owned())
}

#[test]
fn nothing_breaks_over_restarts_and_another_table_size() -> Result<()> {
    let mut site = Plan::netfwd_alone()
        .publish("8080/tcp", "10.0.3.12:80")?
        .head("[nat]\nmax_sessions = 1000")
        .start()?;
    let (c1, c2, outside) = (site.c1.ns.clone(), site.c2.ns.clone(), site.outside.clone());
    let at = SocketAddr::from((OUTSIDE.v4, 7000));
    let mut masqueraded = Connection::open(&c1, &outside, at, at)?;
    let (inside, listener) = ((site.c2.at.v4, 80).into(), (HOST.v4, 8080).into());
    let mut published = Connection::open(&outside, &c2, inside, listener)?;
    let socket = c1.within(|| UdpSocket::bind("0.0.0.0:5000"))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let servers = [
        WhoAmI::start(&outside, OUTSIDE.v4, 7001)?,
        WhoAmI::start(&outside, OUTSIDE_TOO.v4, 7001)?,
    ];
    let seen = seen_by(&socket, &servers[0])?;
    let instance = site.netfwd()?;
    let config = instance.config()?;
    for size in [1000, 100_000, 300] {
        instance.kill()?;
        masqueraded.goes_on()?;
        instance.write(&config.replace("= 1000", &format!("= {size}")))?;
        instance.start()?;
        masqueraded.goes_on().context("masqueraded")?;
        published.goes_on().context("published")?;
        ensure!(seen_by(&socket, &servers[1])? == seen, "another mapping");
        let waiting = &instance.json("status")?[0]["waiting"];
        ensure!(waiting.as_array().is_some_and(Vec::is_empty), "{waiting}");
        let sessions = instance.json("session show")?;
        ensure!(sessions.len() == 4, "{sessions:#?}");
    }
    instance.write(&config.replace("= 1000", "= 5000"))?;
    instance.cli("reload")?;
    let waiting = instance.json("status")?[0]["waiting"].to_string();
    ensure!(waiting.contains("max_sessions = 5000"), "{waiting}");
    masqueraded.goes_on()
}
