//! The listener that is in force, and the one that is to be.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Vitals, server};
use crate::config::{Listener, Place};

/// Why figures cannot be served.
#[derive(Debug, thiserror::Error)]
#[error(
    "{place}: metrics cannot listen on {at} ({source}); {remedy}",
    remedy = remedy(source)
)]
pub struct ListenError {
    at: SocketAddr,
    place: Place,
    source: io::Error,
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
        let listener = listen(wanted.at).map_err(|source| ListenError {
            at: wanted.at,
            place: wanted.place.clone(),
            source,
        })?;
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

fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(at)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}
