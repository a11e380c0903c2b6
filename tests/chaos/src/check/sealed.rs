//! What is deployed is what was sealed before its approval, file for file.

use anyhow::Result;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Claim, Findings, Wrong};
use crate::feature::SPOILED;
use crate::world::World;

/// Compares the sources of these deployments, which are kept, with their sealed change sets.
pub(super) fn check(findings: &mut Findings, world: &World, kept: &[&Claim]) -> Result<()> {
    for Claim { id, change_set, .. } in kept {
        let manifest = world.data().join("change-sets").join(id).join("manifest.json");
        let manifest = std::fs::read(manifest).unwrap_or_default();
        findings.same(&format!("{id}: its sealed files"), &Some(hash(&manifest)), change_set);
        let manifest: Value = serde_json::from_slice(&manifest)?;
        let source = world.data().join("contexts").join(id);
        for change in manifest["changes"].as_array().into_iter().flatten() {
            let path = change["path"].as_str().unwrap_or_default();
            let found = std::fs::read(source.join(path)).ok().map(|bytes| hash(&bytes));
            let sealed = change["new_sha256"].as_str().map(str::to_owned);
            findings.same(&format!("{id}: {path}"), &found, &sealed);
        }
        findings.expect(!source.join(SPOILED).exists(), Wrong::Untruthful, || {
            format!("{id}: its sandbox was read after its approval")
        });
    }
    Ok(())
}

fn hash(bytes: &[u8]) -> String {
    super::place::hex(&Sha256::digest(bytes))
}
