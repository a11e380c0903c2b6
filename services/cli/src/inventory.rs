//! `slipway inventory`: digital products with their versions, and the backlog of operations.

use clap::Subcommand;
use protocol::inventory::{Epic, ProductVersion};

use crate::api::Api;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::{table, units};

/// What can be seen of the inventory.
#[derive(Debug, Clone, Subcommand)]
pub enum InventoryCommand {
    /// List the products with their versions; the active one is in production
    Products {
        /// Only those of this installation
        #[arg(long, value_name = "NAME")]
        installation: Option<String>,
    },
    /// List the features in the backlog of operations
    Backlog,
}

pub(crate) async fn run(command: InventoryCommand, api: &Api, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        InventoryCommand::Products { installation } => {
            let query: Vec<_> = installation.iter().map(|name| ("installation", name.as_str())).collect();
            let all: Vec<ProductVersion> = api.get(&["products"], &query).await?;
            output.result(all.as_slice(), products)?;
        }
        InventoryCommand::Backlog => {
            let all: Vec<Epic> = api.get(&["epics"], &[]).await?;
            output.result(all.as_slice(), backlog)?;
        }
    }
    Ok(Exit::Done)
}

fn products(all: &[ProductVersion]) -> String {
    if all.is_empty() {
        return "There are no products.".to_owned();
    }
    let rows: Vec<_> = all
        .iter()
        .map(|it| {
            let registered = units::instant(it.registered_at);
            let version = it.version.to_string();
            [
                it.installation.clone(),
                it.product.clone(),
                version,
                it.state.clone(),
                it.promotion.clone(),
                registered,
            ]
        })
        .collect();
    table::render(["INSTALLATION", "PRODUCT", "VERSION", "STATE", "PROMOTION", "REGISTERED"], &rows)
}

fn backlog(all: &[Epic]) -> String {
    if all.is_empty() {
        return "The backlog is empty.".to_owned();
    }
    let rows: Vec<_> = all
        .iter()
        .map(|it| {
            let opened = units::instant(it.opened_at);
            [it.id.clone(), it.state.clone(), it.build.clone(), opened, it.title.clone()]
        })
        .collect();
    table::render(["EPIC", "STATE", "BUILD", "ADDED", "FEATURE"], &rows)
}
