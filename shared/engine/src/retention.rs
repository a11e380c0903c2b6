//! What may go: sources of earlier deployments, sealed change sets, and backups.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use anyhow::Context;
use domain::PromotionId;
use jiff::Timestamp;
use store::backups::{Record, State};
use store::{Result, Store};

/// Calendar weeks, the present one included, of each of which one backup stays.
const WEEKS: i64 = 8;

const WEEK_SECONDS: i64 = 7 * 24 * 60 * 60;

/// The Monday before the epoch began, in seconds before it.
const MONDAY: i64 = 3 * 24 * 60 * 60;

/// How much an installation keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How many verified backups stay, whatever their age.
    pub backups: usize,
    /// How many earlier deployments can be brought back.
    pub releases: usize,
}

/// The deployments to an installation, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deployments {
    /// Those before the present one that can be brought back: their images and sources stay.
    pub earlier: Vec<PromotionId>,
    /// Those of which nothing more is needed.
    pub beyond: Vec<PromotionId>,
}

impl Deployments {
    /// Parts all deployments, newest first: behind the present one `keep` stay, and more where somebody wants an
    /// older one back.
    pub fn kept(mut deployed: Vec<PromotionId>, wanted: &[PromotionId], keep: usize) -> Self {
        let furthest = deployed.iter().rposition(|it| wanted.contains(it)).unwrap_or(0);
        let beyond = deployed.split_off(deployed.len().min(1 + keep.max(furthest)));
        let earlier = deployed.into_iter().skip(1).collect();
        Self { earlier, beyond }
    }
}

/// Promotions of which the folder holds a sealed change set, or what an interrupted try has left of one.
///
/// # Errors
/// Only that the folder could not be read; one that is not there holds none.
pub(crate) async fn sealed(folder: &Path) -> anyhow::Result<Vec<PromotionId>> {
    let mut entries = match tokio::fs::read_dir(folder).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.context("list the sealed change sets")?,
    };
    let mut found = Vec::new();
    while let Some(entry) = entries.next_entry().await.context("list the sealed change sets")? {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // What is not whole yet is hidden, and its name goes on after the promotion's.
        let id = name.trim_start_matches('.').split('.').next().and_then(|id| id.parse().ok());
        found.extend(id);
    }
    Ok(found)
}

/// The installation's backups that may go, oldest last.
///
/// # Errors
/// Only that the records could not be read.
pub async fn prunable(store: &Store, installation: &str, rule: &Retention) -> Result<Vec<Record>> {
    let deployments = i64::try_from(rule.releases).unwrap_or(i64::MAX).saturating_add(1);
    let backups = store.backups(Some(installation)).await?;
    let needed = store.needed_backups(installation, deployments).await?;
    Ok(beyond(backups, &needed, rule.backups, Timestamp::now()))
}

/// Of all backups, newest first, those that may go. There stay
///
/// - the newest `keep` that were verified, and whatever is newer than the last of these;
/// - the newest verified one of each of the last eight weeks;
/// - what somebody may need: `needed` has the files.
fn beyond(backups: Vec<Record>, needed: &[String], keep: usize, now: Timestamp) -> Vec<Record> {
    let this_week = week(now);
    let mut verified = 0;
    let mut weeks = HashSet::new();
    let mut gone = backups;
    gone.retain(|backup| {
        let is_recent = verified < keep;
        let is_of_its_own_week = backup.is_good()
            && this_week - week(backup.taken_at) < WEEKS
            && weeks.insert(week(backup.taken_at));
        verified += usize::from(backup.is_good());
        let is_needed = backup.pinned || needed.contains(&backup.backup.path);
        backup.state != State::Pruned && !is_recent && !is_of_its_own_week && !is_needed
    });
    gone
}

/// The calendar week, counted from Mondays in UTC. Weeks that moved with the present moment would let a backup
/// slip out of each before it reached the next.
fn week(at: Timestamp) -> i64 {
    (at.as_second() + MONDAY).div_euclid(WEEK_SECONDS)
}

#[cfg(test)]
mod tests {
    use store::backups::Backup;

    use super::*;

    fn taken(id: i64, days_ago: i64, state: State) -> Record {
        // A Sunday.
        let now = now();
        let taken_at = Timestamp::from_second(now.as_second() - days_ago * 24 * 60 * 60).unwrap();
        Record {
            id,
            backup: Backup {
                path: id.to_string(),
                size_bytes: 1,
                sha256: String::new(),
                server_version: String::new(),
                restore_instructions: String::new(),
                rung: "read_back".to_owned(),
                not_covered: None,
            },
            promotion: PromotionId::new(1),
            build: String::new(),
            title: String::new(),
            installation: String::new(),
            taken_at,
            verified_at: (state == State::Kept).then_some(taken_at),
            state,
            problem: None,
            pinned: false,
        }
    }

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn gone(backups: &[Record], needed: &[&str], keep: usize) -> Vec<i64> {
        let needed: Vec<_> = needed.iter().map(|it| (*it).to_owned()).collect();
        beyond(backups.to_vec(), &needed, keep, now()).iter().map(|it| it.id).collect()
    }

    #[test]
    fn the_newest_and_one_a_week_stay() {
        // One every second day for 80 days; the numbers are ages in days.
        let daily: Vec<_> = (0..40).map(|it| taken(2 * it, 2 * it, State::Kept)).collect();
        let gone = gone(&daily, &["70"], 3);
        let stay: Vec<i64> = daily.iter().map(|it| it.id).filter(|id| !gone.contains(id)).collect();
        assert_eq!(stay, [0, 2, 4, 8, 14, 22, 28, 36, 42, 50, 70]);
    }

    #[test]
    fn what_is_not_good_does_not_count_and_what_is_pinned_stays() {
        let mut backups = vec![
            taken(1, 100, State::Damaged),
            taken(2, 101, State::Kept),
            taken(3, 102, State::Damaged),
            taken(4, 103, State::Kept),
            taken(5, 104, State::Damaged),
            taken(6, 105, State::Pruned),
            taken(7, 106, State::Kept),
        ];
        assert_eq!(gone(&backups, &[], 2), [5, 7]);
        backups[6].pinned = true;
        assert_eq!(gone(&backups, &[], 2), [5]);
        assert_eq!(gone(&backups, &[], 10), [0; 0]);
    }

    #[tokio::test]
    async fn sealed_sets_are_found_whole_or_not() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["CP-00000001", ".CP-00000002.partial-x7", "something else"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let mut found = sealed(folder.path()).await.unwrap();
        found.sort_by_key(ToString::to_string);
        assert_eq!(found, [1, 2].map(PromotionId::new));
        assert!(sealed(&folder.path().join("nowhere")).await.unwrap().is_empty());
    }

    #[test]
    fn deployments_are_kept_as_far_back_as_somebody_wants_one() {
        let all: Vec<_> = (0..6).map(PromotionId::new).collect();
        let split = |wanted: &[u32], keep| {
            let wanted: Vec<_> = wanted.iter().copied().map(PromotionId::new).collect();
            let Deployments { earlier, beyond } = Deployments::kept(all.clone(), &wanted, keep);
            (earlier.len(), beyond.len())
        };
        assert_eq!(split(&[], 2), (2, 3));
        assert_eq!(split(&[4], 2), (4, 1));
        assert_eq!(split(&[1], 9), (5, 0));
        assert_eq!(Deployments::kept(Vec::new(), &[], 5), Deployments::default());
    }
}
