//! HTTP: `GET /metrics`, for few clients at a time and none for long.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{sleep, timeout};

use super::{Vitals, exposition, families};
use crate::show::{self, ShowError};

/// Connections at a time; others wait in the kernel's queue.
const CONNECTIONS: usize = 16;
/// Within this a client has sent its request.
const REQUEST: Duration = Duration::from_secs(5);
/// Within this it has taken the answer.
const WHOLE: Duration = Duration::from_secs(30);
/// Scrapes within this get the same figures, so that no number of clients reads the maps all the time.
const FRESH: Duration = Duration::from_millis(500);
/// After a connection could not be accepted, as where the process has too many files open.
const PAUSE: Duration = Duration::from_millis(500);
/// OpenMetrics 1.0; Prometheus' own text format calls all of its lines legal as well.
const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The figures, and the last text that was made of them.
struct Figures {
    vitals: Arc<Vitals>,
    last: Mutex<Option<(Instant, Bytes)>>,
}

/// Serves until it is aborted.
pub(super) async fn serve(listener: TcpListener, vitals: Arc<Vitals>) {
    let (places, last) = (Arc::new(Semaphore::new(CONNECTIONS)), Mutex::default());
    let figures = Arc::new(Figures { vitals, last });
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!("metrics: no connection: {error}");
                sleep(PAUSE).await;
                continue;
            }
        };
        let figures = Arc::clone(&figures);
        tokio::spawn(async move {
            converse(stream, figures).await;
            drop(place);
        });
    }
}

/// One request and its answer.
async fn converse(stream: TcpStream, figures: Arc<Figures>) {
    let service = service_fn(move |request| {
        let figures = Arc::clone(&figures);
        async move { Ok::<_, Infallible>(answer(&request, &figures).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new());
    http.header_read_timeout(REQUEST).keep_alive(false);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    match timeout(WHOLE, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!("metrics: {error}"),
        Err(_) => tracing::debug!("metrics: a client took longer than {WHOLE:?}"),
    }
}

async fn answer(request: &Request<Incoming>, figures: &Figures) -> Response<Full<Bytes>> {
    if request.uri().path() != "/metrics" {
        let path = request.uri().path();
        let text = format!("there is no {path} here; the figures are at /metrics\n");
        return refuse(StatusCode::NOT_FOUND, text);
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let text = format!("{} is not for /metrics; use GET\n", request.method());
        let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, text);
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    match figures.text().await {
        Ok(text) => with_type(Response::new(Full::new(text)), FORMAT),
        Err(error) => {
            tracing::warn!("metrics: {error}");
            refuse(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"))
        }
    }
}

fn refuse(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    with_type(response, "text/plain; charset=utf-8")
}

fn with_type(mut response: Response<Full<Bytes>>, of: &'static str) -> Response<Full<Bytes>> {
    let of = HeaderValue::from_static(of);
    response.headers_mut().insert(CONTENT_TYPE, of);
    response
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
enum ScrapeError {
    #[error(transparent)]
    Show(#[from] ShowError),
    #[error("the figures cannot be written down ({0}); report this")]
    Format(#[from] std::fmt::Error),
    #[error("the figures were not read to the end ({0}); look at the log")]
    Thread(#[from] tokio::task::JoinError),
}

impl Figures {
    /// The exposition. One scrape reads at a time; those that waited for it get what it has read.
    async fn text(&self) -> Result<Bytes, ScrapeError> {
        let mut last = self.last.lock().await;
        if let Some((at, text)) = &*last
            && at.elapsed() < FRESH
        {
            return Ok(text.clone());
        }
        let vitals = Arc::clone(&self.vitals);
        let text = tokio::task::spawn_blocking(move || read(&vitals)).await??;
        *last = Some((Instant::now(), text.clone()));
        Ok(text)
    }
}

fn read(vitals: &Vitals) -> Result<Bytes, ScrapeError> {
    let overview = show::overview(&vitals.instance)?;
    let families = families::of(&overview, &vitals.state(), vitals.started);
    Ok(exposition::text(families)?.into())
}
