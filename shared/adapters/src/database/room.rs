//! Whether there is room for what a promotion writes, before it writes anything.

use std::path::Path;

use anyhow::Context;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::error::Bytes;
use super::program::{Program, Sink};
use super::record::{Dump, folder_of};
use super::{Database, DatabaseError};
use crate::disk;

/// The least that a backup is taken to need: its record, and what else is written there meanwhile.
const BACKUP_BYTES_MIN: u64 = 1_000_000;

/// Room on the disk of the production database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// The server's folder.
    pub folder: String,
    /// What is free there.
    pub free_bytes: u64,
    /// What is to be written there, reserve included.
    pub needed_bytes: u64,
}

impl Database {
    /// Checks that the disk which holds the production database has room for copies of this size in all: the one
    /// kept at the stop, a rehearsal, a restore. `None` if that cannot be seen from here.
    ///
    /// # Errors
    /// [`DatabaseError::ServerSpace`] if it has not.
    pub async fn check_room_for_copies(&self, bytes: u64) -> Result<Option<Room>, DatabaseError> {
        let Some(folder) = self.data_folder().await? else { return Ok(None) };
        let Some(free_bytes) = self.free_at_server(&folder).await? else { return Ok(None) };
        let needed_bytes = bytes.saturating_add(bytes / 10);
        if free_bytes >= needed_bytes {
            return Ok(Some(Room { folder, free_bytes, needed_bytes }));
        }
        let kept = self.failed_copies().await?.into_iter().next();
        let safest = kept.map(|kept| {
            let size = Bytes(kept.size_bytes);
            format!(
                "The safest thing to delete is the database {:?} ({size}), kept from an earlier rollback.",
                kept.name
            )
        });
        Err(DatabaseError::ServerSpace { needed_bytes, free_bytes, folder, safest })
    }

    /// Checks that the folder has room for a backup, as far as can be foreseen.
    pub(super) async fn check_room_for_backup(&self, target: &Path) -> Result<(), DatabaseError> {
        let folder = folder_of(target);
        let earlier = self.recorded_in(folder);
        let needed_bytes = estimate(self.size_bytes().await?, earlier.last());
        let free_bytes = disk::free_bytes(folder)?;
        if free_bytes >= needed_bytes {
            return Ok(());
        }
        let safest = match earlier.as_slice() {
            [oldest, _, ..] => oldest.path.file_name().map(|name| {
                let (name, size) = (name.to_string_lossy(), Bytes(oldest.size_bytes));
                format!("Of the backups there, the oldest is the safest to delete: {name} ({size}).")
            }),
            // The only one is not to be deleted.
            _ => None,
        };
        Err(DatabaseError::Space { needed_bytes, free_bytes, folder: folder.to_owned(), safest })
    }

    /// Where the server keeps its databases, if it tells us.
    async fn data_folder(&self) -> Result<Option<String>, DatabaseError> {
        let client = self.client().await?;
        // Only a superuser is told; to others it is not there.
        let row = client
            .query_opt("SELECT setting FROM pg_settings WHERE name = 'data_directory'", &[])
            .await
            .context("ask the server for its folder")?;
        Ok(row.and_then(|row| row.get(0)))
    }

    async fn free_at_server(&self, folder: &str) -> Result<Option<u64>, DatabaseError> {
        if let Some(inside) = self.inside.as_deref() {
            let df = Program::inside(&inside.container, Path::new("df"), None).args(["-P", "-k", folder]);
            let mut text = Vec::new();
            let ended = df.end(Sink::Text(&mut text)).await?;
            return Ok(ended.and_then(|_| free_of(&String::from_utf8_lossy(&text))));
        }
        let here = Path::new(folder);
        Ok((is_here(&self.config) && here.is_dir()).then(|| disk::free_bytes(here).ok()).flatten())
    }
}

/// What a backup of a database of this size may take: as much of it as the last one did, else all of it.
fn estimate(size_bytes: u64, last: Option<&Dump>) -> u64 {
    let needed = match last.filter(|it| it.database_bytes > 0) {
        Some(last) => {
            let expected =
                u128::from(size_bytes) * u128::from(last.size_bytes) / u128::from(last.database_bytes);
            // What has come in since may not shrink as well.
            u64::try_from(expected.saturating_mul(5) / 4).unwrap_or(u64::MAX)
        }
        // The compressed file is nearly always far smaller; a database of pictures is not.
        None => size_bytes.saturating_add(size_bytes / 10),
    };
    needed.max(BACKUP_BYTES_MIN)
}

/// Whether the server is on this machine, as far as its address tells: the folder that it names may still be
/// one inside a container.
fn is_here(config: &Config) -> bool {
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => name == "localhost" || name == "::1" || name.starts_with("127."),
        Host::Unix(_) => true,
    })
}

/// Reads what `df -P -k` says.
fn free_of(said: &str) -> Option<u64> {
    let kilobytes: u64 = said.lines().last()?.split_whitespace().rev().nth(2)?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::{Contents, Fingerprint, RowForm, Rung, Version};

    fn dump(size_bytes: u64, database_bytes: u64) -> Dump {
        Dump {
            path: "x.dump".into(),
            size_bytes,
            sha256: String::new(),
            database: "shop".to_owned(),
            database_bytes,
            server_version: Version { major: 15, text: "15.1".to_owned() },
            verified_at: jiff::Timestamp::UNIX_EPOCH,
            rung: Rung::ReadBack,
            fingerprint: Fingerprint {
                schema: [].into(),
                tables: [].into(),
                sequences: [].into(),
                large_objects: Contents { count: 0, hash: String::new() },
                row_form: RowForm::Binary,
            },
        }
    }

    #[test]
    fn a_backup_is_expected_to_be_like_the_last_one() {
        let cases = [
            ("no backup yet", 100_000_000, None, 110_000_000),
            ("a tenth of the database", 100_000_000, Some(dump(10_000_000, 100_000_000)), 12_500_000),
            ("it has doubled since", 200_000_000, Some(dump(10_000_000, 100_000_000)), 25_000_000),
            ("a record without the size", 100_000_000, Some(dump(10_000_000, 0)), 110_000_000),
            ("next to nothing", 7_000_000, Some(dump(1_000, 7_000_000)), BACKUP_BYTES_MIN),
            ("beyond all measure", u64::MAX, Some(dump(u64::MAX, 1)), u64::MAX),
        ];
        for (name, size, last, expected) in cases {
            assert_eq!(estimate(size, last.as_ref()), expected, "{name}");
        }
    }

    #[test]
    fn the_free_space_is_read_whatever_the_name_of_the_disk() {
        let head = "Filesystem 1024-blocks Used Available Capacity Mounted on\n";
        let cases = [
            ("overlay 61255492 20480 100 34% /\n", Some(102_400)),
            ("/dev/disk/by id 1000 600 400 60% /var/lib/postgresql/data\n", Some(409_600)),
            ("df: no such folder\n", None),
        ];
        for (line, expected) in cases {
            assert_eq!(free_of(&format!("{head}{line}")), expected, "{line}");
        }
        assert_eq!(free_of(""), None);
    }
}
