//! One shop as it really is: HTTP, application, data, databases, files.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use super::{Claim, Findings, Wrong, container, sealed};
use crate::removal::belonging_to;
use crate::shop::Shop;
use crate::world::World;

/// The engine waits up to a minute between two tries to start a container.
const OPENING_LIMIT: Duration = Duration::from_secs(70);

/// Everything that customers own, as one word; features that are deployed add only rows to `effects`.
const DATA: &str = "select md5(
    (select coalesce(string_agg(c::text, '|' order by id), '') from customers c)
    || (select coalesce(string_agg(o::text, '|' order by id), '') from orders o)
    || (select coalesce(string_agg(n::text, '|' order by id), '') from news n))";

/// A digest of the shop's data.
pub(super) async fn data(shop: &Shop) -> Result<String> {
    Ok(shop.connect().await?.query_one(DATA, &[]).await.context("read a shop's data")?.get(0))
}

pub(super) async fn check(
    findings: &mut Findings,
    world: &World,
    shop: &Shop,
    claims: &[&Claim],
    before: &str,
) -> Result<()> {
    check_backups(findings, world, shop).await?;
    let last = claims.last();
    if last.is_some_and(|claim| claim.status == "needs_attention") {
        findings.unchecked.push(shop.name.clone());
        return Ok(());
    }
    let deployed: Vec<&&Claim> = claims.iter().filter(|claim| claim.is_deployed()).collect();
    // Where Slipway says that it could not clean up, there is more than should be, and that is the truth.
    let is_clean = claims.iter().all(|claim| claim.warning.is_none());
    findings.warnings += claims.iter().filter(|claim| claim.warning.is_some()).count();
    check_service(findings, shop, &deployed).await;
    if let Some(container) = &shop.container {
        let found = container.look().await?;
        container::compare(findings, &shop.name, (&container.first, &found), &deployed, is_clean);
    } else {
        count_starts(findings, shop)?;
        check_processes(findings, shop, &deployed);
        if is_clean {
            check_releases(findings, shop, &deployed)?;
        }
    }
    check_data(findings, shop, &deployed, before).await?;
    check_databases(findings, shop, claims).await?;
    if is_clean { check_contexts(findings, world, shop, &deployed, claims) } else { Ok(()) }
}

/// Who answers is what was deployed last.
async fn check_service(findings: &mut Findings, shop: &Shop, deployed: &[&&Claim]) {
    let expected = deployed.last().map_or("base", |claim| claim.build.as_str());
    // A container that came back with its engine at the last moment takes a while to open.
    let limit = Instant::now() + if shop.container.is_some() { OPENING_LIMIT } else { Duration::ZERO };
    let mut serving = shop.serving().await;
    while serving.is_none() && Instant::now() < limit {
        tokio::time::sleep(Duration::from_millis(100)).await;
        serving = shop.serving().await;
    }
    findings.same(&format!("{}: the build that serves", shop.name), &serving.as_deref(), &Some(expected));
}

/// Exactly one application runs, with its keeper, and both belong to what was deployed last.
fn check_processes(findings: &mut Findings, shop: &Shop, deployed: &[&&Claim]) {
    let version = deployed.last().map_or("base".to_owned(), |claim| claim.id.to_lowercase());
    let application = shop.application();
    let instance = application.join("instances").join(&version).display().to_string();
    let processes = belonging_to(&application);
    let serving = processes.iter().filter(|process| process.command.contains("portal serve")).count();
    findings.expect(serving <= 1, Wrong::Doubled, || format!("{}: {processes:?}", shop.name));
    findings.expect(serving >= 1, Wrong::Untruthful, || format!("{}: no application runs", shop.name));
    let keepers = processes.iter().filter(|process| process.is_keeper).count();
    let kind = if keepers == 0 { Wrong::Untruthful } else { Wrong::Doubled };
    findings.expect(keepers == 1, kind, || format!("{}: {keepers} keepers: {processes:?}", shop.name));
    for process in &processes {
        findings.expect(process.folder == instance, Wrong::Untruthful, || {
            format!("{}: {process:?} is left, beside {version}", shop.name)
        });
    }
}

/// The data is what it was, and every deployed feature has left exactly one row, in the order of deployment.
async fn check_data(findings: &mut Findings, shop: &Shop, deployed: &[&&Claim], before: &str) -> Result<()> {
    let expected: Vec<String> = deployed.iter().map(|claim| claim.build.clone()).collect();
    let client = shop.connect().await?;
    let rows = client.query("select feature from effects order by id", &[]).await?;
    let effects: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let distinct: BTreeSet<_> = effects.iter().collect();
    findings.expect(distinct.len() == effects.len(), Wrong::Doubled, || {
        format!("{}: a feature took effect twice: {effects:?}", shop.name)
    });
    findings.same(&format!("{}: the features in the database", shop.name), &effects, &expected);
    let migrations: i64 =
        client.query_one("select count(*) from portal_migrations where name > '1'", &[]).await?.get(0);
    let count = i64::try_from(expected.len())?;
    findings.same(&format!("{}: migrations that ran", shop.name), &migrations, &count);
    findings.same(
        &format!("{}: digest of the customers' data", shop.name),
        &data(shop).await?.as_str(),
        &before,
    );
    Ok(())
}

