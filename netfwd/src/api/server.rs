//! The server.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::net::UnixListener;
use tokio::sync::Mutex;

use super::{Failure, FdbQuery, SessionQuery, Status};
use crate::daemon::{Core, CoreError};
use crate::runtime::Change;

type Shared = State<Arc<Mutex<Core>>>;

/// Serves an instance until the process ends.
pub async fn serve(listener: UnixListener, core: Arc<Mutex<Core>>) -> std::io::Result<()> {
    let router = Router::new()
        .route("/v1/status", get(status))
        .route("/v1/reload", post(reload))
        .route("/v1/changes", post(change))
        .route("/v1/fdb/flush", post(flush_fdb))
        .route("/v1/sessions/flush", post(flush_sessions))
        .with_state(core);
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

async fn flush_sessions(State(core): Shared, Json(query): Json<SessionQuery>) -> Response {
    answer(core.lock().await.flush_sessions(&query).await)
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
