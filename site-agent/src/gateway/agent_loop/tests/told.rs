//! What came of a test of the loop. Used by all of them.

use super::*;

/// What arrived, what was said, and what the coordinator holds now.
pub(super) struct Told {
    pub(super) arrived: Vec<Request>,
    pub(super) bytes: Vec<Vec<u8>>,
    pub(super) notices: Vec<Notice>,
    pub(super) honest: Honest,
}

impl Told {
    pub(super) fn count(&self, is_it: impl Fn(&Request) -> bool) -> usize {
        self.arrived.iter().filter(|request| is_it(request)).count()
    }

    pub(super) fn not_done(&self) -> Vec<NotDone> {
        let why = |notice: &Notice| match notice {
            Notice::NotDone { why } => Some(*why),
            _ => None,
        };
        self.notices.iter().filter_map(why).collect()
    }

    pub(super) fn failures(&self) -> Vec<TrainFailure> {
        let reason = |request: &Request| match request {
            Request::Failed { reason, .. } => Some(*reason),
            _ => None,
        };
        self.arrived.iter().filter_map(reason).collect()
    }
}
