use crate::interrupt::Interrupt;
use anyhow::Result;
pub(crate) fn run(_: &Interrupt) -> Result<()> {
    Ok(())
}
