//! How long a backup takes beside a raw one, what it needs, and how long a restored database keeps people out.
//!
//! One private Postgres with its usual durability, databases of random bytes in two sizes and one of words. In each
//! round each way backs the same database up once; then copies and backups take the databases' places.

mod cut_over;
mod memory;
mod production;
mod way;
mod writer;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use servers::folder::Folder;
use servers::interrupt::Interrupt;
use servers::packages::{self, Need};
use servers::postgres::{Postgres, Purpose};
use tokio::task::block_in_place;

use self::cut_over::CutOver;
use self::production::{Contents, Production};
use self::way::{Backup, WAYS, Way};
use crate::figures::{Figures, megabytes, millis, seconds};
use crate::machine;
use crate::report::{cells, table};

/// The small database is this part of a large one.
const SMALL: u64 = 8;

/// One database, and what was measured on it.
struct Chapter {
    production: Production,
    /// For each way its rounds.
    backups: Vec<(Way, Vec<Backup>)>,
}

/// Takes every way so many times on each database; returns the report's section.
pub(crate) async fn run(rounds: usize, megabytes: u64, interrupt: &Interrupt) -> Result<String> {
    block_in_place(|| packages::ensure(&[Need::Postgres]))?;
    let folder = Folder::create("bench")?;
    let mut server = block_in_place(|| Postgres::start(&Purpose { is_durable: true, also_on: None }))?;
    block_in_place(|| server.wait_until_ready(interrupt))?;
    let wanted = [
        ("small", Contents::Random, megabytes / SMALL),
        ("large", Contents::Random, megabytes),
        ("words", Contents::Text, megabytes),
    ];
    let mut chapters = Vec::new();
    for (name, contents, size) in wanted {
        eprintln!("Filling a database with {size} MB of {}", contents.name());
        let production = Production::make(&server, &folder, name, contents, size).await?;
        let backups = backups(&production, rounds, &folder, interrupt).await?;
        chapters.push(Chapter { production, backups });
    }
    let copies = from_copies(&chapters[1].production, rounds, interrupt).await?;
    let dumps = from_dumps(&chapters[0].production, rounds, &folder, interrupt).await?;
    let mut section = beginning(&chapters, rounds, megabytes).await?;
    for chapter in &chapters {
        section.push_str(&chapter.text());
    }
    section.push_str(&memory_chapter(&chapters));
    let cut_overs = [
        ("a copy made at the stop", &chapters[1].production, copies),
        ("a backup", &chapters[0].production, dumps),
    ];
    section.push_str(&cut_over_chapter(&cut_overs));
    Ok(section)
}

async fn backups(
    production: &Production,
    rounds: usize,
    folder: &Folder,
    interrupt: &Interrupt,
) -> Result<Vec<(Way, Vec<Backup>)>> {
    let mut taken: Vec<(Way, Vec<Backup>)> = WAYS.iter().map(|way| (*way, Vec::new())).collect();
    for round in 1..=rounds {
        let mut files = Vec::new();
        for (way, backups) in &mut taken {
            go_on(interrupt)?;
            let target = folder.join(&format!("{round}-{way:?}.dump"));
            let backup = way.take(production, &target).await.with_context(|| way.name())?;
            eprintln!("round {round}: {}: {} s", way.name(), seconds(backup.took));
            backups.push(backup);
            files.push(target);
        }
        if let [slipway, others @ ..] = files.as_slice() {
            for other in others {
                way::assert_same_compression(slipway, other).await?;
            }
        }
        remove_all(&files)?;
    }
    Ok(taken)
}

async fn from_copies(production: &Production, rounds: usize, interrupt: &Interrupt) -> Result<Vec<CutOver>> {
    let mut taken = Vec::new();
    for round in 1..=rounds {
        go_on(interrupt)?;
        eprintln!("round {round}: a copy takes the database's place");
        taken.push(cut_over::from_copy(production, &format!("CP-C{round:07X}")).await?);
    }
    Ok(taken)
}

async fn from_dumps(
    production: &Production,
    rounds: usize,
    folder: &Folder,
    interrupt: &Interrupt,
) -> Result<Vec<CutOver>> {
    let dump = cut_over::dump(production, &folder.join("restore.dump")).await?;
    let mut taken = Vec::new();
    for round in 1..=rounds {
        go_on(interrupt)?;
        eprintln!("round {round}: a backup takes the database's place");
        taken.push(cut_over::from_dump(production, &format!("CP-D{round:07X}"), &dump).await?);
    }
    Ok(taken)
}

fn go_on(interrupt: &Interrupt) -> Result<()> {
    if interrupt.is_raised() {
        bail!("interrupted; nothing is reported");
    }
    Ok(())
}

/// Removes the backups with what lies beside them.
fn remove_all(files: &[impl AsRef<Path>]) -> Result<()> {
    for file in files {
        let record = file.as_ref().with_extension("dump.json");
        fs::remove_file(file).context("remove a backup")?;
        if record.exists() {
            fs::remove_file(record).context("remove a backup's record")?;
        }
    }
    Ok(())
}

