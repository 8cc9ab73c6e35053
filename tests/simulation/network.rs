//! The line between sites and the coordinator: what is sent arrives later, in another order, twice, or not
//! at all. Modelled: QUIC itself repeats what is lost and never doubles; here a lost exchange is one whose
//! connection broke, and a doubled one is an older request that was held up while the site asked anew.

use super::agenda::Ms;
use super::context::{Context, Happening, Packet};
use super::dice::Dice;

/// How the line is now.
#[derive(Debug)]
pub(crate) struct Network {
    dice: Vec<Dice>,
    /// So many partitions are around a site.
    cut: Vec<u32>,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) slow_ms: Ms,
}

impl Network {
    pub(crate) fn new(seed: u64, sites: usize) -> Self {
        let dice = (0..sites as u64).map(|site| Dice::of(seed, 1_000_000 + site)).collect();
        Self { dice, cut: vec![0; sites], lost: 0, doubled: 0, slow_ms: 0 }
    }

    pub(crate) fn is_cut(&self, site: usize) -> bool {
        self.cut[site] > 0
    }

    /// Cuts off `count` sites from `first` on, or ends that.
    pub(crate) fn cut(&mut self, first: usize, count: usize, is_cut: bool) {
        let sites = self.cut.len();
        for site in (first..first + count).map(|site| site % sites) {
            self.cut[site] = if is_cut { self.cut[site] + 1 } else { self.cut[site].saturating_sub(1) };
        }
    }

    pub(crate) fn heal(&mut self) {
        self.cut.fill(0);
        (self.lost, self.doubled, self.slow_ms) = (0, 0, 0);
    }

    /// When a message to or from this site arrives, for each of its copies.
    fn delays(&mut self, site: usize) -> Vec<Ms> {
        let (lost, doubled, slow_ms) = (self.lost, self.doubled, self.slow_ms);
        let dice = &mut self.dice[site];
        let mut copies = u32::from(!dice.in_thousand(lost));
        copies += u32::from(copies > 0 && dice.in_thousand(doubled));
        if self.cut[site] > 0 {
            return Vec::new();
        }
        (0..copies).map(|_| dice.between(5, 80) + dice.below(slow_ms + 1)).collect()
    }
}

/// Sends a packet; `wrap` says in which direction.
pub(crate) fn send(context: &mut Context, packet: &Packet, wrap: fn(Packet) -> Happening) {
    for delay_ms in context.network.delays(packet.asker.site) {
        context.after(delay_ms, wrap(packet.clone()));
    }
}
