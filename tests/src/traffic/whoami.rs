//! A server that answers each request with the address that it came from, by TCP and by UDP on one
//! l4 port: it shows what NAT made of a client.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::netns::Namespace;

/// How long a client waits.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often a server looks whether its guard is still there.
const STEP: Duration = Duration::from_millis(20);

/// The server; it ends with its guard.
#[derive(Debug)]
pub struct WhoAmI {
    /// Where it listens.
    pub address: SocketAddr,
    over: Arc<AtomicBool>,
    serving: Vec<JoinHandle<()>>,
}

impl WhoAmI {
    /// Listens on an address of a namespace, for TCP and UDP.
    pub fn start(namespace: &Namespace, address: impl Into<IpAddr>, port: u16) -> Result<Self> {
        Self::named("", namespace, address, port)
    }

    /// Does the same by a name, which its answers bear behind the address.
    pub fn named(
        name: &'static str,
        namespace: &Namespace,
        address: impl Into<IpAddr>,
        port: u16,
    ) -> Result<Self> {
        let address = address.into();
        let place = || format!("{address}:{port} in {}", namespace.name());
        let tcp = namespace
            .within(|| listen((address, port).into()))
            .with_context(place)?;
        let udp = namespace
            .within(|| UdpSocket::bind((address, port)))
            .with_context(place)?;
        let over = Arc::new(AtomicBool::new(false));
        Ok(Self {
            address: tcp.local_addr()?,
            over: over.clone(),
            serving: vec![
                serve_tcp(name, tcp, over.clone())?,
                serve_udp(name, udp, over)?,
            ],
        })
    }
}

impl Drop for WhoAmI {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Its address is free when this returns.
        for thread in self.serving.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Listens where another socket may just have been closed: what a test beside this one is starting holds a copy of it
/// between fork and exec.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let start = Instant::now();
    loop {
        match TcpListener::bind(address) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && start.elapsed() < PATIENCE => {
                thread::sleep(STEP);
            }
            done => return done,
        }
    }
}

fn serve_tcp(
    name: &'static str,
    listener: TcpListener,
    over: Arc<AtomicBool>,
) -> Result<JoinHandle<()>> {
    listener.set_nonblocking(true)?;
    Ok(thread::spawn(move || {
        while !over.load(Ordering::Relaxed) {
            match listener.accept() {
                // A client that went away is its own business.
                Ok((stream, client)) => drop(answer(name, stream, client)),
                Err(_) => thread::sleep(STEP),
            }
        }
    }))
}

fn answer(name: &str, mut stream: TcpStream, client: SocketAddr) -> Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut request = [0; 1024];
    let _ = stream.read(&mut request)?;
    let body = format!("{client} {name}");
    let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes())?;
    Ok(())
}

fn serve_udp(
    name: &'static str,
    socket: UdpSocket,
    over: Arc<AtomicBool>,
) -> Result<JoinHandle<()>> {
    socket.set_read_timeout(Some(STEP))?;
    Ok(thread::spawn(move || {
        let mut request = [0; 2048];
        while !over.load(Ordering::Relaxed) {
            if let Ok((_, client)) = socket.recv_from(&mut request) {
                let answer = format!("{client} {name}");
                let _ = socket.send_to(answer.as_bytes(), client);
            }
        }
    }))
}

/// Asks a server by HTTP; the answer is the address that it saw.
pub fn ask_tcp(client: &Namespace, server: impl Into<SocketAddr>) -> Result<SocketAddr> {
    let server = server.into();
    client
        .within(|| address(&http(server)?))
        .with_context(|| format!("{server} by TCP"))
}

/// Asks a server by HTTP for its name.
pub fn ask_name(client: &Namespace, server: impl Into<SocketAddr>) -> Result<String> {
    let server = server.into();
    let answer = client
        .within(|| http(server))
        .with_context(|| format!("{server} by TCP"))?;
    let (_, name) = answer.split_once(' ').context("an answer has a name")?;
    Ok(name.to_owned())
}

/// The address in an answer.
pub(super) fn address(answer: &str) -> Result<SocketAddr> {
    let first = answer.split(' ').next().unwrap_or_default();
    first
        .parse()
        .with_context(|| format!("answer \"{answer}\""))
}

fn http(server: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    let (_, body) = response
        .split_once("\r\n\r\n")
        .context("an HTTP response has a body")?;
    Ok(body.to_owned())
}

/// Asks a server by UDP, from any l4 port; the answer is the address that it saw.
pub fn ask_udp(client: &Namespace, server: impl Into<SocketAddr>) -> Result<SocketAddr> {
    let server = server.into();
    client
        .within(|| datagram(server))
        .with_context(|| format!("{server} by UDP"))
}

fn datagram(server: SocketAddr) -> Result<SocketAddr> {
    let socket = UdpSocket::bind((unspecified(server), 0))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    // Connected: an answer from any other address is not an answer.
    socket.connect(server)?;
    socket.send(b"who am I?")?;
    let mut answer = [0; 128];
    let len = socket.recv(&mut answer)?;
    address(std::str::from_utf8(&answer[..len])?)
}

/// The address of a socket that has none yet, of the family of its peer.
pub fn unspecified(peer: SocketAddr) -> IpAddr {
    match peer {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}