async fn beginning(chapters: &[Chapter], rounds: usize, size: u64) -> Result<String> {
    let version = match chapters.first() {
        Some(chapter) => chapter.production.database.server_version().await?.text,
        None => "of unknown version".to_owned(),
    };
    Ok(format!(
        "## Backup: how long it takes, and how long a restored database keeps people out\n\n\
         `cargo xtask bench backup --rounds {rounds} --megabytes {size}`, {}. PostgreSQL {version} (private, its own\n\
         defaults, so commits wait for the disk), on the same disk as the backups.\n\n\
         All ways write the same format with the same compression, which is checked. They take turns; before each the server\n\
         and the file system write out what they have. Slipway's backup is on the disk when it counts and is read back from the\n\
         disk, not from memory; meanwhile each row is hashed in the server. `pg_dump` alone leaves the file to be written out\n\
         later. By hand the file is flushed, and read back from memory.\n",
        machine::description(),
    ))
}

impl Chapter {
    fn text(&self) -> String {
        let times = |backups: &[Backup]| backups.iter().map(|it| it.took).collect::<Figures>();
        let raw = self.backups.iter().find(|(way, _)| *way == Way::PgDump);
        let raw = raw.map_or(0.0, |(_, backups)| times(backups).median().as_secs_f64());
        let mut medians = Vec::new();
        let mut rounds = Vec::new();
        for (way, backups) in &self.backups {
            let took = times(backups);
            let written: Figures = backups.iter().filter_map(|it| it.written_after).collect();
            let size = backups.iter().map(|it| it.size_bytes).max().unwrap_or_default();
            medians.push(vec![
                way.name().to_owned(),
                seconds(took.median()),
                seconds(took.max()),
                seconds(written.median()),
                format!("{:.2}", took.median().as_secs_f64() / raw),
                megabytes(size),
            ]);
            rounds.push(vec![way.name().to_owned(), list(&took, seconds), list(&written, seconds)]);
        }
        let head = cells([
            "",
            "s, median",
            "max",
            "last byte written after, median",
            "× `pg_dump` alone",
            "file, MB",
        ]);
        let each = cells(["each round, in s", "all", "last byte written after"]);
        format!(
            "\n### {} MB of {}\n\n{}\n{}",
            megabytes(self.production.size_bytes),
            self.production.contents.name(),
            table(&head, &medians),
            table(&each, &rounds),
        )
    }
}

fn memory_chapter(chapters: &[Chapter]) -> String {
    let mut rows = Vec::new();
    for Chapter { production, backups } in chapters {
        let needed = backups.iter().flat_map(|(_, backups)| backups).filter_map(|it| it.memory);
        let needed: Vec<_> = needed.collect();
        let most = |bytes: fn(&memory::Memory) -> u64| needed.iter().map(bytes).max().unwrap_or_default();
        rows.push(vec![
            format!("{} MB of {}", megabytes(production.size_bytes), production.contents.name()),
            megabytes(most(|it| it.peak_bytes)),
            megabytes(most(|it| it.more_bytes)),
            needed.iter().map(|it| megabytes(it.more_bytes)).collect::<Vec<_>>().join(", "),
        ]);
    }
    let head = cells(["database", "peak, MB", "more than before, MB, max", "each round"]);
    format!("\n### Memory of the process that makes Slipway's backup\n\n{}", table(&head, &rows))
}

fn cut_over_chapter(cut_overs: &[(&str, &Production, Vec<CutOver>)]) -> String {
    let mut medians = Vec::new();
    let mut rounds = Vec::new();
    for (source, production, taken) in cut_overs {
        let name = format!("{source}, {} MB", megabytes(production.size_bytes));
        let copied: Figures = taken.iter().filter_map(|it| it.copied).collect();
        let restored: Figures = taken.iter().map(|it| it.restored).collect();
        let kept_out: Figures = taken.iter().map(|it| it.kept_out).collect();
        let usual: Figures = taken.iter().map(|it| it.usual).collect();
        let or_none = |text: String| if copied.all().is_empty() { "–".to_owned() } else { text };
        medians.push(vec![
            name.clone(),
            or_none(millis(copied.median())),
            millis(restored.median()),
            millis(kept_out.median()),
            millis(kept_out.max()),
            millis(usual.max()),
        ]);
        rounds.push(vec![
            name,
            or_none(list(&copied, millis)),
            list(&restored, millis),
            list(&kept_out, millis),
        ]);
    }
    let head = cells([
        "in ms",
        "copying, median",
        "whole restore, median",
        "writer kept out, median",
        "max",
        "writer's longest usual pause",
    ]);
    let each = cells(["each round, in ms", "copying", "whole restore", "writer kept out"]);
    format!(
        "\n### Cut-over\n\nA writer commits a row every {} ms and, when sent away, comes back as soon as it is let in. *Kept out*: the\n\
         longest time between two of its commits, with its way back; fence and both renames lie in it.\n\n{}\n{}",
        writer::EVERY.as_millis(),
        table(&head, &medians),
        table(&each, &rounds),
    )
}

fn list(figures: &Figures, text: fn(std::time::Duration) -> String) -> String {
    let figures: Vec<_> = figures.all().iter().copied().map(text).collect();
    figures.join(", ")
}
