//! `coordinator release` from the draft to the refusal, and `verify-release` of a folder that the own key of
//! the consortium sealed around its gates. Used by `json`. They are computed again, and it does not hold.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use certs::tls;
use common::clock::{Clock as _, SystemClock};
use common::id::Digest;
use common::language::Language;
use coordinator::export::release::dossier::Dossier;
use coordinator::export::release::draft::Draft;
use coordinator::export::release::gates::gates;
use coordinator::export::release::made::{self, Parts};
use coordinator::state_folder::StateFolder;
use coordinator::state_folder::identity::receipt_key;
use tests::folder::copy_tree;

use super::Asked;
use crate::operators::Machine;
use crate::release::answer;
use crate::support::COMMAND_WITHIN;

impl Asked {
    /// The release of a run that misses most of what one needs.
    pub(super) fn releases(&mut self, run: &str) -> Result<()> {
        let (draft, out) = (self.path("draft"), self.path("released"));
        let made = self.coordinator("release new", &[run, "--out", &draft])?;
        ensure!(made["missing_fields"].as_array().is_some_and(|all| all.len() > 30), "{made}");
        let home = self.small.folder.path().join("otto");
        let otto = Machine::enrolled(&self.consortium, home, "otto", "operator")?;
        answer(Path::new(&draft))?;
        let signed = otto.says(&["release", "sign", &draft, "--json"])?;
        self.take("coordinator release sign", &signed)?;
        let status = self.coordinator("release status", &[&draft])?;
        ensure!(status["may_be_released"] == false && status["signatures"][0]["counts"] == true, "{status}");
        let asked = ["release", "make", &draft, "--out", &out, "--json"];
        let refused = self.consortium.coordinator.run(&asked, COMMAND_WITHIN)?;
        ensure!(refused.code() == Some(1) && !Path::new(&out).exists(), "{}", refused.stderr);
        self.take("coordinator release make", &refused.stdout)?;
        let key = self.forged(Path::new(&draft), Path::new(&out))?;
        let asked = ["verify-release", &out, "--key", &key, "--json"];
        let found = self.consortium.coordinator.run(&asked, COMMAND_WITHIN)?;
        let shown = self.take("coordinator verify-release", &found.stdout)?;
        ensure!(found.code() == Some(1) && shown["holds"] == false, "{shown}");
        ensure!(shown["faults"].as_array().is_some_and(Vec::is_empty), "the sums hold: {shown}");
        let failed = |name: &str| {
            let gates = shown["gates"].as_array().into_iter().flatten();
            gates.filter(|gate| gate["gate"] == name).any(|gate| gate["state"] == "failed")
        };
        ensure!(failed("rubric") && failed("suites") && !failed("signatures"), "{shown}");
        Ok(())
    }

    /// A release that the consortium's key seals although gates are not passed; the key's public half.
    fn forged(&self, draft: &Path, out: &Path) -> Result<String> {
        let state = StateFolder::open(self.consortium.coordinator.state())?;
        let (key, draft) = (receipt_key(&state)?, Draft::open(draft)?);
        let building = out.with_extension("building");
        let to = building.to_str().context("a UTF-8 path")?;
        let (run, model) = (draft.facts.run.id.to_string(), self.path("moved"));
        let export = ["export", &run, "--format", "peft", "--model", &model, "--out", to];
        self.consortium.coordinator.run(&export, COMMAND_WITHIN)?.success()?;
        let gates = gates(&draft.facts, &draft.evaluation, Language::En);
        let authority_pem = std::fs::read_to_string(state.ca().join("ca.crt.pem"))?;
        let now = SystemClock.now();
        let authority = tls::certificate_from_pem(&authority_pem)?;
        let signer = draft.signatures[0].1.signer(&authority, now).map_err(anyhow::Error::msg)?;
        let signers = [signer];
        let dossier = Dossier {
            facts: &draft.facts,
            evaluation: &draft.evaluation,
            fields: &draft.fields,
            gates: &gates,
            signers: &signers,
            made: now,
        };
        let terms = std::fs::read(state.blob(draft.facts.run.terms))?;
        let parts = Parts {
            dossier,
            signed: &draft.bytes,
            signatures: &draft.signatures,
            terms: &terms,
            authority_pem: &authority_pem,
        };
        let sealed = made::write(&building, &parts)?;
        copy_tree(&building, &out.with_extension("unsealed"))?;
        made::seal(&building, &sealed, &key)?;
        made::publish(&building, out)?;
        Ok(Digest(*key.public_key()?.as_bytes()).to_string())
    }
}
