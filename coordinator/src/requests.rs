//! What each request of a site gets. `handler` authorises a request, asks `standing` whether the site's
//! ledger stands, counts its frame and chooses who answers: `work` (what to do now, which blobs to read,
//! ready to train), `update` (offer, chunks, commit, receipt) through `intake` (files), or `overlap` (the
//! comparison with the held-out set) within `places`, `ledger` (a receipt that is shown), `renewal` (a site's
//! next certificate), `own_scores` (how the result does on a site's own records), or `leaving` (a site that
//! ends its membership). What follows from the run's state alone
//! says `rules` (pure). Called by `server`. Invariant: a refusal tells a site a code, never a text; the
//! reason is in our log.

pub mod handler;
pub mod intake;
mod leaving;
mod ledger;
mod overlap;
mod own_scores;
pub mod places;
mod renewal;
mod revocations;
pub mod rules;
mod standing;
pub mod told;
mod update;
mod work;
