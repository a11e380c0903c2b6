//! What Slipway says of each promotion, and whether it fits what was shipped.

use anyhow::Result;

use super::{Findings, Wrong};
use crate::load::Shipment;
use crate::world::World;

/// A promotion as Slipway's records have it.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) id: String,
    pub(crate) build: String,
    pub(crate) installation: String,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    pub(crate) change_set: Option<String>,
    pub(crate) image: Option<String>,
    pub(crate) downtime_ms: Option<i64>,
    pub(crate) kept_database: Option<String>,
    /// What a deployment says its cleanup could not do.
    pub(crate) warning: Option<String>,
    /// How its latest run ended, if it has one.
    pub(crate) outcome: Option<String>,
    /// When that run ended; the order in which deployments happened.
    pub(crate) finished_at: Option<f64>,
    pub(crate) started_at: Option<f64>,
    pub(crate) is_ready: bool,
}

impl Claim {
    pub(crate) fn is_deployed(&self) -> bool {
        self.status == "deployed"
    }

    /// Nothing more is under way for it.
    fn is_over(&self) -> bool {
        match self.status.as_str() {
            "deployed" | "rolled_back" | "cancelled" | "rejected" | "not_shipped" => true,
            // Given up by a person, or refused before anything was done: it may be started again by a person.
            "approved" | "needs_attention" => self.outcome.is_some() && !self.is_ready,
            _ => false,
        }
    }
}

pub(crate) async fn read(world: &World) -> Result<Vec<Claim>> {
    let rows = world
        .records
        .rows(
            "select p.id, p.build, p.installation, p.status, p.reason, p.image, p.downtime_ms, p.kept_database,
                    r.outcome, extract(epoch from r.finished_at)::float8, extract(epoch from r.created_at)::float8,
                    p.ready_at is not null, r.outcome_note, p.change_set
             from promotions p
             left join lateral (select * from runs where promotion = p.id and plan = 'promotion'
                                order by created_at desc limit 1) r on true
             order by r.created_at nulls last, p.created_at",
            &[],
        )
        .await?;
    let claims = rows.iter().map(|row| Claim {
        id: row.get(0),
        build: row.get(1),
        installation: row.get(2),
        status: row.get(3),
        reason: row.get(4),
        image: row.get(5),
        downtime_ms: row.get(6),
        kept_database: row.get(7),
        outcome: row.get(8),
        finished_at: row.get(9),
        started_at: row.get(10),
        is_ready: row.get(11),
        warning: row.get(12),
        change_set: row.get(13),
    });
    Ok(claims.collect())
}

/// Each shipment is exactly one promotion, which is over and ended in a way that its feature allows.
pub(super) fn compare(findings: &mut Findings, shipments: &[Shipment], claims: &[Claim]) {
    for shipment in shipments {
        let own: Vec<_> = claims.iter().filter(|claim| claim.build == shipment.build).collect();
        let name = format!("{} ({})", shipment.build, shipment.kind.name());
        findings.expect(own.len() <= 1, Wrong::Doubled, || format!("{name} is {} promotions", own.len()));
        findings.expect(!(shipment.is_accepted && own.is_empty()), Wrong::Lost, || {
            format!("{name} was accepted and is not on record")
        });
        let Some(claim) = own.first() else { continue };
        let status = if claim.is_over() { claim.status.clone() } else { format!("{} (open)", claim.status) };
        *findings.outcomes.entry((shipment.kind.name(), status)).or_default() += 1;
        findings
            .expect(claim.is_over(), Wrong::Stuck, || format!("{} of {name} is {}", claim.id, claim.status));
        let told = shipment.promotion.as_ref().is_none_or(|told| *told == claim.id);
        findings.expect(told, Wrong::Untruthful, || {
            format!("{name} is {}, but its client was told {:?}", claim.id, shipment.promotion)
        });
        findings.expect(shipment.kind.may_be_deployed() || !claim.is_deployed(), Wrong::Untruthful, || {
            format!("{} of {name} is said to be deployed", claim.id)
        });
        compare_with_itself(findings, claim);
    }
    for claim in claims {
        let is_known = shipments.iter().any(|shipment| shipment.build == claim.build);
        findings.expect(is_known, Wrong::Doubled, || format!("{} was never shipped", claim.id));
    }
}

