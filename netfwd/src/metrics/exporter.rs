//! The listener that is in force, and the one that is to be.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::Vitals;
use super::listening::{Listening, Serving, take};
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
    New(Listening),
}

/// Serves the figures of an instance while it lives.
#[derive(Debug)]
pub struct Exporter {
    vitals: Arc<Vitals>,
    serving: Option<Serving>,
}

impl Exporter {
    /// Of an instance; it listens nowhere yet.
    pub fn new(vitals: Arc<Vitals>) -> Self {
        Self {
            vitals,
            serving: None,
        }
    }

    /// Binds what a configuration asks for. Where only the listener that is in force is in the way, on another
    /// address with the same port, that one gives way: until the other is [served](Self::serve) its clients wait,
    /// and it goes on with [`Self::stay`].
    pub fn bind(&mut self, wanted: Option<&Listener>) -> Result<Bound, ListenError> {
        let Some(wanted) = wanted else {
            return Ok(Bound::Nothing);
        };
        let at = wanted.at;
        if self.serving.as_ref().is_some_and(|now| now.at == at) {
            return Ok(Bound::Same);
        }
        let mut bound = Listening::on(at);
        if matches!(&bound, Err(error) if error.kind() == io::ErrorKind::AddrInUse) {
            bound = self.replace(at, bound);
        }
        let listening = bound.map_err(|source| ListenError::of(wanted, source))?;
        Ok(Bound::New(listening))
    }

    /// Listens instead of the listener that is in force, if that has the same port.
    fn replace(&mut self, at: SocketAddr, refused: io::Result<Listening>) -> io::Result<Listening> {
        let serving = self.serving.as_mut();
        let Some(serving) = serving.filter(|now| now.at.port() == at.port()) else {
            return refused;
        };
        let given = serving.give_way();
        let bound = given.and_then(|()| Listening::on(at));
        if bound.is_err() {
            self.resume();
        }
        bound
    }

    /// Goes over to what was bound.
    pub fn serve(&mut self, bound: Bound) {
        let serving = match bound {
            Bound::Same => return,
            Bound::Nothing => None,
            Bound::New(listening) => {
                tracing::info!("metrics on http://{}/metrics", listening.at);
                Some(listening.serve(&self.vitals))
            }
        };
        self.serving = serving;
    }

    /// Lets go of what was bound, and goes on as before.
    pub fn stay(&mut self, bound: Bound) {
        drop(bound);
        self.resume();
    }

    /// Listens again where a listener gave way.
    fn resume(&mut self) {
        let Some(serving) = self.serving.as_mut() else {
            return;
        };
        if let Err(error) = serving.resume(&self.vitals) {
            tracing::error!("metrics on {} are served no more: {error}", serving.at);
            self.serving = None;
        }
    }
}

/// Whether a listener could be had: takes its address and port for a moment, as [`Exporter::bind`] does, and
/// lets nobody connect.
pub fn probe(wanted: &Listener) -> Result<(), ListenError> {
    let taken = take(wanted.at);
    taken
        .map(drop)
        .map_err(|source| ListenError::of(wanted, source))
}
