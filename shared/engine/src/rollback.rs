//! Bringing an earlier version back: what that would mean, and the promotion that does it.
//!
//! A rollback is a promotion of its own through the same plan. It takes no feature's files but those of the
//! version, builds no image but finds the one that was kept, and may put a backup back while nothing runs.

use domain::{ChangeRequestId, PromotionId, Status};
use jiff::Timestamp;
use protocol::Kind;
use protocol::output::Extracted;
use store::audit::Actor;
use store::backups::{Record, State};
use store::outbox::Outgoing;
use store::rollbacks::{self, BackupBefore, Deployment, New};
use store::{Result, StoreError};

use crate::Engine;
use crate::approval::Case;
use crate::news::{self, News};
use crate::windows::Windows;

/// Which data the version shall work with.
#[derive(Debug, Clone, Copy)]
pub enum Data<'a> {
    /// As it is.
    Keep,
    /// As in the backup taken before the deployment that followed the version's.
    AsBefore,
    /// As in this backup.
    From(&'a Record),
}

/// What a rollback would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The deployment whose version is brought back.
    pub target: Deployment,
    /// The version that serves now.
    pub present: Deployment,
    /// What was deployed after the target, newest first.
    pub later: Vec<Deployment>,
    /// The backup that is put back, if one is.
    pub backup: Option<BackupBefore>,
}

/// Why it cannot be done, one or two plain sentences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub String);

/// What became of the wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ordered {
    /// This promotion brings the version back as soon as it is its turn.
    As(PromotionId),
    /// Another one to the same version is not over.
    Open(PromotionId),
}

impl Plan {
    /// What bringing back `target` would do, given all deployments to its installation, newest first.
    pub fn new(deployments: &[Deployment], target: &PromotionId, data: Data<'_>) -> Result<Self, Refusal> {
        let at = deployments.iter().position(|it| it.promotion == *target);
        let (Some(at), Some(present)) = (at, deployments.first()) else {
            return Err(Refusal(format!(
                "{target} was never deployed, so there is no version of it to bring back."
            )));
        };
        let target = &deployments[at];
        let backup = match data {
            Data::Keep if serves(present, target) => {
                return Err(Refusal(format!(
                    "The version of {} is the one that serves now.",
                    target.promotion
                )));
            }
            Data::Keep => None,
            Data::AsBefore => Some(backup_after(deployments, at)?),
            Data::From(record) => Some(usable(&BackupBefore {
                id: record.id,
                path: record.backup.path.clone(),
                size_bytes: record.backup.size_bytes,
                taken_at: record.taken_at,
                state: record.state,
            })?),
        };
        Ok(Self {
            target: target.clone(),
            present: present.clone(),
            later: deployments[..at].to_vec(),
            backup,
        })
    }

    /// The plan for people, one sentence or two each, in the order in which things happen.
    pub fn sentences(&self) -> Vec<String> {
        let Plan { target, present, .. } = self;
        let version = if serves(present, target) {
            format!(
                "The version that serves now, “{}” ({}), is started anew.",
                target.title, target.promotion
            )
        } else {
            format!(
                "“{}” as it was deployed on {} ({}, {}) takes the place of “{}” ({}).",
                target.title,
                day(target.deployed_at),
                target.promotion,
                target.build,
                present.title,
                present.promotion,
            )
        };
        let mut all = vec![
            version,
            "A new backup of the database is taken first. While the versions change places, the application is \
             briefly unavailable."
                .to_owned(),
        ];
        all.extend(self.about_data());
        all.push(
            "If anything goes wrong, the version that serves now is put back, with the data as it is then."
                .to_owned(),
        );
        all
    }

