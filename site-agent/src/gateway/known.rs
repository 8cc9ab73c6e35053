//! How far this site is with a round, from what it remembers of it. Pure. Called by `agent_loop::giving_up`,
//! which reads the database, and by the simulator (`tests/simulation`). Invariant: an update that was made is
//! the only one of its round.

use common::wire::message::TrainFailure;

use super::state::Known;

/// What a site remembers of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Whether the outbox still has the update, if one was made.
    pub update: Option<bool>,
    /// Whether the run is over for this site.
    pub is_over: bool,
    /// Failures of the worker.
    pub failures: u32,
    /// Why the round was given up.
    pub given_up: Option<TrainFailure>,
    /// Whether this process has told the coordinator so.
    pub is_told: bool,
}

impl Memory {
    /// How far it is.
    #[must_use]
    pub fn known(self) -> Known {
        let Self { update, is_over, failures, given_up, is_told } = self;
        match (update, given_up) {
            _ if is_over => Known::Over,
            // Removed when the run was over, or to make room.
            (Some(false), _) => Known::Over,
            (Some(true), _) => Known::Protected,
            // Given up before this process began: a person may have mended the reason and started it anew.
            (None, Some(reason)) if !is_told && is_mended_by_people(reason) => Known::Nothing { failures },
            (None, Some(reason)) => Known::GivenUp { reason, is_told },
            (None, None) => Known::Nothing { failures },
        }
    }
}

/// Files, folders and rules are a person's; what the process itself made of a round stays.
fn is_mended_by_people(reason: TrainFailure) -> bool {
    match reason {
        TrainFailure::NoRecords
        | TrainFailure::DataUnreadable
        | TrainFailure::BaseUnreadable
        | TrainFailure::BaseMismatch
        | TrainFailure::NotAllowed => true,
        TrainFailure::OutOfMemory
        | TrainFailure::WorkerFailed
        | TrainFailure::UpdateRejected
        | TrainFailure::OverlapFailed => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Memory =
        Memory { update: None, is_over: false, failures: 2, given_up: None, is_told: false };

    #[test]
    fn an_update_that_was_made_is_sent_and_none_is_made_beside_it() {
        assert_eq!(NOTHING.known(), Known::Nothing { failures: 2 });
        let made = Memory { update: Some(true), given_up: Some(TrainFailure::OutOfMemory), ..NOTHING };
        assert_eq!(made.known(), Known::Protected);
        assert_eq!(Memory { update: Some(false), ..made }.known(), Known::Over, "its file is gone");
        assert_eq!(Memory { is_over: true, ..made }.known(), Known::Over);
    }

    #[test]
    fn what_people_mend_is_tried_again_by_the_next_process_only() {
        let of = |reason, is_told| Memory { given_up: Some(reason), is_told, ..NOTHING }.known();
        assert_eq!(of(TrainFailure::NoRecords, false), Known::Nothing { failures: 2 });
        let reason = TrainFailure::NoRecords;
        assert_eq!(of(reason, true), Known::GivenUp { reason, is_told: true });
        let reason = TrainFailure::WorkerFailed;
        assert_eq!(of(reason, false), Known::GivenUp { reason, is_told: false });
    }
}
