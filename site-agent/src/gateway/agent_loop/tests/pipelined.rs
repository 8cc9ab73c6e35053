//! Several chunks and questions on their way at once, and lines that break under them.

use super::*;

const MIB: u64 = 1 << 20;

/// A coordinator that keeps of an update what arrives in order.
#[derive(Default)]
struct Keeping {
    have: u64,
    is_cut: bool,
}

impl Keeping {
    /// Its answer to what belongs to an upload; everything is lost from a cut to the next line.
    fn answer(&mut self, honest: &mut Honest, request: &Request) -> Option<Answer> {
        match request {
            Request::Hello { .. } => {
                self.is_cut = false;
                None
            }
            _ if self.is_cut => plain(LOST),
            Request::Offer { key, digest, bytes, .. } => {
                honest.update = Some((*key, *digest, *bytes));
                plain(Response::Continue { next_offset: self.have })
            }
            Request::Chunk { offset, length, .. } => {
                if *offset == self.have {
                    self.have += u64::from(*length);
                }
                plain(Response::Continue { next_offset: self.have })
            }
            _ => None,
        }
    }
}

fn chunks(told: &Told) -> Vec<u64> {
    let offset = |request: &Request| match request {
        Request::Chunk { offset, .. } => Some(*offset),
        _ => None,
    };
    told.arrived.iter().filter_map(offset).collect()
}

/// How many chunks came on each line that carried one.
fn chunks_by_line(told: &Told) -> Vec<usize> {
    let lines = told.arrived.split(|request| matches!(request, Request::Hello { .. }));
    let count = |line: &[Request]| line.iter().filter(|it| matches!(it, Request::Chunk { .. })).count();
    lines.map(count).filter(|count| *count > 0).collect()
}

#[test]
fn a_line_that_breaks_under_several_chunks_goes_on_where_the_coordinator_has_all() {
    let site = Site::new();
    let mut honest = Honest::new();
    honest.assign(key(1, 1), &manifest(1));
    let (mut keeping, mut breaks) = (Keeping::default(), 1);
    let cuts = move |honest: &mut Honest, request: &Request| {
        if matches!(request, Request::Chunk { offset: MIB, .. }) && breaks > 0 {
            breaks -= 1;
            // It has the chunk, and nobody hears so; what is behind it never arrives.
            keeping.answer(honest, request);
            keeping.is_cut = true;
            return plain(LOST);
        }
        keeping.answer(honest, request)
    };
    let told = site.run(honest, cuts, polls(2), WITHIN);
    assert_eq!(told.honest.acknowledged, [key(1, 1)]);
    assert_eq!(chunks(&told), [0, MIB, 2 * MIB, 3 * MIB, 2 * MIB, 3 * MIB], "from its last byte on");
    assert_eq!(told.not_done(), []);
}

#[test]
fn a_line_that_carries_no_chunk_is_given_up_and_never_carries_many_at_once_again() {
    let site = Site::new();
    let mut honest = Honest::new();
    honest.assign(key(1, 1), &manifest(1));
    let mut keeping = Keeping::default();
    let cuts = move |honest: &mut Honest, request: &Request| {
        if matches!(request, Request::Chunk { .. }) {
            keeping.is_cut = true;
        }
        keeping.answer(honest, request)
    };
    let is_over = |arrived: &[Request]| {
        arrived.iter().filter(|request| matches!(request, Request::Chunk { .. })).count() >= 7
    };
    let told = site.run(honest, cuts, is_over, WITHIN);
    assert_eq!(chunks_by_line(&told), [4, 1, 1, 1], "four, then one on each line");
}

/// What was lost together goes alone, each behind the answer to the one before: a line that breaks after
/// every chunk or two would otherwise use up the day.
#[test]
fn as_many_go_alone_as_were_lost_before_several_go_together_again() {
    let site = Site::new();
    let mut honest = Honest::new();
    honest.assign(key(1, 1), &manifest(1));
    let (mut keeping, mut cuts) = (Keeping::default(), vec![MIB, 0]);
    let breaking = move |honest: &mut Honest, request: &Request| {
        // All of the first line is lost, and of the second all behind its first chunk.
        let is_next = matches!(request, Request::Chunk { offset, .. } if cuts.last() == Some(offset));
        if is_next && !keeping.is_cut {
            cuts.pop();
            keeping.is_cut = true;
        }
        keeping.answer(honest, request)
    };
    let told = site.run(honest, breaking, polls(2), WITHIN);
    assert_eq!((told.honest.acknowledged.len(), told.not_done()), (1, vec![]));
    assert_eq!(chunks_by_line(&told), [4, 2, 3], "the second and third follow on an answer each");
}

/// Two lines of a site raced: the coordinator has more than it was asked to take, or less.
#[test]
fn an_answer_that_names_another_place_is_followed() {
    for (at, place) in [(0, 3 * MIB), (2 * MIB, MIB)] {
        let site = Site::new();
        let mut honest = Honest::new();
        honest.assign(key(1, 1), &manifest(1));
        let (mut keeping, mut jumps) = (Keeping::default(), 1);
        let jumping = move |honest: &mut Honest, request: &Request| {
            if matches!(request, Request::Chunk { offset, .. } if *offset == at) && jumps > 0 {
                jumps -= 1;
                keeping.have = place;
                return plain(Response::Continue { next_offset: place });
            }
            keeping.answer(honest, request)
        };
        let told = site.run(honest, jumping, polls(2), WITHIN);
        assert_eq!((told.honest.acknowledged.len(), told.not_done()), (1, vec![]), "{at}");
        assert!(chunks(&told).len() <= 8, "{:?}", chunks(&told));
    }
}

#[test]
fn a_file_is_fetched_whole_though_pieces_are_short_or_lost_or_the_coordinator_is_busy() {
    for fault in 0..3 {
        let site = Site::new();
        let mut honest = Honest::new();
        honest.assign(key(1, 1), &manifest(1));
        let mut faults = 1;
        let odd = move |honest: &mut Honest, request: &Request| {
            let Request::Fetch { digest, offset: MIB } = request else { return None };
            if faults == 0 {
                return None;
            }
            faults -= 1;
            if fault == 0 {
                return plain(LOST);
            }
            if fault == 1 {
                return plain(Response::Busy { retry_after_ms: 1 });
            }
            let bytes = &honest.files[digest];
            let payload = bytes[MIB as usize..][..1000].to_vec();
            let response = Response::Blob { offset: MIB, length: 1000, total: bytes.len() as u64 };
            Some(Answer { response, payload })
        };
        let told = site.run(honest, odd, polls(2), WITHIN);
        assert_eq!((told.honest.acknowledged.len(), told.not_done()), (1, vec![]), "fault {fault}");
        // Four pieces, and the terms, which have one: two questions a piece, those that were lost among them.
        let asked = told.count(|request| matches!(request, Request::Fetch { .. }));
        assert!(asked <= 2 * (4 + 1), "fault {fault}: {asked} questions");
    }
}
