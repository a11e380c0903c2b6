//! Which backups and databases somebody may still need.

use domain::{PromotionId, Status};
use scratch::{Database, with_database};
use store::Store;
use store::backups::{self, Backup, Checked, State};

use crate::world::{migrated, moves, promotion, run, shipping};

/// A promotion that was deployed this many days ago, with a backup before it.
async fn deployed(database: &Database, store: &Store, number: u32, days_ago: u32) -> PromotionId {
    let id = promotion(store, "shop", number).await;
    backed_up(store, &id, number).await;
    database
        .run(&format!(
            "{} update change_requests set closed_at = now() - interval '{days_ago} days'
             where id = (select change_request from promotions where id = '{id}')",
            moves(&id, Status::Deployed)
        ))
        .await;
    id
}

async fn backed_up(store: &Store, id: &PromotionId, number: u32) {
    let backup = Backup {
        path: path(number),
        size_bytes: 1,
        sha256: "ab".repeat(32),
        server_version: "15.8".to_owned(),
        restore_instructions: "pg_restore".to_owned(),
        rung: "read_back".to_owned(),
        not_covered: None,
    };
    let mut tx = store.begin().await.unwrap();
    backups::upsert(&mut tx, id, &backup).await.unwrap();
    tx.commit().await.unwrap();
}

fn path(number: u32) -> String {
    format!("/backups/{number}.dump")
}

async fn needed(store: &Store, deployments: i64) -> Vec<String> {
    let mut paths = store.needed_backups("shop", deployments).await.unwrap();
    paths.sort();
    paths
}

#[tokio::test]
async fn backups_before_the_last_deployments_and_of_open_promotions_are_needed() {
    with_database(async |database| {
        let store = migrated(database).await;
        for (number, days_ago) in [(1, 3), (2, 2), (3, 1)] {
            deployed(database, &store, number, days_ago).await;
        }
        let under_way = promotion(&store, "shop", 4).await;
        backed_up(&store, &under_way, 4).await;
        let over = promotion(&store, "shop", 5).await;
        backed_up(&store, &over, 5).await;
        assert_eq!(needed(&store, 2).await, [path(2), path(3)]);
        run(&store, &under_way).await;
        assert_eq!(needed(&store, 1).await, [path(3), path(4)]);
        database
            .run(&format!(
                "update promotions set rolls_back_to = 'CP-00000003', restore_from = '{}', status = 'approved',
                        approved_by = 'Ines' where id = '{over}'",
                path(1)
            ))
            .await;
        assert_eq!(needed(&store, 0).await, [path(1), path(4)]);
        assert_eq!(store.wanted_back("shop").await.unwrap(), [PromotionId::new(3)]);
        assert_eq!(store.open_rollback(&PromotionId::new(3)).await.unwrap(), Some(over));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_backup_stands_where_its_last_reading_left_it_and_a_pruned_one_stays_so() {
    with_database(async |database| {
        let store = migrated(database).await;
        let id = promotion(&store, "shop", 1).await;
        backed_up(&store, &id, 1).await;
        let damaged = Some("Its contents have changed.".to_owned());
        let cases = [
            (None, State::Kept, "rehearsed"),
            (damaged.clone(), State::Damaged, "written"),
            (None, State::Kept, "read_back"),
        ];
        for (problem, state, rung) in cases {
            let mut tx = store.begin().await.unwrap();
            let checked = Checked { path: path(1), problem: problem.clone(), rung: rung.to_owned() };
            backups::check(&mut tx, &checked).await.unwrap();
            tx.commit().await.unwrap();
            let found = &store.backups(Some("shop")).await.unwrap()[0];
            assert_eq!((found.state, &found.problem, found.backup.rung.as_str()), (state, &problem, rung));
            assert_eq!(found.is_good(), problem.is_none());
        }
        let mut tx = store.begin().await.unwrap();
        backups::prune(&mut tx, &[path(1)]).await.unwrap();
        let checked = Checked { path: path(1), problem: damaged, rung: "written".to_owned() };
        backups::check(&mut tx, &checked).await.unwrap();
        tx.commit().await.unwrap();
        let found = &store.backups(None).await.unwrap()[0];
        assert_eq!((found.state, found.problem.as_ref()), (State::Pruned, None));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_ended_without_a_deployment_is_told_from_all_else() {
    with_database(async |database| {
        let store = migrated(database).await;
        let mut asked = Vec::new();
        for (number, status) in (1..).zip(Status::ALL) {
            let id = if matches!(status, Status::Shipping | Status::NotShipped) {
                shipping(&store, "shop", number).await
            } else {
                promotion(&store, "shop", number).await
            };
            database.run(&moves(&id, *status)).await;
            asked.push((id, *status));
        }
        promotion(&store, "shop", 99).await;
        let ids: Vec<_> = asked.iter().map(|(id, _)| id.clone()).collect();
        let ended = store.never_deployed("shop", &ids).await.unwrap();
        for (id, status) in asked {
            // Nothing leads out of these; what is deployed is told elsewhere.
            let is_over = Status::ALL.iter().all(|next| !status.may_become(*next));
            assert_eq!(ended.contains(&id), is_over, "{status}");
        }
        assert!(store.never_deployed("bank", &ids).await.unwrap().is_empty());
        assert!(store.never_deployed("shop", &[]).await.unwrap().is_empty());
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn failed_databases_are_found_when_they_are_old_enough() {
    with_database(async |database| {
        let store = migrated(database).await;
        for (number, status, days_ago) in
            [(1, Status::RolledBack, 8), (2, Status::RolledBack, 6), (3, Status::Deployed, 9)]
        {
            let id = promotion(&store, "shop", number).await;
            let run = run(&store, &id).await;
            database
                .run(&format!(
                    "{} update promotions set kept_database = 'db{number}' where id = '{id}';
                     update runs set phase = 'finished', outcome = 'rolled_back', cause = '{{}}',
                            finished_at = now() - interval '{days_ago} days' where id = '{run}'",
                    moves(&id, status)
                ))
                .await;
        }
        let found = store.failed_databases("shop", 7).await.unwrap();
        assert_eq!(found, [(PromotionId::new(1), "db1".to_owned())]);
        store.close().await;
    })
    .await;
}
