//! Errors as callers see them (RFC 9457).

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::Permission;
use engine::store::StoreError;
use engine::store::tokens::Holder;
use protocol::http::{FieldProblem, Problem};

/// Why a request was not done.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    detail: String,
    fields: Vec<FieldProblem>,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), fields: Vec::new() }
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// The connection may have been cut after the change and before the answer.
    pub(crate) fn silence() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Slipway's own database does not answer at the moment, so nobody can say whether this was done. \
             Look in a while, and try again if it was not.",
        )
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "This console asks for a token, and knows no such one, or no longer. Set SLIPWAY_API_TOKEN and try again.",
        )
    }

    /// The caller is known, and may not.
    pub(crate) fn forbidden(holder: &Holder, what: Permission) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            format!(
                "{} may not {}: the token is for the role “{}”. Nothing was changed. Ask an admin for another token, \
                 or somebody who may.",
                holder.name,
                what.phrase(),
                holder.role,
            ),
        )
    }

    pub(crate) fn wrong_fields(detail: impl Into<String>, fields: Vec<FieldProblem>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, detail: detail.into(), fields }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let passing = error.is_passing();
        tracing::error!(error = format!("{:#}", anyhow::Error::from(error)), "a request failed");
        if passing {
            Self::silence()
        } else {
            Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something went wrong inside Slipway; its log says what.",
            )
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let problem = Problem {
            status: self.status.as_u16(),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            detail: self.detail,
            fields: self.fields,
        };
        (self.status, [(header::CONTENT_TYPE, "application/problem+json")], Json(problem)).into_response()
    }
}
