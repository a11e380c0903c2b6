//! Room on every disk that a promotion writes to, before it writes anything.

use adapters::database::{Bytes, Database};
use adapters::installation::{Application, Installation};
use adapters::runtime::ImageRoom;
use engine::{JobContext, StepError};

use crate::from_database;

/// Looks at the disks of the production database, for so many bytes beside it, and of the images; the backup's own
/// looks at the backup folder.
///
/// # Errors
/// A refusal with the numbers where there is not enough. What cannot be seen from here is said in the log.
pub(crate) async fn check(
    cx: &JobContext,
    installation: &Installation,
    database: &Database,
    beside_bytes: u64,
) -> Result<(), StepError> {
    match database.check_room_for_copies(beside_bytes).await.map_err(from_database)? {
        Some(room) => cx.log(format!(
            "the database's disk ({}) has {} free; what is made beside the database takes {}",
            room.folder,
            Bytes(room.free_bytes),
            Bytes(room.needed_bytes)
        )),
        None => cx.log("how much room the database's own disk has cannot be seen from here"),
    }
    let Application::Docker(_) = &installation.application else { return Ok(()) };
    let room = async { installation.runtime(&cx.state_dir())?.room_for_image().await };
    match room.await {
        Ok(Some(room)) if room.free_bytes < room.needed_bytes => Err(StepError::Refuse(refusal(&room))),
        Ok(Some(room)) => {
            cx.log(format!("the disk of the images ({}) has {} free", room.folder, Bytes(room.free_bytes)));
            Ok(())
        }
        Ok(None) => Ok(()),
        // The worker that makes the image has a way there; this one need not.
        Err(error) => {
            cx.log(format!("how much room the disk of the images has cannot be seen from here: {error:#}"));
            Ok(())
        }
    }
}

fn refusal(room: &ImageRoom) -> String {
    format!(
        "The disk of the Docker engine ({}) has only {} free, but a new version needs {} there. Free some space \
         there. The safest thing to delete is what earlier builds left behind, which `docker builder prune` does.",
        room.folder,
        Bytes(room.free_bytes),
        Bytes(room.needed_bytes)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_the_numbers_and_what_to_delete() {
        let folder = "/var/lib/docker".to_owned();
        let room = ImageRoom { folder, free_bytes: 1_000_000, needed_bytes: 250_000_000 };
        let sentence = refusal(&room);
        for part in ["/var/lib/docker", "only 1.0 MB free", "needs 250.0 MB", "safest"] {
            assert!(sentence.contains(part), "{sentence}");
        }
    }
}
