//! Programs that run to their end.

use std::path::Path;
use std::process::Output;

use tokio::process::Command;

/// Runs a program that must succeed.
pub(crate) async fn succeed(command: &mut Command) -> Output {
    let output = command.kill_on_drop(true).output().await.unwrap();
    assert!(
        output.status.success(),
        "{:?} ended with {}: {}{}",
        command.as_std(),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    output
}

/// The sample application's program.
pub(crate) async fn portal(arguments: &[&str], folder: &Path) {
    succeed(Command::new(crate::servers::portal()).args(arguments).arg(folder)).await;
}
