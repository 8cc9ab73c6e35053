//! One simulation: the real scheduler between modelled sites, lines, journal and disk, in virtual time.
//! Called by `simulate`. What happens to a site stands in `visits`, what the coordinator does in `effects`,
//! what a round cost in `rounds`. Invariants: every state is one that `round::step` made; the same plan and
//! seed give the same course; it ends, at the latest after `SIMULATED_STEPS_MAX` happenings.

use std::collections::BTreeMap;

use common::id::SiteId;

use super::agenda::{Agenda, Ms};
use super::dice::Dice;
use super::disk::Disk;
use super::line::Line;
use super::plan::{Plan, moment};
use super::rounds::{RoundCost, Stamps};
use super::site::{Doing, Site};
use super::traffic::{Exchanges, on_line};
use crate::limits::SIMULATED_STEPS_MAX;
use crate::round::effect::{Admission, Effect};
use crate::round::event::Event;
use crate::round::scheduler;
use crate::round::state::RunState;

mod effects;
mod rounds_end;
mod visits;

/// A row of the journal is on the disk: an fsync and a little more. The driver takes one event after another.
pub(super) const ROW_MS: Ms = 4;

/// Which line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Up,
    Down,
    /// The coordinator's look at what arrived: hash and values.
    Check,
}

/// What can happen.
#[derive(Debug)]
pub(super) enum Happening {
    /// A site hears what the coordinator has for it.
    Asks { site: usize, life: u32 },
    /// It has the adapter, and begins to train.
    Begins { site: usize, life: u32 },
    /// It has its update.
    Trained { site: usize, life: u32 },
    /// Its offer was taken: bytes flow.
    Sends { site: usize, life: u32 },
    /// It loses its connection, or its machine.
    Leaves { site: usize, life: u32 },
    /// The coordinator takes it for offline.
    Missed { site: usize, life: u32 },
    /// It is back.
    Returns { site: usize, life: u32 },
    /// Somebody's transfer ends, unless the line has changed since.
    Ends { way: Way, number: u64 },
    /// An effect of the coordinator's ends in this event.
    Done { event: Box<Event> },
    /// An event is in the journal.
    Commits { event: Box<Event>, site: Option<usize> },
    /// The scheduler's next deadline.
    Tick,
    /// The driver sees who is out of reach.
    Looks,
}

/// Everything.
pub(super) struct World<'a> {
    pub(super) plan: &'a Plan,
    pub(super) now: Ms,
    agenda: Agenda<Happening>,
    /// There, but while the scheduler has it.
    state: Option<RunState>,
    pub(super) sites: Vec<Site>,
    index: BTreeMap<SiteId, usize>,
    dice: Dice,
    exchanges: Exchanges,
    up: Line,
    down: Line,
    check: Line,
    numbers: [u64; 3],
    pub(super) disk: Disk,
    /// When the driver has time for the next event.
    driver_free: Ms,
    ticked_at: Option<Ms>,
    /// A look at who is out of reach is planned.
    looks: bool,
    is_beside: bool,
    pub(super) rows: u64,
    pub(super) stamps: Stamps,
    pub(super) rounds: Vec<RoundCost>,
    pub(super) over_at: Option<Ms>,
}

impl<'a> World<'a> {
    pub(super) fn new(plan: &'a Plan, seed: u64) -> Self {
        let mut speeds = Dice::of(seed, 1);
        let exchanges = Exchanges::of(plan);
        let sites: Vec<Site> =
            plan.sites.iter().map(|_| Site::new(speeds.factor(plan.work.spread), &exchanges)).collect();
        let (network, count) = (plan.network, sites.len());
        let cores = plan.machine.cores.max(1) as f64;
        let mut disk = Disk::default();
        for (name, bytes) in plan.first_files() {
            disk.put(name, bytes, 0);
        }
        Self {
            plan,
            now: 0,
            agenda: Agenda::default(),
            state: None,
            sites,
            index: plan.sites.iter().cloned().enumerate().map(|(index, site)| (site, index)).collect(),
            dice: Dice::of(seed, 2),
            exchanges,
            up: Line::new(network.up, network.coordinator, count),
            down: Line::new(network.down, network.coordinator, count),
            check: Line::new(plan.machine.average / cores, plan.machine.average, count),
            numbers: [0; 3],
            disk,
            driver_free: 0,
            ticked_at: None,
            looks: false,
            is_beside: false,
            rows: 1,
            stamps: Stamps::default(),
            rounds: Vec::new(),
            over_at: None,
        }
    }

    /// From the launch to the end of the run; false where that takes too many steps.
    pub(super) fn run(&mut self) -> bool {
        let (state, asked) = scheduler::launch(self.plan.launched(), moment(0));
        self.state = Some(state);
        self.perform(asked);
        for _ in 0..SIMULATED_STEPS_MAX {
            if self.over_at.is_some() {
                return true;
            }
            let Some((at, happening)) = self.agenda.take_next() else { return false };
            self.now = at;
            self.happens(happening);
        }
        false
    }

