//! The quick copy: complete, closed, and never a reason for the application to stay out.

use adapters::database::DatabaseError;

use super::{PROMOTION, World, client};

#[tokio::test]
async fn a_snapshot_ends_every_session_and_leaves_the_database_open() {
    let world = World::shop().await;
    let customer = client(&world.name).await;
    customer.batch_execute("BEGIN; LOCK TABLE parent").await.unwrap();
    let before = world.database.snapshot(PROMOTION).await.unwrap();
    customer.batch_execute("SELECT 1").await.unwrap_err();
    assert_eq!(before.database, format!("{}__pre_{PROMOTION}", world.name));
    assert!(before.size_bytes > 1_000_000);
    assert!(world.is_open(&world.name).await);
    assert!(!world.is_open(&before.database).await);

    world.run("INSERT INTO parent (name) VALUES ('later')").await;
    let again = world.database.snapshot(PROMOTION).await.unwrap();
    assert_eq!(again, before, "the second call adopts the first one's copy");
    assert_eq!(world.copies().await, [format!("__pre_{PROMOTION}")]);
}

#[tokio::test]
async fn a_snapshot_interrupted_at_its_fence_is_finished_or_undone() {
    let world = World::shop().await;
    let close = "ALTER DATABASE {database} WITH ALLOW_CONNECTIONS false";
    world.admin(close).await;
    world.database.snapshot(PROMOTION).await.unwrap();
    assert!(world.is_open(&world.name).await);

    for _ in 0..2 {
        world.admin(close).await;
        world.database.drop_snapshot(PROMOTION).await.unwrap();
        assert!(world.is_open(&world.name).await);
        assert!(world.copies().await.is_empty());
    }
    world.admin(close).await;
    world.database.unfence().await.unwrap();
    world.database.unfence().await.unwrap();
    assert!(world.is_open(&world.name).await);
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_made_leaves_the_database_open() {
    let world = World::empty().await;
    let owner = world.as_owner().await;
    let superuser = client(&world.name).await;
    let error = owner.snapshot(PROMOTION).await.unwrap_err();
    assert!(format!("{error:?}").contains("terminate"), "{error:?}");
    assert!(world.is_open(&world.name).await);
    assert!(world.copies().await.is_empty());
    drop(superuser);
    world.database.snapshot(PROMOTION).await.unwrap();
}

#[tokio::test]
async fn a_user_who_may_make_no_databases_is_told_so() {
    let world = World::shop().await;
    let owner = world.as_owner().await;
    world.admin("ALTER ROLE {role} NOCREATEDB").await;
    let error = owner.snapshot(PROMOTION).await.unwrap_err();
    assert!(matches!(error, DatabaseError::NoCopy { .. }), "{error:?}");
    assert!(format!("{error:?}").contains("permission denied to create database"), "{error:?}");
    assert!(world.is_open(&world.name).await);
    assert!(world.copies().await.is_empty());
}

#[tokio::test]
async fn a_snapshot_can_be_read_and_stays_closed() {
    let world = World::shop().await;
    let before = world.database.fingerprint(&world.name).await.unwrap();
    let snapshot = world.database.snapshot(PROMOTION).await.unwrap();
    world.run("INSERT INTO parent (name) VALUES ('later')").await;
    let seen = world.database.snapshot_fingerprint(PROMOTION).await.unwrap();
    assert_eq!(before.differences(&seen), Vec::<String>::new());
    assert_eq!(seen, before);
    assert!(!world.is_open(&snapshot.database).await);
    world.database.snapshot_fingerprint("CP-00000000").await.unwrap_err();
}

#[tokio::test]
async fn two_at_once_make_one_copy() {
    let world = World::shop().await;
    let (one, other) = tokio::join!(world.database.snapshot(PROMOTION), world.database.snapshot(PROMOTION));
    assert_eq!(one.unwrap(), other.unwrap());
    assert!(world.is_open(&world.name).await);
}

#[tokio::test]
async fn a_snapshot_dropped_in_the_middle_is_waited_for_by_the_next_move() {
    let world = World::shop().await;
    {
        let snapshot = world.database.snapshot(PROMOTION);
        let fenced = async {
            while world.is_open(&world.name).await {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = snapshot => {}
            () = fenced => {}
        }
    }
    world.database.drop_snapshot(PROMOTION).await.unwrap();
    assert!(world.copies().await.is_empty(), "no copy turns up afterwards");
    assert!(world.is_open(&world.name).await);
}