/// What is said of a promotion fits together.
fn compare_with_itself(findings: &mut Findings, claim: &Claim) {
    let outcome = claim.outcome.as_deref();
    let fits = match claim.status.as_str() {
        "deployed" => outcome == Some("deployed"),
        "rolled_back" => outcome == Some("rolled_back"),
        "needs_attention" => matches!(outcome, Some("given_up") | None),
        "cancelled" => matches!(outcome, Some("refused") | None),
        "approved" => outcome == Some("refused"),
        _ => true,
    };
    findings.expect(fits, Wrong::Untruthful, || {
        format!("{} is {}, but its run ended as {outcome:?}", claim.id, claim.status)
    });
    let has_reason = claim.reason.as_ref().is_some_and(|reason| !reason.trim().is_empty());
    let says_why = matches!(claim.status.as_str(), "deployed" | "approved") || has_reason;
    findings
        .expect(says_why, Wrong::Untruthful, || format!("{} is {} without a reason", claim.id, claim.status));
    if claim.is_deployed() {
        let span = claim.finished_at.zip(claim.started_at).map(|(end, start)| (end - start) * 1_000.0);
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run")]
        let is_possible =
            claim.downtime_ms.zip(span).is_some_and(|(down, span)| down >= 0 && down as f64 <= span);
        findings.expect(is_possible, Wrong::Untruthful, || {
            format!("{} claims {:?} ms of downtime in a run of {span:?} ms", claim.id, claim.downtime_ms)
        });
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::feature::Kind;

    fn shipment(kind: Kind) -> Shipment {
        Shipment {
            number: 0,
            build: "FB-00000000".to_owned(),
            kind,
            is_accepted: true,
            promotion: Some("CP-00000000".to_owned()),
            is_cancelled: false,
            resumes: 0,
        }
    }

    pub(crate) fn claim(status: &str, outcome: Option<&str>) -> Claim {
        Claim {
            id: "CP-00000000".to_owned(),
            build: "FB-00000000".to_owned(),
            installation: "shop-0".to_owned(),
            status: status.to_owned(),
            reason: Some("A reason.".to_owned()),
            change_set: None,
            image: None,
            downtime_ms: Some(10),
            kept_database: None,
            warning: None,
            outcome: outcome.map(str::to_owned),
            finished_at: Some(2.0),
            started_at: Some(1.0),
            is_ready: false,
        }
    }

    #[test]
    fn what_does_not_fit_is_found() {
        let deployed = || claim("deployed", Some("deployed"));
        let rolled_back = || claim("rolled_back", Some("rolled_back"));
        let elsewhere = Claim { id: "CP-11111111".to_owned(), ..deployed() };
        let foreign = Claim { build: "FB-11111111".to_owned(), ..deployed() };
        let mute = Claim { reason: None, ..rolled_back() };
        let long = Claim { downtime_ms: Some(2_000), ..deployed() };
        for (kind, claims, expected) in [
            (Kind::Good, vec![deployed()], None),
            (Kind::Good, vec![rolled_back()], None),
            (Kind::Cancelled, vec![claim("cancelled", None)], None),
            (Kind::Good, vec![claim("approved", Some("refused"))], None),
            (Kind::Good, vec![], Some(Wrong::Lost)),
            (Kind::Good, vec![claim("approved", None)], Some(Wrong::Stuck)),
            (Kind::Good, vec![claim("deploying", None)], Some(Wrong::Stuck)),
            (Kind::Good, vec![claim("needs_attention", None)], Some(Wrong::Stuck)),
            (Kind::Good, vec![deployed(), deployed()], Some(Wrong::Doubled)),
            (Kind::Good, vec![deployed(), foreign], Some(Wrong::Doubled)),
            (Kind::Good, vec![elsewhere], Some(Wrong::Untruthful)),
            (Kind::Good, vec![claim("deployed", Some("rolled_back"))], Some(Wrong::Untruthful)),
            (Kind::Good, vec![long], Some(Wrong::Untruthful)),
            (Kind::BreaksData, vec![mute], Some(Wrong::Untruthful)),
            (Kind::BreaksData, vec![deployed()], Some(Wrong::Untruthful)),
        ] {
            let mut findings = Findings::default();
            compare(&mut findings, &[shipment(kind)], &claims);
            let found = findings.wrong.first().map(|(wrong, _)| *wrong);
            assert_eq!(found, expected, "{kind:?} {claims:?}: {:?}", findings.wrong);
        }
    }
}
