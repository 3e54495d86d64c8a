//! The listener that is in force, and the one that is to be.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Vitals, server};
use crate::config::{Listener, Place};

/// Why figures cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("{}; {}", self.what(), self.remedy())]
pub struct ListenError {
    at: SocketAddr,
    place: Place,
    source: io::Error,
}

impl ListenError {
    fn of(wanted: &Listener, source: io::Error) -> Self {
        Self {
            at: wanted.at,
            place: wanted.place.clone(),
            source,
        }
    }

    /// What cannot be, and why.
    pub fn what(&self) -> String {
        let Self { at, place, source } = self;
        format!("{place}: metrics cannot listen on {at} ({source})")
    }

    /// What to do.
    pub fn remedy(&self) -> &'static str {
        remedy(&self.source)
    }

    /// Whether somebody listens there.
    pub fn is_in_use(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "choose a port that nobody listens on, as `ss -ltn` shows",
        io::ErrorKind::AddrNotAvailable => {
            "use an address of this host's in netfwd's network namespace"
        }
        _ => "choose another address or port",
    }
}

/// What a configuration asks for, bound and not served yet.
#[derive(Debug)]
pub enum Bound {
    /// The listener that is there already.
    Same,
    /// None.
    Nothing,
    /// Another one.
    New(SocketAddr, TcpListener),
}

/// Serves the figures of an instance while it lives.
#[derive(Debug)]
pub struct Exporter {
    vitals: Arc<Vitals>,
    serving: Option<(SocketAddr, JoinHandle<()>)>,
}

impl Exporter {
    /// Of an instance; it listens nowhere yet.
    pub fn new(vitals: Arc<Vitals>) -> Self {
        Self {
            vitals,
            serving: None,
        }
    }

    /// Binds what a configuration asks for, and changes nothing.
    pub fn bind(&self, wanted: Option<&Listener>) -> Result<Bound, ListenError> {
        let Some(wanted) = wanted else {
            return Ok(Bound::Nothing);
        };
        if self
            .serving
            .as_ref()
            .is_some_and(|(at, _)| *at == wanted.at)
        {
            return Ok(Bound::Same);
        }
        let listener = listen(wanted.at).map_err(|source| ListenError::of(wanted, source))?;
        Ok(Bound::New(wanted.at, listener))
    }

    /// Goes over to what was bound.
    pub fn serve(&mut self, bound: Bound) {
        let serving = match bound {
            Bound::Same => return,
            Bound::Nothing => None,
            Bound::New(at, listener) => {
                tracing::info!("metrics on http://{at}/metrics");
                let served = server::serve(listener, Arc::clone(&self.vitals));
                Some((at, tokio::spawn(served)))
            }
        };
        self.stop();
        self.serving = serving;
    }

    fn stop(&mut self) {
        if let Some((_, task)) = self.serving.take() {
            task.abort();
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether a listener could be had: takes its address and port for a moment, as [`Exporter::bind`] does, and
/// lets nobody connect.
pub fn probe(wanted: &Listener) -> Result<(), ListenError> {
    take(wanted.at).map_err(|source| ListenError::of(wanted, source))
}

fn take(at: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&at.into())
}

fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(at)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}
