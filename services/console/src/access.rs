//! Who calls, and whether they may.
//!
//! A call without a token, where the console asks for none, and one with the console's own token come from
//! somebody trusted, who says in whose name they decide. A token that was given out stands for its holder:
//! decisions are recorded under the holder's name, whatever the call says.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::Permission;
use engine::Engine;
use engine::store::answered;
use engine::store::audit::Actor;
use engine::store::tokens::{Holder, fingerprint};
use protocol::http::{Decision, RollbackRequest, TokenRequest};
use protocol::question::GivenAnswer;
use protocol::window::{BlackoutFeed, NewBlackout, NewWindow, NewZone};
use serde::de::DeserializeOwned;

use crate::problem::Failure;
use crate::request::Body;

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// Whose token was shown; `None` for somebody trusted, who may do everything in anybody's name.
    holder: Option<Holder>,
    /// The address that the call came from.
    from: String,
}

/// What a request needs. Anything that is not listed is for admins.
fn needed(method: &Method, path: &str) -> Permission {
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    let is_get = method == Method::GET;
    match path {
        "/tokens" | "/tokens/{id}/revoke" => Permission::ManageAccess,
        _ if is_get => Permission::View,
        "/ships" | "/promotions/{id}/answer" => Permission::Request,
        "/promotions/{id}/approve" | "/promotions/{id}/reject" | "/promotions/{id}/acknowledge" => {
            Permission::Approve
        }
        "/promotions/{id}/override" | "/promotions/{id}/release" => Permission::Override,
        "/promotions/{id}/emergency" => Permission::DeclareEmergency,
        "/windows" | "/windows/zone" | "/windows/{id}" | "/blackouts" | "/blackouts/import"
        | "/blackouts/{id}" => Permission::ManageWindows,
        "/promotions/{id}/cancel"
        | "/promotions/{id}/schedule"
        | "/promotions/{id}/resume"
        | "/promotions/{id}/give-up"
        | "/backups/prune"
        | "/backups/{id}/verify"
        | "/installations/{name}/check"
        | "/dead-letters/{id}/redrive"
        | "/dead-letters/{id}/discard" => Permission::Operate,
        "/promotions/{id}/rollback" | "/backups/{id}/restore" => Permission::RollBack,
        "/installations/{name}" => Permission::ManageInstallations,
        _ => Permission::ManageAccess,
    }
}

/// Lets a request pass if its caller may make it, and tells the handler who that is.
pub(crate) async fn check(State(engine): State<Engine>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let path = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let needed = needed(&parts.method, path);
    match authorized(&engine, &parts, needed).await {
        Ok(caller) => {
            parts.extensions.insert(caller);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refused) => refused.into_response(),
    }
}

async fn authorized(engine: &Engine, parts: &Parts, needed: Permission) -> Result<Caller, Failure> {
    let holder = holder(engine, &parts.headers).await?;
    if let Some(holder) = holder.as_ref().filter(|holder| !holder.role.may(needed)) {
        return Err(Failure::forbidden(holder, needed));
    }
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let from = peer.map_or_else(|| "the console".to_owned(), |ConnectInfo(address)| address.ip().to_string());
    Ok(Caller { holder, from })
}

/// Whose token was shown; `None` for somebody trusted.
async fn holder(engine: &Engine, headers: &HeaderMap) -> Result<Option<Holder>, Failure> {
    let own = engine.config.console_token.as_deref();
    let Some(presented) = headers.get(header::AUTHORIZATION) else {
        return if own.is_none() { Ok(None) } else { Err(Failure::unauthorized()) };
    };
    let token = presented.to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
    let token = token.ok_or_else(Failure::unauthorized)?;
    if own.is_some_and(|own| same(token.as_bytes(), own.as_bytes())) {
        return Ok(None);
    }
    let holder = answered(engine.store.token_holder(&fingerprint(token))).await?;
    holder.map(Some).ok_or_else(Failure::unauthorized)
}

/// Compares without telling by its duration how much was right.
fn same(presented: &[u8], expected: &[u8]) -> bool {
    presented.len() == expected.len()
        && presented.iter().zip(expected).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}

impl Caller {
    /// In whose name something is done, where the call says `by`.
    pub(crate) fn actor(self, by: &str) -> Result<Actor, Failure> {
        let name = match self.holder {
            Some(holder) => holder.name,
            None if by.trim().is_empty() || by.contains(char::is_control) => {
                return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "Say who decides."));
            }
            None => by.to_owned(),
        };
        Ok(Actor { name, from: self.from })
    }

    /// The same where the call does not say so.
    pub(crate) fn unnamed(self) -> Actor {
        Actor {
            name: self.holder.map_or_else(|| "somebody trusted".to_owned(), |it| it.name),
            from: self.from,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        parts.extensions.get::<Caller>().cloned().ok_or_else(Failure::unauthorized)
    }
}

/// A body that says who decides.
pub(crate) trait SaysWho {
    fn by(&self) -> &str;
}

impl SaysWho for Decision {
    fn by(&self) -> &str {
        &self.by
    }
}

impl SaysWho for GivenAnswer {
    fn by(&self) -> &str {
        &self.by
    }
}

impl SaysWho for RollbackRequest {
    fn by(&self) -> &str {
        &self.by
    }
}

impl SaysWho for TokenRequest {
    fn by(&self) -> &str {
        &self.by
    }
}

impl SaysWho for NewWindow {
    fn by(&self) -> &str {
        &self.by
    }
}

impl SaysWho for NewZone {
    fn by(&self) -> &str {
        &self.by
    }
}

impl SaysWho for NewBlackout {
    fn by(&self) -> &str {
        &self.by
    }
}

impl SaysWho for BlackoutFeed {
    fn by(&self) -> &str {
        &self.by
    }
}

/// A body, and in whose name it really comes.
pub(crate) struct Signed<T>(pub(crate) T, pub(crate) Actor);

impl<S: Send + Sync, T: SaysWho + DeserializeOwned> FromRequest<S> for Signed<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let (mut parts, rest) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, state).await?;
        let Body(body) = Body::<T>::from_request(Request::from_parts(parts, rest), state).await?;
        let actor = caller.actor(body.by())?;
        Ok(Self(body, actor))
    }
}
