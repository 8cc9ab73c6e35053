//! What happens to a site, from the poll that hands it a round to its receipt. Part of `world`, called by it.
//! Modelled after `site-agent`: a poll is answered when there is something; a site whose round is over hears
//! it with its next message, pauses and asks again; one that was away goes on where it was.

use common::id::Round;
use common::limits::PROGRESS_INTERVAL_MS_MIN;

use super::super::agenda::Ms;
use super::super::plan::File;
use super::super::site::{Doing, Site};
use super::{Happening, Way, World};
use crate::limits::{OFFLINE_MS_MIN, SITE_BACKOFF_MS_MAX, SITE_PAUSE_MS_MIN, SITE_PROGRESS_MESSAGES_MAX};
use crate::round::effect::Admission;
use crate::round::event::Event;
use crate::round::state::RoundRecord;

/// From round to round a site's training varies by so much of what sites differ by.
const ROUND_SPREAD: f64 = 0.2;
/// How long sites are away: the standard deviation of the logarithm.
const AWAY_SPREAD: f64 = 1.0;

impl World<'_> {
    /// The site, if a plan of this life of it still holds.
    fn living(&mut self, site: usize, life: u32) -> Option<&mut Site> {
        self.sites.get_mut(site).filter(|found| found.life == life)
    }

    fn life(&self, site: usize) -> u32 {
        self.sites.get(site).map_or(0, |site| site.life)
    }

    /// Ends what was planned for a site.
    fn new_life(&mut self, site: usize) {
        if let Some(site) = self.sites.get_mut(site) {
            site.life = site.life.wrapping_add(1);
        }
    }

    /// The round that the scheduler has for a site.
    fn work(&self, site: usize) -> Option<u32> {
        let name = self.plan.sites.get(site)?;
        self.state()?.work_for(name).map(|record| record.round.0)
    }

    pub(super) fn asks_after(&mut self, site: usize, ms: Ms) {
        let life = self.life(site);
        self.after(ms, Happening::Asks { site, life });
    }

    /// A new round: whoever waits hears of it.
    pub(super) fn announce(&mut self) {
        let half = self.plan.network.round_trip_ms / 2;
        for site in 0..self.sites.len() {
            if self.sites.get(site).is_some_and(|site| site.doing == Doing::Waiting) {
                self.asks_after(site, half);
            }
        }
    }

    pub(super) fn asks(&mut self, site: usize, life: u32) {
        let (now, work) = (self.now, self.work(site));
        let Some(asker) = self.sites.get_mut(site).filter(|asker| asker.life == life) else { return };
        let Some(round) = work else {
            if matches!(asker.doing, Doing::Delivered | Doing::Pausing) {
                asker.now_does(Doing::Waiting, now);
            }
            return;
        };
        let waited_ms = match asker.doing {
            Doing::Waiting => now.saturating_sub(asker.since),
            Doing::Delivered | Doing::Pausing => 0,
            _ => return,
        };
        self.exchanges.polls(&mut asker.traffic, waited_ms, true);
        if asker.round != round {
            (asker.round, asker.heard_at, asker.away_in_round_ms) = (round, now, 0);
            asker.left_ms = 0;
        }
        asker.now_does(Doing::Fetching, now);
        let is_first = asker.holds == 0;
        let mut bytes = self.plan.update_bytes;
        self.exchanges.fetches(&mut asker.traffic, bytes);
        if is_first {
            self.exchanges.fetches(&mut asker.traffic, self.plan.manifest_bytes);
            bytes = bytes.saturating_add(self.plan.manifest_bytes);
        }
        self.transfer(Way::Down, site, bytes);
    }

    pub(super) fn fetched(&mut self, site: usize) {
        let life = self.life(site);
        self.after(self.plan.network.round_trip_ms, Happening::Begins { site, life });
    }

    pub(super) fn begins(&mut self, site: usize, life: u32) {
        let (now, work) = (self.now, self.work(site));
        let jitter = self.dice.factor(self.plan.work.spread * ROUND_SPREAD);
        let (leaves, when) = (self.dice.share() < self.plan.work.drop, self.dice.share());
        let median_ms = self.plan.work.train_ms;
        let Some(found) = self.living(site, life) else { return };
        found.holds = found.round;
        if work != Some(found.round) {
            return self.pauses(site);
        }
        // Saturating, as conversions of floats are.
        found.train_ms = (median_ms as f64 * found.speed * jitter).ceil() as Ms;
        (found.left_ms, found.fetched_at) = (found.train_ms, now);
        let (train_ms, round) = (found.train_ms, found.round);
        found.now_does(Doing::Training, now);
        let name = self.plan.sites.get(site).cloned();
        if let Some(name) = name {
            self.submit(Event::SiteReady { round: Round(round), site: name }, Some(site));
        }
        if leaves {
            self.after((train_ms as f64 * when) as Ms, Happening::Leaves { site, life });
        } else {
            self.after(train_ms, Happening::Trained { site, life });
        }
    }

    /// Its round is over: it says so, and asks again after a pause.
    fn pauses(&mut self, site: usize) {
        let now = self.now;
        if let Some(found) = self.sites.get_mut(site) {
            found.now_does(Doing::Pausing, now);
        }
        self.asks_after(site, SITE_PAUSE_MS_MIN + self.plan.network.round_trip_ms);
    }

    /// Length of the update of the round that a site is in.
    fn sent_bytes(&self, site: usize) -> u64 {
        self.plan.sent_bytes(self.sites.get(site).map_or(0, |site| site.round))
    }

    pub(super) fn trained(&mut self, site: usize, life: u32) {
        let (now, bytes) = (self.now, self.sent_bytes(site));
        let parts = self.progress_parts();
        let Some(found) = self.sites.get_mut(site).filter(|found| found.life == life) else { return };
        found.trained_at = now;
        let messages = parts.min(found.train_ms / PROGRESS_INTERVAL_MS_MIN).max(1);
        self.exchanges.trains(&mut found.traffic, messages);
        self.exchanges.sends(&mut found.traffic, bytes);
        found.now_does(Doing::Sending, now);
        self.after(self.plan.network.round_trip_ms, Happening::Sends { site, life });
    }

    pub(super) fn sends(&mut self, site: usize, life: u32) {
        if self.living(site, life).is_none() {
            return;
        }
        let bytes = self.sent_bytes(site);
        self.disk.begin(bytes);
        self.transfer(Way::Up, site, bytes);
    }

    pub(super) fn sent(&mut self, site: usize) {
        let now = self.now;
        if let Some(found) = self.sites.get_mut(site) {
            self.exchanges.commits(&mut found.traffic);
            found.now_does(Doing::Delivered, now);
        }
        self.transfer(Way::Check, site, self.sent_bytes(site));
    }

    pub(super) fn checked(&mut self, site: usize) {
        let Some(found) = self.sites.get(site) else { return };
        let (round, bytes) = (found.round, self.plan.sent_bytes(found.round));
        let Some(name) = self.plan.sites.get(site).cloned() else { return };
        let digest = File::Update.name(round, site);
        // Its records are its own claim; how much it weighs costs no time.
        let event = Event::UpdateStored { round: Round(round), site: name, digest, bytes, records: 1 };
        self.submit(event, Some(site));
    }

    /// It has its receipt, or hears that it was too late.
    pub(super) fn answered(&mut self, site: usize, admission: Option<Admission>) {
        let now = self.now;
        let round = self.sites.get(site).map_or(0, |site| site.round);
        if admission == Some(Admission::Welcome) {
            self.disk.finish(File::Update.name(round, site), self.plan.sent_bytes(round), now);
            self.counted(Some(site));
            self.asks_after(site, self.plan.network.round_trip_ms);
        } else {
            self.pauses(site);
        }
        self.look_at_disk();
    }

    /// A site whose round was closed without it hears so with its next message.
    pub(super) fn hears_too_late(&mut self, site: usize) {
        let (now, parts) = (self.now, self.progress_parts());
        let Some(found) = self.sites.get(site) else { return };
        let hears_ms = match found.doing {
            Doing::Training => {
                let done_ms = found.left_ms.min(now.saturating_sub(found.since));
                let pace_ms = (found.train_ms / parts).max(PROGRESS_INTERVAL_MS_MIN);
                pace_ms.min(found.left_ms.saturating_sub(done_ms))
            }
            Doing::Sending => {
                let whole = self.sent_bytes(site);
                let left = self.stop(Way::Up, site).unwrap_or(whole);
                if let Some(found) = self.sites.get_mut(site) {
                    found.traffic.not_sent(left);
                }
                0
            }
            _ => return,
        };
        self.new_life(site);
        if let Some(found) = self.sites.get_mut(site) {
            found.now_does(Doing::Pausing, now);
        }
        let round_trip_ms = self.plan.network.round_trip_ms;
        self.asks_after(site, hears_ms.saturating_add(SITE_PAUSE_MS_MIN + round_trip_ms));
    }

    pub(super) fn leaves(&mut self, site: usize, life: u32) {
        let now = self.now;
        // It reconnects at the latest so long after it could.
        let backoff_ms = (self.dice.share() * SITE_BACKOFF_MS_MAX as f64) as Ms;
        let away_ms = (self.plan.work.away_ms as f64 * self.dice.factor(AWAY_SPREAD)) as Ms;
        let Some(found) = self.living(site, life) else { return };
        let done_ms = now.saturating_sub(found.since);
        found.left_ms = found.left_ms.saturating_sub(done_ms);
        found.now_does(Doing::Away, now);
        self.new_life(site);
        let life = self.life(site);
        self.after(OFFLINE_MS_MIN, Happening::Missed { site, life });
        self.after(away_ms.saturating_add(backoff_ms), Happening::Returns { site, life });
    }

    pub(super) fn missed(&mut self, site: usize, life: u32) {
        if let Some(found) = self.living(site, life) {
            found.is_missed = true;
            self.plan_look();
        }
    }

    pub(super) fn returns(&mut self, site: usize, life: u32) {
        let (now, work, round_trip_ms) = (self.now, self.work(site), self.plan.network.round_trip_ms);
        let Some(found) = self.sites.get_mut(site).filter(|found| found.life == life) else { return };
        self.exchanges.connects(&mut found.traffic);
        let gone_ms = now.saturating_sub(found.since);
        found.away_ms = found.away_ms.saturating_add(gone_ms);
        found.away_in_round_ms = found.away_in_round_ms.saturating_add(gone_ms);
        found.is_missed = false;
        self.new_life(site);
        let Some(found) = self.sites.get_mut(site) else { return };
        let (life, left_ms, is_on) = (found.life, found.left_ms, work == Some(found.round));
        if is_on {
            // From its last checkpoint, which is a moment old.
            self.exchanges.polls(&mut found.traffic, 0, true);
            found.now_does(Doing::Training, now);
            self.after(left_ms.saturating_add(round_trip_ms), Happening::Trained { site, life });
        } else {
            found.now_does(Doing::Pausing, now);
            self.asks_after(site, round_trip_ms);
        }
    }

    /// In how many parts a site tells of a round.
    fn progress_parts(&self) -> u64 {
        match self.plan.spec.training.steps {
            Some(..10) => 1,
            Some(10..50) => 10,
            _ => SITE_PROGRESS_MESSAGES_MAX,
        }
    }

    /// Whether only sites that are out of reach have not delivered.
    pub(super) fn are_others_out_of_reach(&self, record: &RoundRecord) -> bool {
        let names = self.plan.sites.iter().zip(&self.sites);
        names.clone().any(|(_, site)| site.is_missed)
            && names.into_iter().all(|(name, site)| {
                site.is_missed || !record.is_chosen(name) || record.updates.contains_key(name)
            })
    }
}