    fn about_data(&self) -> Vec<String> {
        if let Some(backup) = &self.backup {
            return vec![
                format!(
                    "The data is put back to what it was on {}: backup {}, {}.",
                    minute(backup.taken_at),
                    backup.id,
                    backup.path,
                ),
                "What was written since then is no longer in the application. All of it is kept in a copy of the \
                 database, as it is at that moment; no row of it is lost, and nothing removes that copy by itself."
                    .to_owned(),
            ];
        }
        let mut said = vec!["The data stays as it is: nothing that was written is lost.".to_owned()];
        match changed_since(&self.later) {
            Some(false) => {}
            Some(true) => said.push(
                "What was deployed since has changed how the database is built, so the earlier version may not get \
                 on with it. If it does not, it fails its health check and is taken back at once."
                    .to_owned(),
            ),
            None => said.push(
                "Nobody knows whether what was deployed since has changed how the database is built. If the \
                 earlier version does not get on with it, it fails its health check and is taken back at once."
                    .to_owned(),
            ),
        }
        said
    }
}

/// Whether any of these deployments changed how the database is built; `None` if nobody knows.
pub fn changed_since(later: &[Deployment]) -> Option<bool> {
    let known = later.iter().map(|deployment| {
        if deployment.rolls_back_to.is_some() {
            return Some(false);
        }
        let extracted = deployment.extracted.clone()?;
        serde_json::from_value::<Extracted>(extracted).ok()?.changes_schema
    });
    let known: Vec<_> = known.collect();
    if known.contains(&Some(true)) { Some(true) } else { (!known.contains(&None)).then_some(false) }
}

/// Whether the version of `deployment` is the present one, also where a rollback brought it back.
pub fn serves(present: &Deployment, deployment: &Deployment) -> bool {
    present.promotion == deployment.promotion
        || (present.build == deployment.build && present.image.is_some() && present.image == deployment.image)
}

/// The backup with which the data becomes as it was while the deployment at this place served.
fn backup_after(deployments: &[Deployment], at: usize) -> Result<BackupBefore, Refusal> {
    let target = &deployments[at];
    let Some(next) = at.checked_sub(1).map(|next| &deployments[next]) else {
        return Err(Refusal(format!(
            "Nothing was deployed after {}, so there is no backup from before such a deployment. To put another \
             backup back, find it with `slipway backups list`.",
            target.promotion
        )));
    };
    match &next.backup {
        Some(backup) => usable(backup),
        None => Err(Refusal(format!(
            "There is no backup from before {}, so the data cannot be put back. Leave the data as it is instead.",
            next.promotion
        ))),
    }
}

fn usable(backup: &BackupBefore) -> Result<BackupBefore, Refusal> {
    let what = match backup.state {
        State::Kept => return Ok(backup.clone()),
        State::Damaged => "is damaged",
        State::Pruned => "is no longer kept",
    };
    Err(Refusal(format!(
        "Backup {} of {} {what}, so the data cannot be put back from it. Choose another one with `slipway backups \
         list`, or leave the data as it is.",
        backup.id,
        minute(backup.taken_at),
    )))
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Creates the promotion that does what was planned: approved by who asks for it, and started when nothing
/// else is under way at the installation.
///
/// # Errors
/// Only that the records could not be changed; then there is no such promotion.
pub async fn order(engine: &Engine, plan: &Plan, by: &Actor, reason: &str) -> Result<Ordered> {
    loop {
        if let Some(open) = engine.store.open_rollback(&plan.target.promotion).await? {
            return Ok(Ordered::Open(open));
        }
        let year = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).year();
        let new = New {
            id: PromotionId::new(random_number()),
            change_request: ChangeRequestId::new(year, random_number()),
            target: plan.target.promotion.clone(),
            restore_from: plan.backup.as_ref().map(|backup| backup.path.clone()),
            by: by.name.clone(),
            reason: reason.to_owned(),
        };
        match engine.recorded(record(engine, &new, &plan.target.title, by)).await {
            // Eight hex digits may be taken already, or somebody was faster: look again.
            Err(StoreError::Conflict { constraint, .. })
                if constraint.ends_with("_pkey") || constraint == "promotions_one_rollback" => {}
            recorded => return recorded.map(|()| Ordered::As(new.id)),
        }
    }
}

