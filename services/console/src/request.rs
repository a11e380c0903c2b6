//! Bodies and queries of requests; one that cannot be read is a problem like any other.

use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;

use crate::problem::Failure;

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Sync, T> FromRequest<S> for Body<T>
where
    Json<T>: FromRequest<S, Rejection = JsonRejection>,
{
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let Json(body) = Json::from_request(request, state).await?;
        Ok(Self(body))
    }
}

/// What stands behind the question mark of an address.
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Sync, T> FromRequestParts<S> for Asked<T>
where
    Query<T>: FromRequestParts<S, Rejection = QueryRejection>,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Query(asked) = Query::from_request_parts(parts, state).await?;
        Ok(Self(asked))
    }
}

fn unreadable(status: StatusCode, why: &str) -> Failure {
    Failure::new(status, format!("The request cannot be read: {why}. Nothing was changed."))
}

impl From<JsonRejection> for Failure {
    fn from(refused: JsonRejection) -> Self {
        unreadable(refused.status(), &refused.body_text())
    }
}

impl From<QueryRejection> for Failure {
    fn from(refused: QueryRejection) -> Self {
        unreadable(refused.status(), &refused.body_text())
    }
}

impl From<BytesRejection> for Failure {
    fn from(refused: BytesRejection) -> Self {
        unreadable(refused.status(), &refused.body_text())
    }
}
