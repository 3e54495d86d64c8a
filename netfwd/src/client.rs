//! The client of the control socket.

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::api::{self, Failure};

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("netfwd {0} does not run; start it with `netfwd -N {0} run`")]
    NotRunning(String),
    /// It was followed, and stopped.
    #[error("netfwd {0} stopped; follow it again when it runs")]
    Ended(String),
    /// The daemon refused.
    #[error("{}", .0.error)]
    Refused(Failure),
    /// The conversation broke.
    #[error("netfwd {instance} did not answer ({reason}); look at its log")]
    Broken {
        /// The instance.
        instance: String,
        /// What happened.
        reason: String,
    },
}

/// A client of one instance's daemon.
#[derive(Clone, Debug)]
pub struct Client {
    instance: String,
}

impl Client {
    /// A client of an instance.
    pub fn new(instance: &str) -> Self {
        Self {
            instance: instance.to_owned(),
        }
    }

    /// Asks for something.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let body = self.send(Method::GET, path, Bytes::new()).await?;
        serde_json::from_slice(&body).map_err(|error| self.broken(&error))
    }

    /// Asks for something to be done.
    pub async fn post(&self, path: &str, body: &impl Serialize) -> Result<(), ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.broken(&error))?;
        self.send(Method::POST, path, body.into()).await?;
        Ok(())
    }

    /// Asks for something to be done, and what became of it.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.broken(&error))?;
        let answer = self.send(Method::POST, path, body.into()).await?;
        serde_json::from_slice(&answer).map_err(|error| self.broken(&error))
    }

    /// Follows an answer that has no end: gives each of its lines to `each`, until that returns false.
    pub async fn follow(
        &self,
        path: &str,
        mut each: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), ClientError> {
        let mut response = self.open(Method::GET, path, Bytes::new()).await?;
        let mut rest = Vec::new();
        while let Some(frame) = response.body_mut().frame().await {
            let frame = frame.map_err(|error| self.broken(&error))?;
            rest.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
            while let Some(end) = rest.iter().position(|&octet| octet == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                if !each(&line[..end]) {
                    return Ok(());
                }
            }
        }
        Err(ClientError::Ended(self.instance.clone()))
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, ClientError> {
        let response = self.open(method, path, body).await?;
        self.whole(response).await
    }

    async fn whole(&self, response: Response<Incoming>) -> Result<Bytes, ClientError> {
        let body = response.into_body().collect().await;
        Ok(body.map_err(|error| self.broken(&error))?.to_bytes())
    }

    /// Sends a request; the answer has been accepted, and its body is to come.
    async fn open(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        let stream = UnixStream::connect(api::path(&self.instance)).await;
        let stream = stream.map_err(|_| ClientError::NotRunning(self.instance.clone()))?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| self.broken(&error))?;
        // It ends with the response that it carries.
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "netfwd")
            .header("content-type", "application/json")
            .body(Full::new(body))
            .map_err(|error| self.broken(&error))?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| self.broken(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let body = self.whole(response).await?;
        Err(self.refused(&body))
    }

    fn refused(&self, body: &[u8]) -> ClientError {
        match serde_json::from_slice(body) {
            Ok(failure) => ClientError::Refused(failure),
            Err(_) => self.broken(&String::from_utf8_lossy(body)),
        }
    }

    fn broken(&self, reason: &impl ToString) -> ClientError {
        ClientError::Broken {
            instance: self.instance.clone(),
            reason: reason.to_string(),
        }
    }
}

impl ClientError {
    /// The exit code of the command.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(failure) => failure.exit,
            _ => 1,
        }
    }
}
