//! The inventory of digital products with their versions, and the backlog of operations.

use domain::{PromotionId, Status};
use jiff::Timestamp;

use crate::error::known;
use crate::{Result, Store, Tx};

/// How many rows a list holds.
const LIST_MAX: i64 = 500;

/// One version of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The installation's name.
    pub installation: String,
    /// The product's name.
    pub product: String,
    /// From 1, by the order of registration.
    pub number: i32,
    /// The promotion that brings it.
    pub promotion: PromotionId,
    /// Its build.
    pub build: String,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// Where its promotion stands.
    pub status: Status,
    /// Whether it is the one that is in production.
    pub is_active: bool,
}

/// A feature in the backlog of operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epic {
    /// The feature's build.
    pub build: String,
    /// Its name.
    pub title: String,
    /// When it was added.
    pub opened_at: Timestamp,
    /// Whether it is in production somewhere.
    pub is_done: bool,
}

/// Registers the promotion's feature as the next version of its product, which is made if there is none, and opens its
/// change request.
///
/// # Idempotency
/// The second time changes nothing.
pub async fn register(tx: &mut Tx, promotion: &PromotionId) -> Result<()> {
    sqlx::query!(
        "update change_requests c set opened_at = coalesce(opened_at, now())
         from promotions p where p.id = $1 and c.id = p.change_request",
        promotion.as_str(),
    )
    .execute(&mut *tx.0)
    .await?;
    // The update of what is there already locks it: versions are numbered one after the other.
    sqlx::query!(
        "insert into products (installation, name, promotion)
         select p.installation, b.title, p.id from promotions p join builds b on b.id = p.build where p.id = $1
         on conflict (installation, name) do update set updated_at = products.updated_at",
        promotion.as_str(),
    )
    .execute(&mut *tx.0)
    .await?;
    sqlx::query!(
        "insert into product_versions (installation, product, number, promotion)
         select p.installation, b.title, 1 + coalesce(max(v.number), 0), p.id
         from promotions p join builds b on b.id = p.build
         left join product_versions v on v.installation = p.installation and v.product = b.title
         where p.id = $1 group by p.id, b.title
         on conflict (promotion) do nothing",
        promotion.as_str(),
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Adds the promotion's feature to the backlog of operations.
///
/// # Idempotency
/// A feature stands there once, wherever and however often it is shipped.
pub async fn open_epic(tx: &mut Tx, promotion: &PromotionId) -> Result<()> {
    sqlx::query!(
        "insert into epics (build, title)
         select b.id, b.title from promotions p join builds b on b.id = p.build where p.id = $1
         on conflict (build) do nothing",
        promotion.as_str(),
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

impl Store {
    /// Versions of products of one installation or of all, by product, the newest first.
    pub async fn versions(&self, installation: Option<&str>) -> Result<Vec<Version>> {
        let rows = sqlx::query!(
            r#"select v.installation, v.product, v.number, v.promotion, p.build, p.status,
                      v.registered_at as "registered_at: jiff_sqlx::Timestamp",
                      (r.state = 'active' and coalesce(serving.rolls_back_to, serving.id) = v.promotion) as "is_active!"
               from product_versions v
               join products r on r.installation = v.installation and r.name = v.product
               join promotions serving on serving.id = r.promotion
               join promotions p on p.id = v.promotion
               where $1::text is null or v.installation = $1
               order by v.installation, v.product, v.number desc limit $2"#,
            installation,
            LIST_MAX,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(Version {
                    installation: row.installation,
                    product: row.product,
                    number: row.number,
                    promotion: known("product_versions.promotion", &row.promotion)?,
                    build: row.build,
                    registered_at: row.registered_at.to_jiff(),
                    status: known("promotions.status", &row.status)?,
                    is_active: row.is_active,
                })
            })
            .collect()
    }

    /// The backlog of operations, the newest first.
    pub async fn epics(&self) -> Result<Vec<Epic>> {
        let rows = sqlx::query!(
            r#"select e.build, e.title, e.opened_at as "opened_at: jiff_sqlx::Timestamp",
                      exists (select from promotions p where p.build = e.build and p.status = 'deployed') as "is_done!"
               from epics e order by e.opened_at desc, e.build limit $1"#,
            LIST_MAX,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Epic {
                build: row.build,
                title: row.title,
                opened_at: row.opened_at.to_jiff(),
                is_done: row.is_done,
            })
            .collect())
    }
}
