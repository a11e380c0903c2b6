//! The database lets a promotion make the moves that the program knows, and no other.

use domain::{PromotionId, Status};
use scratch::with_database;

use crate::world::{migrated, moves, promotion, run, shipping};

#[tokio::test]
async fn every_pair_of_statuses_is_legal_here_and_in_the_program_or_nowhere() {
    with_database(async |database| {
        let store = migrated(database).await;
        let mut number = 0;
        for from in Status::ALL {
            for to in Status::ALL {
                number += 1;
                let id = if matches!(from, Status::Shipping | Status::NotShipped) {
                    shipping(&store, "shop", number).await
                } else {
                    promotion(&store, "shop", number).await
                };
                database.run(&moves(&id, *from)).await;
                let statement = format!(
                    "update promotions set status = '{to}', approved_by = 'Ines', change_set = repeat('0', 64) where id = '{id}'"
                );
                if from == to || from.may_become(*to) {
                    database.run(&statement).await;
                } else {
                    assert_eq!(
                        database.refused_by(&statement).await,
                        "promotions_legal_move",
                        "{from} → {to}"
                    );
                }
            }
        }
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_promotion_begins_shipping_and_only_a_rollback_approved() {
    with_database(async |database| {
        let store = migrated(database).await;
        let target = promotion(&store, "shop", 1).await;
        for (number, status) in (2..).zip(Status::ALL.iter().filter(|it| **it != Status::Shipping)) {
            assert_eq!(
                database.refused_by(&insert(number, *status, None)).await,
                "promotions_legal_move",
                "{status}"
            );
        }
        database.run(&insert(20, Status::Approved, Some(&target))).await;

        let id = shipping(&store, "shop", 21).await;
        let unsealed = format!("update promotions set status = 'pending' where id = '{id}'");
        assert_eq!(database.refused_by(&unsealed).await, "promotions_sealed");
        store.close().await;
    })
    .await;
}

fn insert(number: u32, status: Status, rolls_back_to: Option<&PromotionId>) -> String {
    let back = rolls_back_to.map_or_else(|| "null".to_owned(), |id| format!("'{id}'"));
    format!(
        "insert into change_requests (id, change_type, risk, requested_by)
         values ('RFC-2026-{number:08X}', 'normal', 'low', 'Mara');
         insert into promotions (id, build, installation, change_request, sandbox, status, approved_by, rolls_back_to)
         values ('CP-{number:08X}', 'FB-00000001', 'shop', 'RFC-2026-{number:08X}', '{{}}', '{status}', 'Ines', {back})"
    )
}

#[tokio::test]
async fn how_a_run_ended_stays_as_it_is() {
    with_database(async |database| {
        let store = migrated(database).await;
        let id = promotion(&store, "shop", 1).await;
        let run = run(&store, &id).await;
        database
            .run(&format!(
                "update runs set phase = 'finished', outcome = 'deployed', finished_at = now() where id = '{run}'"
            ))
            .await;
        for change in [
            "phase = 'forward', outcome = null, finished_at = null",
            "outcome = 'rolled_back', cause = '{}'",
            "outcome_note = 'Something is left.'",
            "finished_at = now() + interval '1 day'",
            "cause = '{}'",
            "job = null",
        ] {
            let statement = format!("update runs set {change} where id = '{run}'");
            assert_eq!(database.refused_by(&statement).await, "runs_finished_is_final", "{change}");
        }
        store.close().await;
    })
    .await;
}