/// The production database, and those that Slipway says it keeps; no other copy.
async fn check_databases(findings: &mut Findings, shop: &Shop, claims: &[&Claim]) -> Result<()> {
    let query =
        "select datname::text from pg_database where datname = $1 or starts_with(datname, $1 || '__')";
    let rows = shop.connect().await?.query(query, &[&shop.database]).await?;
    let found: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    let kept = claims.iter().filter_map(|claim| claim.kept_database.clone());
    let mut expected: BTreeSet<String> = kept.chain([shop.database.clone()]).collect();
    for claim in claims.iter().filter(|claim| claim.warning.is_some()) {
        let copy = format!("{}__pre_{}", shop.database, claim.id);
        expected.extend(found.contains(&copy).then_some(copy));
    }
    findings.same(&format!("{}: its databases", shop.name), &found, &expected);
    Ok(())
}

/// What the process runtime has made: the version that serves, and releases of versions that did.
fn check_releases(findings: &mut Findings, shop: &Shop, deployed: &[&&Claim]) -> Result<()> {
    let name = &shop.name;
    let version = deployed.last().map_or("base".to_owned(), |claim| claim.id.to_lowercase());
    if let Some(last) = deployed.last() {
        findings.same(&format!("{name}: image of {}", last.id), &last.image.as_ref(), &Some(&version));
    }
    let application = shop.application();
    let instances = names_in(&application.join("instances"))?;
    findings.same(&format!("{name}: instances"), &instances, &BTreeSet::from([version.clone()]));
    findings.same(
        &format!("{name}: promotions under way"),
        &names_in(&application.join("keep"))?,
        &BTreeSet::new(),
    );
    let releases = names_in(&application.join("releases"))?;
    let allowed: BTreeSet<String> =
        deployed.iter().map(|claim| claim.id.to_lowercase()).chain(["base".to_owned()]).collect();
    findings.expect(releases.contains(&version) && releases.is_subset(&allowed), Wrong::Untruthful, || {
        format!("{name}: releases {releases:?}, while {version} serves")
    });
    Ok(())
}

/// The source of what serves is kept, and of the version before it, which could be brought back; no other one.
fn check_contexts(
    findings: &mut Findings,
    world: &World,
    shop: &Shop,
    deployed: &[&&Claim],
    claims: &[&Claim],
) -> Result<()> {
    let ids: BTreeSet<&str> = claims.iter().map(|claim| claim.id.as_str()).collect();
    let contexts = names_in(&world.data().join("contexts"))?;
    let contexts: BTreeSet<&str> =
        contexts.iter().map(String::as_str).filter(|it| ids.contains(it)).collect();
    let expected: BTreeSet<&str> = deployed.iter().rev().take(2).map(|claim| claim.id.as_str()).collect();
    findings.same(&format!("{}: sources that are kept", shop.name), &contexts, &expected);
    let kept: Vec<&Claim> = deployed.iter().rev().take(2).map(|claim| **claim).collect();
    sealed::check(findings, world, &kept)
}

/// Every backup on record that was not pruned is there, whole, and no other file is.
async fn check_backups(findings: &mut Findings, world: &World, shop: &Shop) -> Result<()> {
    let query = "select b.path, b.size_bytes, b.sha256, b.promotion from backups b join promotions p on p.id = b.promotion
                 where p.installation = $1 and b.state <> 'pruned'";
    let folder = shop.folder.join("backups");
    let mut expected = BTreeSet::new();
    for row in world.records.rows(query, &[&shop.name]).await? {
        let (path, size, hash, promotion): (String, i64, String, String) =
            (row.get(0), row.get(1), row.get(2), row.get(3));
        let bytes = std::fs::read(&path).unwrap_or_default();
        let found = (i64::try_from(bytes.len())?, hex(&Sha256::digest(&bytes)));
        findings.same(&format!("{promotion}: backup {path}"), &found, &(size, hash));
        let name = Path::new(&path).file_name().context("a backup's name")?.to_string_lossy().into_owned();
        expected.insert(format!("{name}.json"));
        expected.insert(name);
    }
    if folder.exists() {
        let found = names_in(&folder)?;
        findings.same(&format!("{}: files beside the backups", shop.name), &found, &expected);
    }
    Ok(())
}

/// By its own account the application never ran twice at once.
fn count_starts(findings: &mut Findings, shop: &Shop) -> Result<()> {
    let text =
        std::fs::read_to_string(shop.folder.join("starts")).context("read the application's own journal")?;
    for line in text.lines() {
        findings.starts += usize::from(line.starts_with("start"));
        findings.expect(!line.starts_with("double"), Wrong::Doubled, || {
            format!("{}: two applications at once: {line}", shop.name)
        });
    }
    Ok(())
}

fn names_in(folder: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    if folder.exists() {
        for entry in std::fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
            names.insert(entry?.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}
