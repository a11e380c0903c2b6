//! Digital products and the backlog of operations, over HTTP.

use axum::Json;
use axum::extract::State;
use domain::Status;
use engine::Engine;
use engine::store::inventory::Version;
use protocol::inventory::{Epic, ProductVersion};

use crate::problem::Failure;
use crate::promotions::Filter;
use crate::request::Asked;

pub(crate) async fn products(
    State(engine): State<Engine>,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Vec<ProductVersion>>, Failure> {
    let all = engine.store.versions(filter.installation.as_deref()).await?;
    Ok(Json(all.into_iter().map(version).collect()))
}

pub(crate) async fn epics(State(engine): State<Engine>) -> Result<Json<Vec<Epic>>, Failure> {
    let all = engine.store.epics().await?;
    let epic = |it: engine::store::inventory::Epic| Epic {
        id: it.build.replacen("FB-", "EP-", 1),
        build: it.build,
        title: it.title,
        state: if it.is_done { "done" } else { "open" }.to_owned(),
        opened_at: it.opened_at,
    };
    Ok(Json(all.into_iter().map(epic).collect()))
}

fn version(version: Version) -> ProductVersion {
    let state = match version.status {
        _ if version.is_active => "active",
        Status::Deployed => "replaced",
        Status::NotShipped | Status::Rejected | Status::Cancelled | Status::RolledBack => "withdrawn",
        Status::Shipping
        | Status::Pending
        | Status::Approved
        | Status::Scheduled
        | Status::Deploying
        | Status::RollingBack
        | Status::NeedsAttention => "registered",
    };
    ProductVersion {
        installation: version.installation,
        product: version.product,
        version: version.number.unsigned_abs(),
        state: state.to_owned(),
        promotion: version.promotion.to_string(),
        build: version.build,
        registered_at: version.registered_at,
    }
}
