//! What the commands need that are asked for their `--json` without a consortium. Used by `json`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Result;

use super::Asked;

impl Asked {
    /// A plan in which sites are named missing.
    pub(super) fn simulate(&mut self, program: &Path) -> Result<()> {
        let plan = "--sites 5 --update-mb 1 --rounds 3 --quorum 1 --drop 90% --away 2h --aggregate-mb-s 500";
        self.alone(program, "coordinator simulate", &plan.split(' ').collect::<Vec<_>>())?;
        Ok(())
    }

    /// Two passphrases, each in a file.
    pub(super) fn passphrases(&self) -> Result<[String; 2]> {
        let files = [self.path("word-1"), self.path("word-2")];
        for file in &files {
            std::fs::write(file, format!("a passphrase in {file}\n"))?;
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))?;
        }
        Ok(files)
    }
}
