//! What is answered from the state folder alone, with and without a running `serve`. Called by `server`, and
//! by `cli` on the coordinator's machine. Invariants: who may ask was decided before (`rules`), and what
//! changes anything was written down before (`acts`).

use certs::{ReceiptPublicKey, RevocationList, tls};
use cli::witness::CosignedHeads;
use common::clock::Timestamp;
use common::id::Digest;
use common::ledger::{Arrived, Heading};
use common::limits::ARRIVALS_MAX;
use common::run::{Member, Roster};
use common::wire::message::LedgerHead;
use serde_json::json;

use super::consortium::{self, Head};
use super::holders;
use super::inviting::Desk;
use super::listed::{Arrivals, InvitationFacts, RosterFacts, RunRow};
use super::membership::{must_be_known, pause_in, revoke_in, site_id};
use super::message::{Answer, Command, SiteChange};
use crate::admin::acts::Acts;
use crate::error::{Error, Result};
use crate::evaluate::details::Details;
use crate::execution::runs::Runs;
use crate::limits::ACT_LINES_PER_ANSWER_MAX;
use crate::report::collect;
use crate::state_folder::{StateFolder, authority, blobs, revocations};
use crate::store::{ArrivedRow, LedgerQuestion, Store};

/// The state folder at one moment.
pub struct Books<'a> {
    /// Where things are.
    pub folder: &'a StateFolder,
    /// Facts.
    pub store: &'a Store,
    /// The log of acts.
    pub acts: &'a Acts,
    /// Run states, where somebody has replayed them.
    pub runs: Option<&'a Runs>,
    /// When.
    pub now: Timestamp,
}

impl Books<'_> {
    /// The answer; `None` where only a running `serve` can give one.
    ///
    /// # Errors
    /// What was asked cannot be done, or the folder not be used.
    pub fn answer(&self, command: &Command) -> Result<Option<Answer>> {
        let (store, now) = (self.store, self.now);
        let desk = Desk { folder: self.folder, store, now };
        Ok(Some(match command {
            Command::Runs => {
                let all = self.runs()?.all();
                Answer::Runs { runs: all.iter().map(|state| RunRow::of(state, now)).collect() }
            }
            Command::Roster { run } => Answer::Roster { roster: self.roster(run.as_deref())? },
            Command::Report { run, without_samples } => self.report(run.as_deref(), *without_samples)?,
            Command::Ledger { site } => Answer::Ledger { arrivals: self.arrivals(site)? },
            Command::Sites => Answer::Sites { sites: consortium::facts(store, &self.runs()?, None, now)? },
            Command::Invite { site, ttl_ms, readmit } => desk.site(site, *ttl_ms, *readmit)?,
            Command::Invitations => {
                let rows = store.invitations()?;
                let facts = rows.iter().map(|row| InvitationFacts::of(row, now)).collect();
                Answer::Invitations { invitations: facts }
            }
            Command::Withdraw { site } => Answer::Withdrawn { count: self.withdraw(site)? },
            Command::AcceptLedger { site, found } => self.accept_ledger(site, found)?,
            Command::Operators => Answer::Operators { operators: holders::facts(store)? },
            Command::InviteOperator { name, role, ttl_ms } => desk.holder(name, role, *ttl_ms)?,
            Command::RevokeOperator { name } => {
                holders::revoke_in(store, name, now)?;
                Answer::Done
            }
            Command::Acts { from } => {
                Answer::Acts { lines: self.acts.lines(*from, ACT_LINES_PER_ANSWER_MAX)? }
            }
            Command::ActsHead => Answer::ActsHead { note: self.acts.head()? },
            Command::ActsProof { from } => {
                let (note, hashes) = self.acts.proof(*from)?;
                Answer::ActsProof { note, hashes }
            }
            Command::ActsCosigned => {
                Answer::ActsCosigned { notes: CosignedHeads::open(&self.acts.cosigned())?.notes() }
            }
            Command::Revoke { site } => {
                revoke_in(self.folder, store, &site_id(site)?, now)?;
                Answer::Done
            }
            Command::Revocations => revocation_list(self.folder)?,
            Command::Change { site, change: change @ (SiteChange::Pause | SiteChange::Resume) } => {
                let changed = pause_in(store, &site_id(site)?, *change == SiteChange::Pause, now)?;
                Answer::Changed { changed }
            }
            Command::Launch { .. }
            | Command::LaunchText { .. }
            | Command::Status { .. }
            | Command::Watch { .. }
            | Command::Resume { .. }
            | Command::Evaluate { .. }
            | Command::Stop { .. }
            | Command::Extend { .. }
            | Command::Authority { .. }
            | Command::Change { .. } => return Ok(None),
        }))
    }

    fn runs(&self) -> Result<Runs> {
        match self.runs {
            Some(runs) => Ok(runs.clone()),
            None => Runs::replay(self.store),
        }
    }

    fn roster(&self, run: Option<&str>) -> Result<RosterFacts> {
        let runs = self.runs()?;
        let state = match run {
            Some(run) => Some(runs.choose(Some(run))?),
            None => runs.all().into_iter().rfind(|state| state.launched.needs_approval && state.has_begun()),
        };
        let Some(state) = state else {
            let members = self.store.keys()?.into_iter().map(|(name, key)| Member { name, key });
            return Ok(RosterFacts::of(None, Roster { members: members.collect() }));
        };
        let run = state.launched.run.to_string();
        if !state.launched.needs_approval {
            return Err(Error::Argument {
                message: format!("run {run} is of a version whose manifests had no keys"),
                hint: "name a newer run; `coordinator runs` lists them".into(),
            });
        }
        let manifest = blobs::manifest(self.folder, state.launched.manifest)?;
        Ok(RosterFacts::of(Some(run), manifest.roster))
    }

    fn report(&self, run: Option<&str>, without_samples: bool) -> Result<Answer> {
        let runs = self.runs()?;
        let state = runs.choose(run)?;
        let read = Details::read(&self.folder.details(state.launched.run));
        let lacks = |error| format!("without departments and sample questions: {error}");
        let note = read.as_ref().err().map(lacks);
        let details = read.unwrap_or(None);
        let mut report = collect::report(self.store, &runs, &state, details, self.now)?;
        if without_samples {
            report.samples = None;
        }
        Ok(Answer::Report { report: Box::new(report), note })
    }

    fn arrivals(&self, site: &str) -> Result<Arrivals> {
        let (heading, frames) = arrived(self.acts.receipt_key(), self.store, site, self.now)?;
        Ok(Arrivals::of(&heading, &frames))
    }

    fn withdraw(&self, name: &str) -> Result<usize> {
        let site = site_id(name)?;
        match self.store.withdraw(&site)? {
            0 => Err(Error::Argument {
                message: format!("{site} has no invitation that could be withdrawn"),
                hint: "`coordinator invitations list` shows them; a site that has joined is shut out with \
                       `coordinator revoke`"
                    .into(),
            }),
            count => Ok(count),
        }
    }

    fn accept_ledger(&self, name: &str, shown: &Head) -> Result<Answer> {
        let site = site_id(name)?;
        must_be_known(self.store, &site)?;
        let changed = || Error::Argument {
            message: format!("{site} has no such question about its ledger now, so nothing was accepted"),
            hint: "`coordinator sites` shows which ledgers were refused".into(),
        };
        let root: Digest = shown.root.parse().map_err(|_| changed())?;
        let found = LedgerHead { size: shown.size, root };
        let LedgerQuestion { kept, found, .. } =
            self.store.accept_ledger(&site, &found, self.now)?.ok_or_else(changed)?;
        Ok(Answer::Accepted { accepted: found.into(), before: kept.map(Head::from) })
    }
}

