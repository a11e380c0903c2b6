use crate::interrupt::Interrupt;
use anyhow::Result;
pub(crate) fn run(_: &Interrupt, _: bool) -> Result<()> {
    Ok(())
}
