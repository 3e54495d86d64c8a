//! What a request asks, and the answer to one that nobody understands: JSON with a sentence, as every
//! other refusal.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Failure;

/// The body of a request.
pub(super) struct Asked<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Serialize> FromRequest<S> for Asked<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let path = request.uri().path().to_owned();
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|error| bad(error.status(), &path, &error.body_text()))?;
        let asked = read(&bytes).map_err(|why| bad(StatusCode::BAD_REQUEST, &path, &why))?;
        Ok(Self(asked))
    }
}

/// Reads an object that has no field that would be ignored: it may be the one that was meant.
fn read<T: DeserializeOwned + Serialize>(body: &[u8]) -> Result<T, String> {
    let told: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let asked = T::deserialize(&told).map_err(|error| error.to_string())?;
    // `deny_unknown_fields` of serde does not go with its `flatten`.
    let known = serde_json::to_value(&asked).map_err(|error| error.to_string())?;
    let (told, known) = (told.as_object(), known.as_object());
    let known = known.map(|known| known.keys().map(String::as_str).collect::<Vec<_>>());
    let known = known.unwrap_or_default();
    let mut fields = told.into_iter().flat_map(|told| told.keys());
    match fields.find(|field| !known.contains(&field.as_str())) {
        Some(field) => Err(format!(
            "unknown field `{field}`, accepted are {}",
            known.join(", ")
        )),
        None => Ok(asked),
    }
}

fn bad(status: StatusCode, path: &str, why: &str) -> Response {
    let error = format!("the body of {path} is refused ({why}); send a JSON object that it takes");
    refusal(status, error, 2)
}

/// An unknown path.
pub(super) async fn nothing_there(uri: Uri) -> Response {
    let error = format!(
        "{} is nothing that netfwd answers; its client is `netfwd`",
        uri.path()
    );
    refusal(StatusCode::NOT_FOUND, error, 2)
}

/// A path that takes another method.
pub(super) async fn not_so(method: Method, uri: Uri) -> Response {
    let path = uri.path();
    let error =
        format!("{path} does not take {method}; GET asks for what is, POST for what is to be done");
    refusal(StatusCode::METHOD_NOT_ALLOWED, error, 2)
}

/// Why a request failed.
pub(super) fn refusal(status: StatusCode, error: String, exit: u8) -> Response {
    (status, Json(Failure { error, exit })).into_response()
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::api::{FdbQuery, PortQuery};
    use crate::runtime::{Change, Object, Op};

    #[test]
    fn what_would_be_ignored_is_refused() {
        let text = r#"{"op":"add","object":"network","name":"red","learning":true,"nonsense":1}"#;
        let why = read::<Change>(text.as_bytes()).unwrap_err();
        assert!(
            why.contains("unknown field `nonsense`, accepted are op, object, name"),
            "{why}"
        );
        let change: Change = read(text.replace(r#","nonsense":1"#, "").as_bytes()).unwrap();
        assert!(matches!(
            (change.op, change.object),
            (Op::Add, Object::Network(_))
        ));
        assert!(read::<FdbQuery>(br#"{"prot":"p0"}"#).is_err());
        assert!(read::<FdbQuery>(b"{}").is_ok());
        assert!(read::<PortQuery>(b"[").is_err() && read::<PortQuery>(b"{}").is_err());
    }
}
