//! Benchmarks: what a swap and a backup cost, side by side with the usual ways of doing the same; how long the calendar
//! takes to decide; and how much the gates find.
//!
//! Started by `cargo xtask bench`. Each takes its rounds in turn (A, B, C, A, B, C …) on private servers, prints its
//! section of the report, and, unless it is a quick one, writes it into `REPORT.md`.

mod backup;
mod calendar;
mod command;
mod figures;
mod gates;
mod machine;
mod report;
mod swap;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use servers::interrupt::Interrupt;

/// The folder of this crate's source.
const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

#[derive(Parser)]
#[command(
    name = "bench",
    bin_name = "cargo xtask bench",
    about = "Measures what a swap, a backup and a decision of the calendar cost, and what the gates find"
)]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// Few rounds and little data, to see that it works; writes no report unless told where.
    #[arg(long, global = true)]
    quick: bool,
    /// Where the report is written; printed in any case.
    #[arg(long, global = true)]
    report: Option<PathBuf>,
}

#[derive(Subcommand)]
enum What {
    /// How long users are refused while one version takes the other's place.
    Swap {
        /// How often each way is taken.
        #[arg(long, default_value_t = 11)]
        rounds: usize,
    },
    /// How long backup and restore take, and what they need.
    Backup {
        /// How often each way is taken.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// The size of the large databases.
        #[arg(long, default_value_t = 512)]
        megabytes: u64,
    },
    /// How long the calendar takes to decide.
    Calendar {
        /// How often each profile is asked.
        #[arg(long, default_value_t = 2_000)]
        rounds: usize,
    },
    /// How much of what annotated samples hold the gates find, and how much else.
    Gates {
        /// A folder with `ruleid:` and `ok:` comments, or with an index of positions (`index.jsonl`); of any other, what
        /// is said about it at all.
        #[arg(long)]
        corpus: PathBuf,
        /// How many changes of 60 files are made of the folder's files and looked at as well, one by one.
        #[arg(long, default_value_t = 0)]
        changes: usize,
        #[command(flatten)]
        programs: gates::Programs,
    },
}

impl Arguments {
    /// Quick ones leave the report of record alone.
    fn report_path(&self) -> Option<PathBuf> {
        let file = match self.what {
            What::Gates { .. } => "../corpora/REPORT.md",
            What::Swap { .. } | What::Backup { .. } | What::Calendar { .. } => "REPORT.md",
        };
        let of_record = || Path::new(FOLDER).join(file);
        self.report.clone().or_else(|| (!self.quick).then(of_record))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    let interrupt = Interrupt::register()?;
    let section = match &arguments.what {
        What::Swap { .. } if arguments.quick => swap::run(2, &interrupt).await?,
        What::Swap { rounds } => swap::run(*rounds, &interrupt).await?,
        What::Backup { .. } if arguments.quick => backup::run(2, 32, &interrupt).await?,
        What::Backup { rounds, megabytes } => backup::run(*rounds, *megabytes, &interrupt).await?,
        What::Calendar { .. } if arguments.quick => calendar::run(50)?,
        What::Calendar { rounds } => calendar::run(*rounds)?,
        What::Gates { corpus, changes, programs } => gates::run(corpus, programs, *changes)?,
    };
    println!("{section}");
    if let Some(path) = arguments.report_path() {
        report::write(&path, &section)?;
        eprintln!("The report is in {}", path.display());
    }
    Ok(())
}
