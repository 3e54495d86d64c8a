//! A server that answers each request with the address that it came from, by TCP and by UDP on one
//! l4 port: it shows what NAT made of a client.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
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
}

impl WhoAmI {
    /// Listens on an address of a namespace, for TCP and UDP.
    pub fn start(namespace: &Namespace, address: Ipv4Addr, port: u16) -> Result<Self> {
        let name = || format!("{address}:{port} in {}", namespace.name());
        let tcp = namespace
            .within(|| TcpListener::bind((address, port)))
            .with_context(name)?;
        let udp = namespace
            .within(|| UdpSocket::bind((address, port)))
            .with_context(name)?;
        let over = Arc::new(AtomicBool::new(false));
        let server = Self {
            address: tcp.local_addr()?,
            over: over.clone(),
        };
        serve_tcp(tcp, over.clone())?;
        serve_udp(udp, over)?;
        Ok(server)
    }
}

impl Drop for WhoAmI {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn serve_tcp(listener: TcpListener, over: Arc<AtomicBool>) -> Result<()> {
    listener.set_nonblocking(true)?;
    thread::spawn(move || {
        while !over.load(Ordering::Relaxed) {
            match listener.accept() {
                // A client that went away is its own business.
                Ok((stream, client)) => drop(answer(stream, client)),
                Err(_) => thread::sleep(STEP),
            }
        }
    });
    Ok(())
}

fn answer(mut stream: TcpStream, client: SocketAddr) -> Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut request = [0; 1024];
    let _ = stream.read(&mut request)?;
    let body = client.to_string();
    let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes())?;
    Ok(())
}

fn serve_udp(socket: UdpSocket, over: Arc<AtomicBool>) -> Result<()> {
    socket.set_read_timeout(Some(STEP))?;
    thread::spawn(move || {
        let mut request = [0; 2048];
        while !over.load(Ordering::Relaxed) {
            if let Ok((_, client)) = socket.recv_from(&mut request) {
                let _ = socket.send_to(client.to_string().as_bytes(), client);
            }
        }
    });
    Ok(())
}

/// Asks a server by HTTP; the answer is the address that it saw.
pub fn ask_tcp(client: &Namespace, server: impl Into<SocketAddr>) -> Result<SocketAddr> {
    let server = server.into();
    client
        .within(|| http(server))
        .with_context(|| format!("{server} by TCP"))
}

fn http(server: SocketAddr) -> Result<SocketAddr> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    let (_, body) = response
        .split_once("\r\n\r\n")
        .context("an HTTP response has a body")?;
    Ok(body.parse()?)
}

/// Asks a server by UDP, from any l4 port; the answer is the address that it saw.
pub fn ask_udp(client: &Namespace, server: impl Into<SocketAddr>) -> Result<SocketAddr> {
    let server = server.into();
    client
        .within(|| datagram(server))
        .with_context(|| format!("{server} by UDP"))
}

fn datagram(server: SocketAddr) -> Result<SocketAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_read_timeout(Some(PATIENCE))?;
    // Connected: an answer from any other address is not an answer.
    socket.connect(server)?;
    socket.send(b"who am I?")?;
    let mut answer = [0; 128];
    let len = socket.recv(&mut answer)?;
    Ok(std::str::from_utf8(&answer[..len])?.parse()?)
}
