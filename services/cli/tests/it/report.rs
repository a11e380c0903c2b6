//! The report, from a promotion's record alone.

use cli::report::render;

use crate::sample::{backup, ended, entry, promotion};

#[test]
fn deployed() {
    let mut it = ended("deployed", "Deployed", None);
    it.downtime_ms = Some(3_260);
    it.backup = Some(backup());
    it.image = Some("sha256:0123456789ab".to_owned());
    insta::assert_snapshot!(render(&it), @r"
    Deployed: Loyalty points now serves on shop.

      Promotion       CP-0000A1B2 of FB-0123ABCD
      Change request  RFC-2026-0000BEEF (normal, low risk)
      Requested by    ada@example.com
      Approved by     grace@example.com
      Downtime        3.2 s
      Backup          /var/backups/pre-promote-FB-0123ABCD-20261124220003.dump (4.2 MB)
      Backup contents Only the database shop is in it.
      Image           sha256:0123456789ab
      Took            1 min 12 s

    See the whole log: slipway promotions log CP-0000A1B2
    ");
}

#[test]
fn rolled_back_after_the_health_check() {
    let mut it =
        ended("rolled_back", "Rolled back", Some("The new version did not answer well: it said 500."));
    it.downtime_ms = Some(31_000);
    it.backup = Some(backup());
    it.kept_database = Some("shop_failed_20261124220103".to_owned());
    it.data_note =
        Some("The database is as it was when the old version was stopped; nothing is lost.".to_owned());
    it.timeline = [
        ("swap.stop_old", "succeeded"),
        ("health.check_new", "failed"),
        ("undo.swap.stop_new", "succeeded"),
        ("undo.backup.restore", "succeeded"),
        ("undo.swap.start_old", "succeeded"),
        ("undo.swap.unprepare", "succeeded"),
        ("undo.cleanup.discard_image", "succeeded"),
        ("undo.health.check_old", "succeeded"),
    ]
    .map(|(job, state)| entry(job, 1, state))
    .to_vec();
    insta::assert_snapshot!(render(&it), @r"
    Rolled back: the version from before serves again on shop, checked.
    The new version did not answer well: it said 500.

      Promotion       CP-0000A1B2 of FB-0123ABCD
      Change request  RFC-2026-0000BEEF (normal, low risk)
      Requested by    ada@example.com
      Approved by     grace@example.com
      Put back        stopped the new version · put the database back · started the old version and checked it · removed what had been prepared
      Data            The database is as it was when the old version was stopped; nothing is lost.
      Kept database   shop_failed_20261124220103 (as the new version left it)
      Downtime        31 s
      Backup          /var/backups/pre-promote-FB-0123ABCD-20261124220003.dump (4.2 MB)
      Backup contents Only the database shop is in it.
      Took            1 min 12 s

    See the whole log: slipway promotions log CP-0000A1B2
    ");
}

#[test]
fn rolled_back_before_anything_was_stopped() {
    let mut it = ended("rolled_back", "Rolled back", Some("The image cannot be built."));
    it.timeline = [
        ("build.image", "failed"),
        ("undo.cleanup.discard_context", "succeeded"),
        ("undo.health.check_old", "succeeded"),
    ]
    .map(|(job, state)| entry(job, 1, state))
    .to_vec();
    insta::assert_snapshot!(render(&it), @r"
    Rolled back: the version from before serves again on shop, checked.
    The image cannot be built.

      Promotion       CP-0000A1B2 of FB-0123ABCD
      Change request  RFC-2026-0000BEEF (normal, low risk)
      Requested by    ada@example.com
      Approved by     grace@example.com
      Put back        checked the old version · removed what had been prepared
      Downtime        none, the version from before kept serving
      Took            1 min 12 s

    See the whole log: slipway promotions log CP-0000A1B2
    ");
}

#[test]
fn held() {
    let it = ended("approved", "Approved", Some("The window is closed. It opens on Tuesday at 22:00."));
    insta::assert_snapshot!(render(&it), @r"
    Held: Loyalty points was not started on shop, and nothing was changed.
    The window is closed. It opens on Tuesday at 22:00.

      Promotion       CP-0000A1B2 of FB-0123ABCD
      Change request  RFC-2026-0000BEEF (normal, low risk)
      Requested by    ada@example.com
      Approved by     grace@example.com
      Took            1 min 12 s

    See the whole log: slipway promotions log CP-0000A1B2
    ");
}

#[test]
fn needs_attention() {
    let mut it = ended("needs_attention", "Needs attention", Some("The database could not be put back."));
    it.backup = Some(backup());
    it.to_do = vec!["Put the database back.".to_owned(), "Open shop and check that it works.".to_owned()];
    it.timeline = vec![
        entry("swap.stop_old", 1, "succeeded"),
        entry("undo.swap.stop_new", 1, "failed"),
        entry("undo.swap.stop_new", 2, "succeeded"),
        entry("undo.backup.restore", 1, "lost"),
        entry("undo.backup.restore", 6, "failed"),
    ];
    insta::assert_snapshot!(render(&it), @r#"
    Needs attention: a person has to look after shop now.
    The database could not be put back.

      Promotion       CP-0000A1B2 of FB-0123ABCD
      Change request  RFC-2026-0000BEEF (normal, low risk)
      Requested by    ada@example.com
      Approved by     grace@example.com
      Put back        stopped the new version
      Not put back    could not put the database back, tried 6 times: The disk is full.
      Backup          /var/backups/pre-promote-FB-0123ABCD-20261124220003.dump (4.2 MB)
      Backup contents Only the database shop is in it.
      Took            1 min 12 s

    Nothing else is deployed there until this is settled. Remove what was in the way and let Slipway go on:
      slipway promotions resume CP-0000A1B2
    Or put it back by hand, in this order:
      1. Put the database back.
      2. Open shop and check that it works.
    and then say so:
      slipway promotions give-up CP-0000A1B2 --by NAME --reason "what was done"

    How to restore the backup by hand:
    createdb shop_restored
    pg_restore -d shop_restored FILE

    See the whole log: slipway promotions log CP-0000A1B2
    "#);
}

#[test]
fn every_status_is_one_sentence() {
    let headlines = [
        ("shipping", "Shipping"),
        ("not_shipped", "Not shipped"),
        ("pending", "Pending"),
        ("approved", "Approved"),
        ("scheduled", "Scheduled"),
        ("deploying", "Deploying"),
        ("rolling_back", "Rolling back"),
        ("rejected", "Rejected"),
        ("cancelled", "Cancelled"),
        ("paused", "Paused"),
    ]
    .map(|(status, title)| render(&promotion(status, title)).lines().next().unwrap().to_owned());
    insta::assert_snapshot!(headlines.join("\n"), @r"
    Shipping: Loyalty points is being made ready for approval.
    Not shipped: Loyalty points does not go to shop, and nothing was changed.
    Pending: Loyalty points waits for approval before it goes to shop.
    Approved: Loyalty points goes to shop as soon as it is its turn.
    Scheduled: Loyalty points goes to shop when the next window opens.
    Deploying: Loyalty points is on its way to shop.
    Rolling back: the version from before is being put back on shop.
    Rejected: Loyalty points does not go to shop, and nothing was changed.
    Cancelled: Loyalty points does not go to shop, and nothing was changed.
    Paused: Loyalty points on shop.
    ");
}
