//! A backup takes the place of the production database and is taken back: no row is lost either way.

use adapters::database::DatabaseError;

use super::dump::flip;
use super::{PROMOTION, World};

const LATE: &str = "SELECT count(*) FROM parent WHERE name = 'late'";

#[tokio::test]
async fn a_backup_that_is_put_back_loses_no_row_and_can_be_taken_back() {
    let world = World::shop().await;
    let dump = world.dump().await;
    world.run("INSERT INTO parent (name) VALUES ('late')").await;
    for _ in 0..2 {
        world.database.make_ready(PROMOTION, &dump).await.unwrap();
        assert_eq!(world.copies().await, [format!("__ready_{PROMOTION}")]);
        assert!(world.is_open(&world.name).await, "the application goes on meanwhile");
    }
    world.run("INSERT INTO parent (name) VALUES ('later')").await;
    let stopped = world.database.fingerprint(&world.name).await.unwrap();

    let put_back = world.database.put_back(PROMOTION, &dump).await.unwrap();
    let now = world.database.fingerprint(&world.name).await.unwrap();
    assert_eq!(dump.fingerprint.differences(&now), Vec::<String>::new());
    assert_eq!(world.copies().await, [format!("__replaced_{PROMOTION}")]);
    assert!(!world.is_open(&put_back.replaced_database).await && world.is_open(&world.name).await);

    // A repeat after customers were there again, and after the new version did something.
    world.run("INSERT INTO parent (name) VALUES ('with the backup')").await;
    assert_eq!(world.database.put_back(PROMOTION, &dump).await.unwrap(), put_back);
    assert_eq!(world.number("SELECT count(*) FROM parent WHERE name = 'with the backup'").await, 1);

    for _ in 0..2 {
        let failed = world.database.take_back(PROMOTION).await.unwrap();
        assert_eq!(failed, Some(format!("{}__failed_{PROMOTION}", world.name)));
        let now = world.database.fingerprint(&world.name).await.unwrap();
        assert_eq!(stopped.differences(&now), Vec::<String>::new());
        assert_eq!(world.number(LATE).await, 1);
        assert_eq!(world.copies().await, [format!("__failed_{PROMOTION}")]);
        assert!(world.is_open(&world.name).await);
    }
}

#[tokio::test]
async fn a_backup_that_cannot_be_put_back_leaves_everything_as_it_is() {
    let world = World::shop().await;
    let dump = world.dump().await;
    world.run("INSERT INTO parent (name) VALUES ('late')").await;
    let before = world.database.fingerprint(&world.name).await.unwrap();
    flip(&dump.path, usize::try_from(dump.size_bytes).unwrap() / 2);

    let error = world.database.put_back(PROMOTION, &dump).await.unwrap_err();
    assert!(matches!(error, DatabaseError::NotRestored { .. }), "{error}");
    assert!(error.to_string().contains("is damaged"), "{error}");
    assert_eq!(world.database.take_back(PROMOTION).await.unwrap(), None, "there is nothing to take back");
    assert_eq!(world.database.fingerprint(&world.name).await.unwrap(), before);
    assert!(world.copies().await.is_empty() && world.is_open(&world.name).await);
}

#[tokio::test]
async fn what_an_interrupted_try_left_is_removed_when_it_is_taken_back() {
    let world = World::shop().await;
    let half = format!("{}__restore_{PROMOTION}", world.name);
    let dump = world.dump().await;
    world.database.make_ready(PROMOTION, &dump).await.unwrap();
    world.admin(&format!("CREATE DATABASE \"{half}\"")).await;
    world.admin("ALTER DATABASE {database} WITH ALLOW_CONNECTIONS false").await;
    assert_eq!(world.database.take_back(PROMOTION).await.unwrap(), None);
    assert!(world.copies().await.is_empty() && world.is_open(&world.name).await);

    world.database.make_ready(PROMOTION, &dump).await.unwrap();
    for _ in 0..2 {
        world.database.drop_ready(PROMOTION).await.unwrap();
        assert!(world.copies().await.is_empty());
    }
}
