//! No promotion becomes what it may not become, whoever tries and where.

use domain::{PromotionId, Status};
use engine::start::start_next;
use serde_json::{Value, json};

use crate::world::{Console, problem, with_console};

/// What people can ask for that would lead there, and whether starting would.
fn ways(to: Status) -> (&'static [&'static str], bool) {
    match to {
        Status::Approved => (&["approve", "override", "emergency"], false),
        Status::Scheduled => (&["schedule"], false),
        Status::Deploying => (&["approve"], true),
        Status::RollingBack => (&["resume"], false),
        Status::NeedsAttention => (&["give-up"], false),
        Status::Rejected => (&["reject"], false),
        Status::Cancelled => (&["cancel"], false),
        // Only a run comes there by itself, and nobody else can say so.
        Status::Shipping | Status::NotShipped | Status::Pending | Status::Deployed | Status::RolledBack => {
            (&[], false)
        }
    }
}

/// Puts a promotion there past everything that would refuse it, as if it waited for its turn, too.
async fn put(console: &Console<'_>, id: &PromotionId, status: Status) {
    console
        .database
        .run(&format!(
            "set session_replication_role = replica;
             update promotions set status = '{status}', approved_by = 'Ines', ready_at = now() where id = '{id}';
             reset session_replication_role"
        ))
        .await;
}

async fn status(console: &Console<'_>, id: &PromotionId) -> String {
    console.database.text(&format!("select status from promotions where id = '{id}'")).await
}

#[tokio::test]
async fn every_illegal_move_is_refused_by_the_domain_the_api_and_the_database() {
    with_console(None, async |console| {
        let id = console.created(1).await;
        let mut refused = 0;
        for from in Status::ALL {
            for to in Status::ALL.iter().filter(|to| *to != from && !from.may_become(**to)) {
                refused += 1;
                put(&console, &id, *from).await;
                let sql =
                    format!("update promotions set status = '{to}', approved_by = 'Ines' where id = '{id}'");
                assert_eq!(
                    console.database.refused_by(&sql).await,
                    "promotions_legal_move",
                    "{from} → {to} by SQL"
                );
                let (actions, starts) = ways(*to);
                for action in actions {
                    // A pending promotion is approved on the way to its start; that is no move to its start.
                    if starts && from.may_become(Status::Approved) {
                        continue;
                    }
                    let decision = json!({ "by": "Ines", "reason": "a test" });
                    let answer = console.post(&format!("/api/v1/promotions/{id}/{action}"), &decision).await;
                    let said: Value = problem(answer, 409).await;
                    assert!(said["detail"].is_string(), "{from} → {to} by {action}");
                }
                if starts {
                    assert_eq!(start_next(&console.engine).await.unwrap(), None, "{from} is not started");
                }
                assert_eq!(status(&console, &id).await, from.as_str(), "{from} → {to}");
            }
        }
        // 12 × 12 pairs but the 12 that are none and the 25 legal ones.
        assert_eq!(refused, 107);
    })
    .await;
}
