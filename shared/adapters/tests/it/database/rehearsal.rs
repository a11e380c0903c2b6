//! A backup is restored on trial, and nobody notices.

use adapters::database::{Database, DatabaseError, Dump, Rung, SequencePosition};

use super::{PROMOTION, World, client};

#[tokio::test]
async fn a_good_backup_is_rehearsed_beside_everything_else() {
    let world = World::shop().await;
    let dump = world.dump().await;
    let customer = client(&world.name).await;
    customer.batch_execute("BEGIN; LOCK TABLE parent").await.unwrap();
    // Left by those that were interrupted.
    for promotion in [PROMOTION, "CP-0000DEAD"] {
        world.admin(&format!("CREATE DATABASE \"{}__rehearsal_{promotion}\"", world.name)).await;
    }
    for _ in 0..2 {
        world.database.rehearse(PROMOTION, &dump).await.unwrap();
        assert!(world.copies().await.is_empty());
        let recorded = Database::recorded(&dump.path).unwrap();
        assert_eq!(recorded, Dump { rung: Rung::Rehearsed, ..dump.clone() });
    }
    customer.batch_execute("COMMIT").await.unwrap();
    world.database.verify(&dump).await.unwrap();
    world.admin(&format!("CREATE DATABASE \"{}__rehearsal_{PROMOTION}\"", world.name)).await;
    for _ in 0..2 {
        world.database.drop_rehearsals().await.unwrap();
        assert!(world.copies().await.is_empty());
    }
}

/// Makes the record tell of something that is not in the backup.
type Forgery = fn(&mut Dump);

#[tokio::test]
async fn a_backup_that_is_not_what_was_backed_up_is_found_out() {
    let world = World::shop().await;
    let dump = world.dump().await;
    let cases: [(&str, Forgery, &str); 4] = [
        ("rows", |it| it.fingerprint.tables.clear(), "The table"),
        ("definitions", |it| it.fingerprint.schema.clear(), "The definitions of"),
        (
            "a sequence that would give numbers twice",
            |it| {
                let ahead = SequencePosition { value: 100_000, is_called: true };
                it.fingerprint.sequences.insert("public.tickets".to_owned(), ahead);
            },
            "The sequence public.tickets stands at 107, not 100000",
        ),
        (
            "a sequence that is not there",
            |it| {
                let position = SequencePosition { value: 1, is_called: false };
                it.fingerprint.sequences.insert("public.nothing".to_owned(), position);
            },
            "The sequence public.nothing is gone",
        ),
    ];
    for (name, forge, expected) in cases {
        let mut forged = dump.clone();
        forge(&mut forged);
        let error = world.database.rehearse(PROMOTION, &forged).await.unwrap_err();
        assert!(matches!(error, DatabaseError::Damaged { .. }), "{name}: {error:?}");
        assert!(error.to_string().contains(expected), "{name}: {error}");
        assert!(world.copies().await.is_empty(), "{name}");
        assert_eq!(Database::recorded(&dump.path).unwrap().rung, Rung::ReadBack, "{name}");
    }
}

#[tokio::test]
async fn numbers_given_while_the_backup_ran_do_not_count_against_it() {
    let world = World::shop().await;
    let mut dump = world.dump().await;
    let earlier = SequencePosition { value: 100, is_called: true };
    dump.fingerprint.sequences.insert("public.tickets".to_owned(), earlier);
    world.database.rehearse(PROMOTION, &dump).await.unwrap();
}
