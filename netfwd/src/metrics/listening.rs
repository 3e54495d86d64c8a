//! Sockets that listen, and that can give way to another one on their port.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Vitals, server};

/// Connections that wait to be accepted, as many as with the standard library's listeners.
const BACKLOG: i32 = 128;

/// A socket that listens and is not served yet.
#[derive(Debug)]
pub struct Listening {
    pub(super) at: SocketAddr,
    socket: Socket,
    /// The same socket, for the runtime.
    listener: TcpListener,
}

impl Listening {
    pub(super) fn on(at: SocketAddr) -> io::Result<Self> {
        Self::of(at, take(at)?)
    }

    fn of(at: SocketAddr, socket: Socket) -> io::Result<Self> {
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from_std(socket.try_clone()?.into())?;
        Ok(Self {
            at,
            socket,
            listener,
        })
    }

    pub(super) fn serve(self, vitals: &Arc<Vitals>) -> Serving {
        let served = server::serve(self.listener, Arc::clone(vitals));
        Serving {
            at: self.at,
            socket: self.socket,
            task: Some(tokio::spawn(served)),
        }
    }
}

/// Takes an address and port, and lets nobody connect.
pub(super) fn take(at: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&at.into())?;
    Ok(socket)
}

/// A socket that is served.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) at: SocketAddr,
    socket: Socket,
    /// Absent where it gave way to another one.
    task: Option<JoinHandle<()>>,
}

impl Serving {
    /// Listens no more, but stays bound. Two listeners could share a port by SO_REUSEPORT as well; any other process
    /// of the same user could then, too, and unseen (net/ipv4/inet_connection_sock.c, `sk_reuseport_match`).
    pub(super) fn give_way(&mut self) -> io::Result<()> {
        self.stop();
        self.socket.shutdown(Shutdown::Read)
    }

    /// Listens again, if it gave way.
    pub(super) fn resume(&mut self, vitals: &Arc<Vitals>) -> io::Result<()> {
        if self.task.is_none() {
            *self = Listening::of(self.at, self.socket.try_clone()?)?.serve(vitals);
        }
        Ok(())
    }

    fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop();
    }
}