async fn record(engine: &Engine, new: &New, title: &str, actor: &Actor) -> Result<((), Vec<Outgoing>)> {
    let mut tx = engine.store.begin_as(actor).await?;
    rollbacks::insert(&mut tx, new).await?;
    let windows = Windows::read_within(&mut tx).await?;
    if let Some(case) = Case::read(&mut tx, &new.id, &windows).await? {
        case.approve(&mut tx, &new.by, Status::Approved).await?;
    }
    let New { by, target, reason, .. } = new;
    let said = format!("{by} asked to bring “{title}” back, as {target} deployed it: {reason}");
    let approved = News { kind: Kind::Approved, step: None, message: said };
    let message = news::publish(&mut tx, &new.id, &approved).await?;
    tx.nudge().await?;
    tx.commit().await?;
    Ok(((), vec![message]))
}

/// A number for an id: nobody can guess it, and it hardly ever comes again.
fn random_number() -> u32 {
    uuid::Uuid::new_v4().as_fields().0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(number: u32, backup: Option<State>) -> Deployment {
        let at: Timestamp = "2026-11-20T08:30:00Z".parse().unwrap();
        Deployment {
            promotion: PromotionId::new(number),
            build: format!("FB-{number:08X}"),
            title: format!("Feature {number}"),
            installation: "shop".to_owned(),
            deployed_at: at,
            requested_by: "Mara".to_owned(),
            approved_by: Some("Ines".to_owned()),
            image: Some(format!("image {number}")),
            rolls_back_to: None,
            extracted: None,
            backup: backup.map(|state| BackupBefore {
                id: number.into(),
                path: format!("/backups/{number}.dump"),
                size_bytes: 1,
                taken_at: at,
                state,
            }),
        }
    }

    fn extracted(changes_schema: bool) -> serde_json::Value {
        serde_json::json!({ "change_set": "", "source_hash": "", "changes_schema": changes_schema })
    }

    /// Three deployments, newest first.
    fn history() -> Vec<Deployment> {
        vec![
            deployment(3, Some(State::Kept)),
            deployment(2, Some(State::Damaged)),
            deployment(1, Some(State::Kept)),
        ]
    }

    #[test]
    fn what_cannot_be_brought_back_is_refused_by_name() {
        let mut history = history();
        let refused = |history: &[Deployment], number, data| {
            Plan::new(history, &PromotionId::new(number), data).unwrap_err().0
        };
        let cases = [
            (9, Data::Keep, "CP-00000009 was never deployed"),
            (3, Data::Keep, "is the one that serves now"),
            (3, Data::AsBefore, "Nothing was deployed after CP-00000003"),
            (1, Data::AsBefore, "Backup 2 of 2026-11-20 08:30 UTC is damaged"),
        ];
        for (number, data, words) in cases {
            let said = refused(&history, number, data);
            assert!(said.contains(words), "{said}");
        }
        history[1].backup = None;
        assert!(refused(&history, 1, Data::AsBefore).contains("no backup from before CP-00000002"));
        history.insert(
            0,
            Deployment { image: Some("image 2".into()), build: "FB-00000002".into(), ..deployment(4, None) },
        );
        assert!(refused(&history, 2, Data::Keep).contains("serves now"), "a rollback brought it back");
        assert!(refused(&[], 2, Data::Keep).contains("never deployed"));
    }

    #[test]
    fn the_backup_is_the_one_before_the_next_deployment() {
        let plan = Plan::new(&history(), &PromotionId::new(2), Data::AsBefore).unwrap();
        assert_eq!(plan.backup.as_ref().map(|it| it.id), Some(3));
        assert_eq!(plan.later.len(), 1);
        insta::assert_snapshot!(plan.sentences().join("\n"));
    }

    #[test]
    fn who_keeps_the_data_is_told_what_has_changed_under_it() {
        let mut history = history();
        let said = |history: &[Deployment]| {
            Plan::new(history, &PromotionId::new(1), Data::Keep).unwrap().sentences().join("\n")
        };
        assert!(said(&history).contains("Nobody knows whether"), "{}", said(&history));
        history[0].extracted = Some(extracted(false));
        history[1].extracted = Some(extracted(true));
        assert!(said(&history).contains("has changed how the database is built"), "{}", said(&history));
        history[1].extracted = Some(extracted(false));
        insta::assert_snapshot!(said(&history));
    }
}
