//! The migrate command: runs once inside the new release's folder, between stop and start.

use std::time::Duration;

use anyhow::{Context, Result};

use super::{Process, identity, keeper, one_shot::OneShot};
use crate::runtime::End;

impl Process {
    /// Runs the new version's migrate command to its end, unless it succeeded already; tells how it failed.
    pub(super) async fn migrate(&self, id: &str) -> Result<Option<End>> {
        let folder = self.folder(id)?;
        let Some((program, arguments)) = self.settings.migrate.split_first() else {
            return Ok(None);
        };
        if folder.is_migrated()? {
            return Ok(None);
        }
        let specification = folder.specification()?.with_context(|| format!("version {id} is gone"))?;
        // What a killed worker has left running.
        identity::end_all(folder.path(), None, Duration::ZERO).await?;
        self.notes.tell(format!("running the migrate command: {}", self.settings.migrate.join(" ")));
        let command = OneShot {
            program,
            arguments,
            working_folder: &specification.working_folder,
            env: &specification.env,
            owner: folder.path(),
        };
        let ended = command.run(|line| self.notes.tell(line)).await;
        let ended = ended.with_context(|| format!("run the migrate command {program}"))?;
        if ended.status.success() {
            folder.mark_migrated()?;
            self.notes.tell("the migrate command succeeded");
            return Ok(None);
        }
        let exit_code = keeper::exit_code(ended.status);
        Ok(Some(End { exit_code, out_of_memory: ended.out_of_memory, output: ended.output }))
    }
}
