//! Which handshakes are in progress at an endpoint, and who gives way when there are too many. Used by
//! `accept`. Invariants: at most `INCOMING_MAX`; nobody waits for a place: the one that has been at it
//! longest gives way, and one from an address that a member has used gives way to another such one only.

use std::collections::VecDeque;
use std::net::IpAddr;

use crate::limits::{INCOMING_MAX, KNOWN_ADDRESSES_MAX};

/// Handshakes in progress, the oldest first. `T` is what ends one: a task's handle.
#[derive(Debug)]
pub(super) struct Handshakes<T> {
    pending: VecDeque<Handshake<T>>,
    /// Addresses of members, the one that was seen longest ago first.
    known: VecDeque<IpAddr>,
}

#[derive(Debug)]
struct Handshake<T> {
    from: IpAddr,
    task: T,
}

/// Whether a handshake may begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place<T> {
    /// There is room.
    Free,
    /// This one has to end.
    Instead(T),
    /// All places are those of members, and this is nobody known.
    Taken,
}

impl<T> Handshakes<T> {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { pending: VecDeque::new(), known: VecDeque::new() }
    }

    /// Finds a place for a handshake from `from`.
    pub(super) fn place(&mut self, from: IpAddr) -> Place<T> {
        if self.pending.len() < INCOMING_MAX {
            return Place::Free;
        }
        let stranger = self.pending.iter().position(|handshake| !self.known.contains(&handshake.from));
        let oldest = self.known.contains(&from).then_some(0);
        match stranger.or(oldest).and_then(|index| self.pending.remove(index)) {
            Some(handshake) => Place::Instead(handshake.task),
            None => Place::Taken,
        }
    }

    /// Notes one that began.
    pub(super) fn begun(&mut self, from: IpAddr, task: T) {
        self.pending.push_back(Handshake { from, task });
    }

    /// Forgets one that ended.
    pub(super) fn ended(&mut self, ended: impl Fn(&T) -> bool) {
        self.pending.retain(|handshake| !ended(&handshake.task));
    }

    /// Remembers the address of a peer that proved to be a member.
    pub(super) fn remember(&mut self, from: IpAddr) {
        self.known.retain(|known| *known != from);
        self.known.push_back(from);
        if self.known.len() > KNOWN_ADDRESSES_MAX {
            self.known.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    fn begin(handshakes: &mut Handshakes<u32>, number: u32) -> Place<u32> {
        let place = handshakes.place(address(number));
        if place != Place::Taken {
            handshakes.begun(address(number), number);
        }
        place
    }

    #[test]
    fn the_oldest_stranger_gives_way_and_no_member_to_a_stranger() {
        let mut handshakes = Handshakes::new();
        handshakes.remember(address(0));
        for number in 0..INCOMING_MAX as u32 {
            assert_eq!(begin(&mut handshakes, number), Place::Free);
        }
        assert_eq!(begin(&mut handshakes, 10_000), Place::Instead(1), "the oldest, but for the member");
        assert_eq!(begin(&mut handshakes, 0), Place::Instead(2), "a member always gets in");
        handshakes.ended(|task| *task == 3);
        assert_eq!(begin(&mut handshakes, 10_001), Place::Free);
        assert_eq!(handshakes.pending.len(), INCOMING_MAX);
    }

    #[test]
    fn members_share_among_themselves_and_are_remembered_in_bounded_number() {
        let mut handshakes = Handshakes::new();
        for number in 0..2 * KNOWN_ADDRESSES_MAX as u32 {
            handshakes.remember(address(number));
        }
        assert_eq!(handshakes.known.len(), KNOWN_ADDRESSES_MAX);
        let member = 2 * KNOWN_ADDRESSES_MAX as u32 - 1;
        for _ in 0..INCOMING_MAX {
            begin(&mut handshakes, member);
        }
        assert_eq!(begin(&mut handshakes, 1), Place::Taken, "a stranger; it was forgotten");
        assert_eq!(begin(&mut handshakes, member), Place::Instead(member));
    }
}