/// The newest revocation list, as it is on the disk, with the authority that signed it.
fn revocation_list(folder: &StateFolder) -> Result<Answer> {
    let none = || Error::Argument {
        message: "no revocation list of the present authority has been signed yet".into(),
        hint: "`coordinator serve` signs one when it starts".into(),
    };
    let der = revocations::read(folder)?.ok_or_else(none)?;
    let authority = authority::certificate_pem(folder)?;
    let list = RevocationList::verify(&der, &tls::certificate_from_pem(&authority)?).map_err(|_| none())?;
    Ok(Answer::Revocations { list: list.pem(), authority })
}

/// Whether [`Books::answer`] has an answer to this, of what may be asked without a running `serve`.
#[must_use]
pub fn can(command: &Command) -> bool {
    !matches!(command, Command::Change { change: SiteChange::Exclude | SiteChange::Include, .. })
}

/// What arrived from a site: the first line of a list, and the frames.
///
/// # Errors
/// There is no such site, it has sent more than a list may have, or the database cannot be read.
pub(crate) fn arrived(
    receipt_key: &ReceiptPublicKey,
    store: &Store,
    site: &str,
    now: Timestamp,
) -> Result<(Heading, Vec<Arrived>)> {
    let site = must_be_known(store, &site_id(site)?)?.name;
    let mut frames = Vec::new();
    store.arrivals(&site, |row| {
        if frames.len() as u64 >= ARRIVALS_MAX {
            return Err(Error::Argument {
                message: format!("{site} has sent more frames than a list may have"),
                hint: format!("a list has {ARRIVALS_MAX} frames; `coordinator sites --json` has their sum"),
            });
        }
        frames.push(frame(row)?);
        Ok(())
    })?;
    let heading = Heading {
        receipt_key: Digest(*receipt_key.as_bytes()),
        at_ms: now.0,
        taken: store.ledger_head(&site)?,
        frames: frames.len() as u64,
        site,
    };
    Ok((heading, frames))
}

fn frame(row: &ArrivedRow) -> Result<Arrived> {
    let unknown = |_| Error::Internal(format!("the database has a frame of the kind {}", row.kind));
    let kind = serde_json::from_value(json!(row.kind)).map_err(unknown)?;
    Ok(Arrived { sequence: row.sequence, kind, length: row.bytes, sha256: row.sha256 })
}
