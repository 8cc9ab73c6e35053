//! The runs that this site has heard of, and their terms, from its state folder. Used by every subcommand
//! about runs. Invariant: terms have the digest that they are asked for by, and the coordinator's signature.

use std::path::Path;

use common::id::{Digest, RunId};
use common::run::RunManifest;

use crate::config::AgentConfig;
use crate::error::SiteError;
use crate::gateway::consent::{Judge, Terms, verified_terms};
use crate::gateway::decisions::Decider;
use crate::gateway::identity::{Coordinator, Papers};
use crate::gateway::revocations::Revocations;
use crate::gateway::store::Store;
use crate::gateway::store::consent::{Choice, ProposedRun};
use crate::limits::RUN_MANIFEST_BYTES_MAX;
use crate::paths::StateFolder;
use crate::pipe::files::{self, Unfit};

/// A site, as far as decisions about runs need it.
#[derive(Debug)]
pub(in crate::cli) struct Known {
    pub(in crate::cli) folder: StateFolder,
    pub(in crate::cli) config: AgentConfig,
    pub(in crate::cli) coordinator: Coordinator,
    pub(in crate::cli) store: Store,
    pub(in crate::cli) judge: Judge,
}

impl Known {
    /// Opens a site's folder to look.
    ///
    /// # Errors
    /// `NotJoined`, `Io`, `Config`, `Store`, `Data`.
    pub(in crate::cli) fn open(folder: StateFolder) -> Result<Self, SiteError> {
        let store = Store::open_to_read(&folder.database());
        Self::with(folder, store)
    }

    /// Opens a site's folder to decide; its agent may be running.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(in crate::cli) fn open_to_decide(folder: StateFolder) -> Result<Self, SiteError> {
        // Nothing is made where there is no site.
        AgentConfig::load(&folder.config())?;
        let store = Store::open(&folder.database());
        Self::with(folder, store)
    }

    fn with(folder: StateFolder, store: Result<Store, SiteError>) -> Result<Self, SiteError> {
        let config = AgentConfig::load(&folder.config())?;
        let coordinator = Coordinator::load(&folder.identity())?;
        let judge = Judge::new(coordinator.site.clone(), Decider::of(&folder)?.officer().copied())
            .under(&config.policy);
        Ok(Self { store: store?, folder, config, coordinator, judge })
    }

    /// The consortium's revocation list, as far as this site has it.
    ///
    /// # Errors
    /// `Io`, `Config`, `Store`.
    pub(in crate::cli) fn revocations(&self) -> Result<Revocations, SiteError> {
        let authority_der = Papers::authority(&self.folder.identity())?;
        Revocations::load(&self.store, &authority_der)
    }

    /// The run that a person means: by id or unambiguous prefix, or the newest.
    ///
    /// # Errors
    /// `Data` when no run, or more than one, begins like this.
    pub(in crate::cli) fn choose(&self, run: Option<&str>) -> Result<ProposedRun, SiteError> {
        let refuse = |sentence: String| SiteError::Data {
            sentence,
            hint: Some("`site-agent runs` lists the runs that this site has heard of".into()),
        };
        let all = self.store.proposed_runs()?;
        let Some(text) = run else {
            return all
                .first()
                .copied()
                .ok_or_else(|| refuse("this site has not heard of any run yet".into()));
        };
        let shown: String = text.chars().take(64).collect();
        let mut matching = all.iter().filter(|known| known.run.to_string().starts_with(text));
        match (matching.next(), matching.next()) {
            (Some(known), None) if !text.is_empty() => Ok(*known),
            (Some(_), _) => Err(refuse(format!("more than one run begins with `{shown}`"))),
            _ => Err(refuse(format!("this site has not heard of a run `{shown}`"))),
        }
    }

    /// The signed terms with this digest.
    ///
    /// # Errors
    /// `Data` when they are not here any more; `Config` when they are not what the coordinator signed; `Io`.
    pub(in crate::cli) fn terms(&self, digest: Digest) -> Result<Terms, SiteError> {
        let path = self.folder.inbox().join(digest.to_string());
        if !path.exists() {
            return Err(SiteError::Data {
                sentence: format!("the terms {} are not at this site any more", digest.short()),
                hint: Some("those of the newest 100 runs stay in inbox/ of the state folder".into()),
            });
        }
        let bytes = read_bounded(&path, RUN_MANIFEST_BYTES_MAX)?
            .ok_or_else(|| SiteError::config(&path, "it is too long for the terms of a run"))?;
        if Digest::of(&bytes) != digest {
            return Err(SiteError::config(&path, "its bytes do not have the digest that is its name"));
        }
        verified_terms(&bytes, &self.coordinator.receipt_public_key())
            .map_err(|reason| SiteError::config(&path, reason))
    }

    /// The terms of the run that this site approved last, without the one that is looked at.
    ///
    /// # Errors
    /// `Store`.
    pub(in crate::cli) fn last_approved(&self, except: RunId) -> Result<Option<RunManifest>, SiteError> {
        let mut newest: Option<(i64, Digest)> = None;
        for known in self.store.proposed_runs()?.into_iter().filter(|known| known.run != except) {
            for decision in self.store.decisions(known.run)? {
                let counts =
                    decision.choice == Choice::Approved && self.judge.holds(&self.store, &decision)?;
                if counts && newest.is_none_or(|(id, _)| decision.id > id) {
                    newest = Some((decision.id, decision.manifest));
                }
            }
        }
        // Terms that are gone can be compared with no more.
        Ok(newest.and_then(|(_, digest)| self.terms(digest).ok()).map(|terms| terms.signed.manifest))
    }
}

/// A regular file's bytes; `None` where it is longer than `most`, or no file.
///
/// # Errors
/// `Io`.
pub(in crate::cli) fn read_bounded(path: &Path, most: u64) -> Result<Option<Vec<u8>>, SiteError> {
    // A person may name a link; what the gateway keeps has none.
    let place = std::fs::canonicalize(path).map_err(|source| SiteError::unreadable(path, source))?;
    match files::read(&place, most) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Unfit::NotRegular | Unfit::TooLarge { .. }) => Ok(None),
        Err(Unfit::Io(source)) => Err(SiteError::unreadable(path, source)),
    }
}
