//! The server.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::StreamExt as _;
use serde::Serialize;
use tokio::net::UnixListener;
use tokio::sync::Mutex;
use tokio::task::JoinError;

use super::asked::{self, Asked, refusal};
use super::{FdbQuery, Flushed, NeighQuery, PortQuery, SessionQuery, Status};
use crate::daemon::{Core, CoreError};
use crate::events::{Event, Hub};
use crate::runtime::Change;

type Shared = State<Arc<Mutex<Core>>>;
type Watched = State<(Arc<Mutex<Core>>, Arc<Hub>)>;

/// Serves an instance until the process ends.
pub async fn serve(
    listener: UnixListener,
    core: Arc<Mutex<Core>>,
    hub: Arc<Hub>,
) -> std::io::Result<()> {
    let watched = Router::new()
        .route("/v1/events", get(events))
        .route("/v1/networks/{network}/events", get(events_of))
        .with_state((Arc::clone(&core), hub));
    let router = Router::new()
        .route("/v1/status", get(status))
        .route("/v1/reload", post(reload))
        .route("/v1/changes", post(change))
        .route("/v1/fdb/flush", post(flush_fdb))
        .route("/v1/neigh/flush", post(flush_neighbours))
        .route("/v1/ports/open", post(open_port))
        .route("/v1/sessions/flush", post(flush_sessions))
        .with_state(core)
        .merge(watched)
        .fallback(asked::nothing_there)
        .method_not_allowed_fallback(asked::not_so);
    axum::serve(listener, router).await
}

async fn status(State(core): Shared) -> Json<Status> {
    Json(core.lock().await.status())
}

async fn reload(State(core): Shared) -> Response {
    answer(whole(async move { core.lock().await.reload().await }).await)
}

async fn change(State(core): Shared, Asked(change): Asked<Change>) -> Response {
    answer(whole(async move { core.lock().await.change(&change).await }).await)
}

async fn flush_fdb(State(core): Shared, Asked(query): Asked<FdbQuery>) -> Response {
    answer(whole(async move { core.lock().await.flush_fdb(&query).await }).await)
}

async fn flush_neighbours(State(core): Shared, Asked(query): Asked<NeighQuery>) -> Response {
    answer(whole(async move { core.lock().await.flush_neighbours(&query).await }).await)
}

async fn open_port(State(core): Shared, Asked(query): Asked<PortQuery>) -> Response {
    answer(whole(async move { core.lock().await.open_port(&query).await }).await)
}

async fn flush_sessions(State(core): Shared, Asked(query): Asked<SessionQuery>) -> Response {
    let flushed = whole(async move { core.lock().await.flush_sessions(&query) }).await;
    answer(flushed.map(|flushed| flushed.map(|flushed| Flushed { flushed })))
}

/// Does it to its end in a task of its own: hyper drops the handler of a client that goes away, and a change that is
/// dropped between two of its steps is neither made nor undone.
async fn whole<T: Send + 'static>(
    work: impl Future<Output = Result<T, CoreError>> + Send + 'static,
) -> Result<Result<T, CoreError>, JoinError> {
    tokio::spawn(work).await
}

async fn events(State((_, hub)): Watched) -> Response {
    stream(&hub, |_| true)
}

async fn events_of(State((core, hub)): Watched, Path(network): Path<String>) -> Response {
    if !core.lock().await.has_network(&network) {
        let error = format!("network {network} does not exist; `netfwd network show` lists all");
        return refusal(StatusCode::NOT_FOUND, error, 1);
    }
    stream(&hub, move |event| event.network.as_ref() == Some(&network))
}

/// Events as they come, one JSON object a line; that some are lost concerns everybody.
fn stream(hub: &Hub, matches: impl Fn(&Event) -> bool + Send + 'static) -> Response {
    let events = hub.watch().filter_map(move |event| {
        let matches = event.count.is_some() || matches(&event);
        std::future::ready(matches.then(|| line(&event)))
    });
    let headers = [(header::CONTENT_TYPE, "application/x-ndjson")];
    (headers, Body::from_stream(events)).into_response()
}

fn line(event: &impl Serialize) -> serde_json::Result<Bytes> {
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    Ok(line.into())
}

fn answer<T: Serialize>(done: Result<Result<T, CoreError>, JoinError>) -> Response {
    match done {
        Ok(Ok(what)) => Json(what).into_response(),
        Ok(Err(error)) => failure(&error),
        Err(error) => {
            let error = format!("the daemon broke off ({error}); look at its log, and report this");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, error, 1)
        }
    }
}

fn failure(error: &CoreError) -> Response {
    let exit = error.exit_code();
    let status = match error {
        _ if exit == 2 => StatusCode::BAD_REQUEST,
        CoreError::Change(_) => StatusCode::CONFLICT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    refusal(status, error.to_string(), exit)
}
