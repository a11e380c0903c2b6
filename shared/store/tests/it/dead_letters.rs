//! Letters are kept once, whole, and settled once.

use domain::Job;
use scratch::with_database;
use store::dead_letters::{self, BODY_BYTES_MAX, New, State};
use store::jobs::Try;
use store::{Store, inbox};
use uuid::Uuid;

use crate::world::{migrated, promotion, run};

fn letter(body: &[u8]) -> New {
    New {
        message_id: Some(Uuid::from_u128(1)),
        queue: "jobs.build".to_owned(),
        body: body.to_vec(),
        content_type: "application/json".to_owned(),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        reason: "nobody took it".to_owned(),
        deliveries: Some(11),
        order: None,
    }
}

async fn keep(store: &Store, new: &New) -> i64 {
    let mut tx = store.begin().await.unwrap();
    let id = dead_letters::keep(&mut tx, new).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn ids(store: &Store, state: Option<State>, before: Option<i64>) -> Vec<i64> {
    store.dead_letters(state, before).await.unwrap().iter().map(|letter| letter.id).collect()
}

#[tokio::test]
async fn a_letter_is_kept_as_it_came() {
    with_database(async |database| {
        let store = migrated(database).await;
        let id = promotion(&store, "shop", 1).await;
        let run = run(&store, &id).await;
        let order = Try { run, job: Job::Image, attempt: 2 };
        let unknown = Try { run: Uuid::now_v7(), attempt: u32::MAX, ..order };
        let bytes: Vec<u8> = (0..=255).cycle().take(BODY_BYTES_MAX).collect();
        for (new, about) in [
            (New { order: Some(order), ..letter(&bytes) }, Some(id)),
            (New { order: Some(unknown), deliveries: Some(u32::MAX), ..letter(b"\0") }, None),
            (New { message_id: None, traceparent: None, deliveries: None, ..letter(b"") }, None),
        ] {
            let kept = store.dead_letter(keep(&store, &new).await).await.unwrap().unwrap();
            assert_eq!(kept.summary.promotion, about);
            assert_eq!(
                (kept.summary.state, kept.summary.settled.as_ref(), kept.is_cut()),
                (State::Kept, None, false)
            );
            let again = New {
                message_id: kept.summary.message_id,
                queue: kept.summary.queue,
                body: kept.body,
                content_type: kept.content_type,
                traceparent: kept.traceparent,
                reason: kept.summary.reason,
                deliveries: kept.summary.deliveries,
                order: kept.order,
            };
            assert_eq!(again, new);
        }
        let large = keep(&store, &letter(&[bytes.as_slice(), b"more"].concat())).await;
        let cut = store.dead_letter(large).await.unwrap().unwrap();
        assert_eq!((cut.body, cut.summary.size_bytes), (bytes, 65_540));
        assert_eq!(store.dead_letter(0).await.unwrap(), None);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_same_letter_is_one_row_as_long_as_it_is_kept() {
    with_database(async |database| {
        let store = migrated(database).await;
        let first = keep(&store, &letter(b"{}")).await;
        let nameless = New { message_id: None, ..letter(b"{}") };
        let others = [
            New { message_id: Some(Uuid::from_u128(2)), ..letter(b"{}") },
            New { queue: "undo.build".to_owned(), ..letter(b"{}") },
            letter(b"{ }"),
            nameless.clone(),
            New { body: b"{ }".to_vec(), ..nameless },
        ];
        let mut all = vec![first];
        for other in &others {
            all.insert(0, keep(&store, other).await);
        }
        assert_eq!(keep(&store, &letter(b"{}")).await, first);
        assert_eq!(keep(&store, &others[3]).await, all[1]);
        assert_eq!(ids(&store, None, None).await, all, "none hides another");

        let mut tx = store.begin().await.unwrap();
        dead_letters::discard(&mut tx, first, "Ines", "seen").await.unwrap();
        dead_letters::redrive(&mut tx, all[1], "Ada", Uuid::from_u128(9)).await.unwrap();
        // What is settled stays as it is.
        dead_letters::redrive(&mut tx, first, "Ada", Uuid::from_u128(9)).await.unwrap();
        dead_letters::discard(&mut tx, all[1], "Ines", "seen").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(ids(&store, Some(State::Discarded), None).await, [first]);
        assert_eq!(ids(&store, Some(State::Redriven), None).await, [all[1]]);
        assert_eq!(ids(&store, Some(State::Kept), Some(all[1])).await, all[2..5]);
        let again = keep(&store, &letter(b"{}")).await;
        assert_eq!(ids(&store, None, None).await[..2], [again, all[0]], "it died once more");
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn supervisors_that_keep_the_same_letter_at_once_keep_it_once() {
    with_database(async |database| {
        let store = migrated(database).await;
        let new = letter(b"{}");
        let (a, b, c) = tokio::join!(keep(&store, &new), keep(&store, &new), keep(&store, &new));
        assert_eq!([a, b, c], [a; 3]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn only_a_refusal_is_taken_back() {
    with_database(async |database| {
        let store = migrated(database).await;
        let id = promotion(&store, "shop", 1).await;
        let accepted = inbox::Answer::Accepted(id.clone());
        let refused = inbox::Answer::Refused { field: "data.build".into(), reason: "is missing".into() };
        let mut tx = store.begin().await.unwrap();
        inbox::insert(&mut tx, "m1", &accepted).await.unwrap();
        inbox::insert(&mut tx, "m2", &refused).await.unwrap();
        for (message, became) in [("m1", Some(id)), ("m2", None), ("m3", None)] {
            assert_eq!(inbox::forget_refusal(&mut tx, message).await.unwrap(), became, "{message}");
        }
        tx.commit().await.unwrap();
        assert_eq!(store.answer("m1").await.unwrap(), Some(accepted));
        assert_eq!(store.answer("m2").await.unwrap(), None);
        store.close().await;
    })
    .await;
}
