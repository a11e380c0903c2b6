//! Removing what a test made, also while it fails.

use std::future::Future;

/// Runs the removal to its end from inside `drop`, where nothing can be awaited.
pub(crate) fn complete(removal: impl Future<Output = anyhow::Result<()>> + Send) {
    let outcome = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(removal)
        });
        thread.join()
    });
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(error)) => eprintln!("warning: something is left behind: {error:#}"),
        Err(_) => eprintln!("warning: something is left behind: its removal panicked"),
    }
}
