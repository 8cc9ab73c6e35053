//! The commands of witnesses, once each, for their `--json`. Used by `json`.

use anyhow::{Context as _, Result};

use super::Asked;

impl Asked {
    /// The log of acts and a witness of it.
    pub(super) fn witnesses(&mut self) -> Result<()> {
        let made = self.person("coordinator witness init", &["hospital-b"])?;
        let key = made["verifier_key"].as_str().context("a key")?.to_owned();
        let (request, cosigned, again) =
            (self.path("acts.request"), self.path("acts.1"), self.path("acts.2"));
        let proved = self.person("coordinator acts prove", &["--from", "0", "--out", &request])?;
        let log = proved["key"].as_str().context("a key")?.to_owned();
        self.person("coordinator acts cosign", &["--first", "--out", &cosigned])?;
        self.person("coordinator witness trust", &[&log])?;
        self.person("coordinator witness cosign", &[&request, "--out", &again])?;
        self.person("coordinator witness show", &[])?;
        self.coordinator("acts head", &["--cosigned", &cosigned, "--witness", &key])?;
        self.person("coordinator acts verify", &["--witness", &key])?;
        Ok(())
    }

    /// A site's ledger and a witness of it.
    pub(super) fn witness_of_a_site(&mut self) -> Result<()> {
        let (program, folder) = (self.binaries.site_agent.clone(), self.path("site-witness"));
        let made = self.alone(&program, "site-agent witness init", &["b", "--folder", &folder])?;
        let key = made["verifier_key"].as_str().context("a key")?.to_owned();
        let (request, cosigned) = (self.path("site.request"), self.path("site.cosigned"));
        let proved = self.site("ledger prove", &["--from", "0", "--out", &request])?;
        let log = proved["verifier_key"].as_str().context("a key")?.to_owned();
        self.alone(&program, "site-agent witness trust", &[&log, "--folder", &folder])?;
        let asked = [&request, "--folder", &folder, "--out", &cosigned];
        self.alone(&program, "site-agent witness cosign", &asked)?;
        self.alone(&program, "site-agent witness show", &["--folder", &folder])?;
        self.site("ledger checkpoint", &["--cosigned", &cosigned, "--witness", &key])?;
        self.site("ledger verify", &["--witness", &key])?;
        Ok(())
    }
}
