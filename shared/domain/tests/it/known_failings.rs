//! A failing of the platform that Slipway takes the place of, named by its row; the others are tested in
//! `tests/e2e/tests/it/known_failings.rs`.

use domain::Status;

/// Nothing leads out of these, and nothing has to.
const ENDS: [Status; 4] = [Status::NotShipped, Status::RolledBack, Status::Rejected, Status::Cancelled];

/// There, a promotion could be brought into a status that no later step accepts.
#[test]
fn u20_no_status_is_a_dead_end() {
    for from in Status::ALL {
        let next: Vec<_> = Status::ALL.iter().filter(|next| from.may_become(**next)).collect();
        assert_eq!(next.is_empty(), ENDS.contains(from), "{from} leads to {next:?}");
    }
    let mut waiting: Vec<_> = Status::ALL.iter().filter(|it| it.may_become(Status::Deploying)).collect();
    // What may be approved or scheduled can be deployed, whichever way it came there.
    waiting.sort();
    assert_eq!(waiting, [&Status::Approved, &Status::Scheduled]);
    for status in [Status::Shipping, Status::Pending, Status::Approved, Status::Scheduled, Status::Deploying]
    {
        assert!(leads_to(status, Status::Deployed), "{status} can still be deployed");
    }
}

fn leads_to(from: Status, to: Status) -> bool {
    let mut reached = vec![from];
    let mut looked_at = 0;
    while let Some(here) = reached.get(looked_at).copied() {
        looked_at += 1;
        for next in Status::ALL {
            if here.may_become(*next) && !reached.contains(next) {
                reached.push(*next);
            }
        }
    }
    reached.contains(&to)
}
