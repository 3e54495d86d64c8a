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

use super::{Failure, FdbQuery, Flushed, NeighQuery, PortQuery, SessionQuery, Status};
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
        .merge(watched);
    axum::serve(listener, router).await
}

async fn status(State(core): Shared) -> Json<Status> {
    Json(core.lock().await.status())
}

async fn reload(State(core): Shared) -> Response {
    answer(core.lock().await.reload().await)
}

async fn change(State(core): Shared, Json(change): Json<Change>) -> Response {
    answer(core.lock().await.change(&change).await)
}

async fn flush_fdb(State(core): Shared, Json(query): Json<FdbQuery>) -> Response {
    answer(core.lock().await.flush_fdb(&query).await)
}

async fn flush_neighbours(State(core): Shared, Json(query): Json<NeighQuery>) -> Response {
    answer(core.lock().await.flush_neighbours(&query).await)
}

async fn open_port(State(core): Shared, Json(query): Json<PortQuery>) -> Response {
    answer(core.lock().await.open_port(&query).await)
}

async fn flush_sessions(State(core): Shared, Json(query): Json<SessionQuery>) -> Response {
    match core.lock().await.flush_sessions(&query) {
        Ok(flushed) => Json(Flushed { flushed }).into_response(),
        Err(error) => failure(&error),
    }
}

async fn events(State((_, hub)): Watched) -> Response {
    stream(&hub, |_| true)
}

async fn events_of(State((core, hub)): Watched, Path(network): Path<String>) -> Response {
    if !core.lock().await.has_network(&network) {
        let error = format!("network {network} does not exist; `netfwd network show` lists all");
        let failure = Failure { error, exit: 1 };
        return (StatusCode::NOT_FOUND, Json(failure)).into_response();
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

fn answer(result: Result<(), CoreError>) -> Response {
    match result {
        Ok(()) => Json(serde_json::json!({})).into_response(),
        Err(error) => failure(&error),
    }
}

fn failure(error: &CoreError) -> Response {
    let exit = error.exit_code();
    let status = match error {
        _ if exit == 2 => StatusCode::BAD_REQUEST,
        CoreError::Change(_) => StatusCode::CONFLICT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let failure = Failure {
        error: error.to_string(),
        exit,
    };
    (status, Json(failure)).into_response()
}