    /// What sites that wait have asked since.
    pub(super) fn finish(&mut self) {
        let now = self.now;
        for site in self.sites.iter_mut().filter(|site| site.doing == Doing::Waiting) {
            self.exchanges.polls(&mut site.traffic, now.saturating_sub(site.since), false);
        }
    }

    pub(super) fn state(&self) -> Option<&RunState> {
        self.state.as_ref()
    }

    /// Most transfers at once.
    pub(super) fn transfers_most(&self) -> usize {
        self.up.most.max(self.down.most)
    }

    fn after(&mut self, ms: Ms, what: Happening) {
        self.agenda.plan(self.now.saturating_add(ms), what);
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Asks { site, life } => self.asks(site, life),
            Happening::Begins { site, life } => self.begins(site, life),
            Happening::Trained { site, life } => self.trained(site, life),
            Happening::Sends { site, life } => self.sends(site, life),
            Happening::Leaves { site, life } => self.leaves(site, life),
            Happening::Missed { site, life } => self.missed(site, life),
            Happening::Returns { site, life } => self.returns(site, life),
            Happening::Ends { way, number } => self.ends(way, number),
            Happening::Done { event } => self.submit(*event, None),
            Happening::Commits { event, site } => self.commits(&event, site),
            Happening::Tick => self.tick(),
            Happening::Looks => self.look(),
        }
    }

    fn line(&mut self, way: Way) -> &mut Line {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
            Way::Check => &mut self.check,
        }
    }

    fn transfer(&mut self, way: Way, site: usize, bytes: u64) {
        let (now, bytes) = (self.now, if way == Way::Check { bytes } else { on_line(bytes) });
        self.line(way).begin(now, site, bytes);
        self.plan_end(way);
    }

    /// Returns the bytes that were not moved; `None` of a transfer that had not begun.
    fn stop(&mut self, way: Way, site: usize) -> Option<u64> {
        let now = self.now;
        let left = self.line(way).stop(now, site);
        self.plan_end(way);
        left
    }

    fn plan_end(&mut self, way: Way) {
        let number = &mut self.numbers[way as usize];
        *number += 1;
        let number = *number;
        if let Some(at) = self.line(way).next_end() {
            self.agenda.plan(at, Happening::Ends { way, number });
        }
    }

    fn ends(&mut self, way: Way, number: u64) {
        if self.numbers[way as usize] != number {
            return;
        }
        let now = self.now;
        for site in self.line(way).ended(now) {
            match way {
                Way::Down => self.fetched(site),
                Way::Up => self.sent(site),
                Way::Check => self.checked(site),
            }
        }
        self.plan_end(way);
    }

    /// The driver takes an event when it has time, and answers when its row is on the disk.
    fn submit(&mut self, event: Event, site: Option<usize>) {
        self.driver_free = self.driver_free.max(self.now).saturating_add(ROW_MS);
        self.agenda.plan(self.driver_free, Happening::Commits { event: Box::new(event), site });
    }

    /// One step of the real scheduler. Returns how an update was answered.
    fn step(&mut self, event: &Event) -> Option<Admission> {
        let before = self.state.take()?;
        let (was_open, rounds) = (before.is_open(), before.rounds.len());
        let (next, asked) = scheduler::step(before, event, moment(self.now));
        let admission = asked.iter().find_map(|effect| match effect {
            Effect::Answer(admission) => Some(*admission),
            _ => None,
        });
        let is_refused = admission.is_some_and(|admission| admission != Admission::Welcome);
        let is_idle = matches!(event, Event::Tick) && asked.is_empty();
        self.rows += u64::from(!is_refused && !is_idle);
        let is_closed = was_open && (!next.is_open() || next.rounds.len() != rounds);
        self.state = Some(next);
        if is_closed {
            self.closed(event);
        }
        self.perform(asked);
        self.plan_tick();
        admission
    }

    fn commits(&mut self, event: &Event, site: Option<usize>) {
        let admission = self.step(event);
        match (event, site) {
            (Event::UpdateStored { .. }, Some(site)) => self.answered(site, admission),
            (Event::AggregationErrorFound { .. }, _) => self.found_error(),
            _ => {}
        }
        self.plan_look();
    }

    /// The driver sleeps until the scheduler's next deadline.
    fn plan_tick(&mut self) {
        let deadline = self.state().and_then(RunState::next_deadline).map(|at| at.0);
        if deadline != self.ticked_at {
            self.ticked_at = deadline;
            if let Some(at) = deadline {
                self.agenda.plan(at.max(self.now), Happening::Tick);
            }
        }
    }

    fn tick(&mut self) {
        let is_due = self.state().and_then(RunState::next_deadline).is_some_and(|at| at.0 <= self.now);
        if is_due {
            self.step(&Event::Tick);
        }
    }
}
