//! A coordinator that wears a site down, answers oddly, or was restored from a backup.

use super::*;

#[test]
fn an_honest_round_is_trained_sent_and_acknowledged() {
    let site = Site::new();
    let mut honest = Honest::new();
    honest.assign(key(1, 1), &manifest(1));
    let told = site.run(honest, honestly, polls(2), WITHIN);
    assert_eq!(told.honest.acknowledged, [key(1, 1)]);
    assert_eq!(told.not_done(), []);
    let bytes = told.count(|request| matches!(request, Request::Chunk { .. }));
    assert_eq!(bytes, 4, "3 MiB and a header");
}

#[test]
fn polls_that_are_answered_at_once_with_nothing_come_at_the_sites_own_pace() {
    for answer in [Work::Nothing, Work::Finished { run: RunId([1; 8]) }] {
        let site = Site { hurry: 1, ..Site::new() };
        let nothing = move |_: &mut Honest, request: &Request| match request {
            Request::Poll { .. } => plain(Response::Work(answer.clone())),
            _ => None,
        };
        let told = site.run(Honest::new(), nothing, |_| false, Duration::from_millis(3500));
        assert!(told.arrived.len() <= 4, "{} frames in 3.5 s", told.arrived.len());
    }
}

#[test]
fn a_round_that_is_given_up_is_told_once_and_tried_again_when_somebody_has_mended_it() {
    let strict = PolicyConfig { records_min: 1000, ..PolicyConfig::default() };
    let site = Site { policy: strict, ..Site::new() };
    let mut honest = Honest::new();
    honest.assign(key(1, 1), &manifest(1));
    let told = site.run(honest, honestly, polls(6), WITHIN);
    assert_eq!(told.failures(), [TrainFailure::NotAllowed], "one report, then patience");
    let again = |notice: &&Notice| matches!(notice, Notice::CannotTrain { .. } | Notice::Forbidden { .. });
    assert_eq!(told.notices.iter().filter(again).count(), 2, "the person hears it once");
    let site = Site { policy: PolicyConfig::default(), ..site };
    let told = site.run(told.honest, honestly, polls(2), WITHIN);
    assert_eq!((told.failures(), told.honest.acknowledged), (vec![], vec![key(1, 1)]));
}

#[test]
fn an_update_that_is_asked_for_again_and_again_leaves_a_bounded_number_of_times() {
    let site = Site::new();
    let mut honest = Honest::new();
    honest.assign(key(1, 1), &manifest(1));
    let from_the_start = |_: &mut Honest, request: &Request| match request {
        Request::Chunk { .. } | Request::Commit { .. } => plain(Response::Continue { next_offset: 0 }),
        _ => None,
    };
    let told = site.run(honest, from_the_start, polls(12), WITHIN);
    let sent: u64 = told.bytes.iter().map(|bytes| bytes.len() as u64).sum();
    let size = 3 * 1024 * 1024 + 1000;
    let largest = (crate::limits::SENT_TIMES_MAX * size).max(crate::limits::SENT_BYTES_MIN);
    assert!(sent > size && sent < largest + 100_000, "{sent} bytes left, {largest} may");
    assert!(told.not_done().contains(&NotDone::SentTooOften));
}

#[test]
fn a_file_of_any_announced_size_is_fetched_within_its_bound_only() {
    let policy = PolicyConfig { update_bytes_max: 4 << 20, ..PolicyConfig::default() };
    for (manifest_bytes, adapter_bytes) in
        [(Some(300 << 20), 1000), (Some(0), 1000), (None, 0), (None, (4 << 20) + 1), (None, u64::MAX)]
    {
        let site = Site { policy: policy.clone(), ..Site::new() };
        let mut honest = Honest::new();
        let Work::Train { key, manifest, manifest_bytes: ours, adapter, .. } =
            honest.assign(key(1, 1), &manifest(1))
        else {
            unreachable!()
        };
        let manifest_bytes = manifest_bytes.unwrap_or(ours);
        honest.work = Some(Work::Train { key, manifest, manifest_bytes, adapter, adapter_bytes });
        let told = site.run(honest, honestly, polls(3), WITHIN);
        assert!(told.not_done().contains(&NotDone::FileTooLarge), "{manifest_bytes} {adapter_bytes}");
        assert!(told.failures().iter().all(|reason| *reason == TrainFailure::NotAllowed));
        let asked = |digest| {
            told.count(|request| matches!(request, Request::Fetch { digest: at, .. } if *at == digest))
        };
        assert!(asked(adapter) == 0 && asked(manifest) <= 1, "nothing of it was fetched");
    }
}

#[test]
fn a_file_that_comes_in_crumbs_or_never_ends_is_left() {
    type Crumbs = fn(u64, u64) -> (u64, usize);
    let kinds: [(&str, Crumbs); 4] = [
        ("one byte at a time", |offset, _| (offset, 1)),
        ("always the first piece", |_, _| (0, 100)),
        ("nothing", |offset, _| (offset, 0)),
        ("more than there is", |offset, total| (offset, (total - offset) as usize + 1)),
    ];
    for (name, crumbs) in kinds {
        let site = Site::new();
        let mut honest = Honest::new();
        honest.assign(key(1, 1), &manifest(1));
        let odd = move |honest: &mut Honest, request: &Request| {
            let Request::Fetch { digest, offset } = request else { return None };
            let total = honest.files.get(digest)?.len() as u64;
            let (at, length) = crumbs(*offset, total);
            let response = Response::Blob { offset: at, length: length as u32, total };
            Some(Answer { response, payload: vec![7; length] })
        };
        let told = site.run(honest, odd, polls(3), WITHIN);
        assert!(told.not_done().contains(&NotDone::FileNotAsAnnounced), "{name}");
        let asked = told.count(|request| matches!(request, Request::Fetch { .. }));
        assert!(asked <= 8, "{name}: {asked} questions");
    }
}

#[test]
fn a_coordinator_restored_from_a_backup_ends_no_agent() {
    let site = Site::new();
    let mut honest = Honest::new();
    let first = honest.assign(key(1, 1), &manifest(1));
    let told = site.run(honest, honestly, polls(2), WITHIN);
    // Its backup is from before the update: the same update is sent again.
    let mut honest = told.honest;
    honest.work = Some(first.clone());
    let told = site.run(honest, honestly, polls(2), WITHIN);
    assert_eq!((told.honest.acknowledged.len(), told.not_done()), (2, vec![]));
    // The run is over, and then it is not.
    let mut honest = told.honest;
    honest.work = Some(Work::Finished { run: RunId([1; 8]) });
    let mut told = site.run(honest, honestly, polls(2), WITHIN);
    for work in [first, told.honest.assign(key(1, 2), &manifest(1))] {
        let mut honest = told.honest;
        honest.work = Some(work);
        told = site.run(honest, honestly, polls(3), WITHIN);
        assert!(told.not_done().iter().all(|why| *why == NotDone::RunIsOver) && !told.not_done().is_empty());
        assert!(told.failures().iter().all(|reason| *reason == TrainFailure::NotAllowed));
        assert_eq!(told.count(|request| matches!(request, Request::Fetch { .. } | Request::Offer { .. })), 0);
    }
    // A run that this site never heard of is a new one.
    let mut honest = told.honest;
    honest.assign(key(2, 1), &manifest(2));
    let told = site.run(honest, honestly, polls(2), WITHIN);
    assert_eq!(told.honest.acknowledged.last(), Some(&key(2, 1)));
}

#[test]
fn what_a_replay_needs_outlives_its_run_for_as_long_as_retention_says() {
    let mut site = Site::new();
    let mut told = site.run(Honest::new(), honestly, polls(1), WITHIN);
    for round in [1, 2] {
        told.honest.assign(key(1, round), &manifest(1));
        told = site.run(told.honest, honestly, polls(2), WITHIN);
    }
    told.honest.work = Some(Work::Finished { run: RunId([1; 8]) });
    told = site.run(told.honest, honestly, polls(2), WITHIN);
    let files =
        |site: &Site| [site.folder.inbox(), site.folder.outbox()].map(|at| fs::read_dir(at).unwrap().count());
    // Here both rounds gave the same update; each began with an adapter of its own.
    assert_eq!(files(&site), [3, 1], "terms and two adapters; the update");
    // Room for one round of 6 MiB only: the newest.
    site.retention.replay_mib_max = 7;
    told.honest.work = None;
    told = site.run(told.honest, honestly, polls(1), WITHIN);
    assert_eq!(files(&site), [2, 1], "the newer round had the same update");
    site.retention.replay_days = 0;
    site.run(told.honest, honestly, polls(1), WITHIN);
    assert_eq!(files(&site), [1, 0], "the terms stay");
}

#[test]
fn the_terms_of_a_run_that_was_begun_stay_and_others_are_refused() {
    let site = Site::new();
    let mut honest = Honest::new();
    honest.assign(key(1, 1), &manifest(1));
    let told = site.run(honest, honestly, polls(2), WITHIN);
    let mut other = manifest(1);
    other.rounds = 9;
    let foreign = manifest(2);
    for (terms, round, why) in [
        (&other, 2, NotDone::OtherTerms),
        (&foreign, 3, NotDone::TermsUnusable),
        (&manifest(1), 6, NotDone::TermsUnusable),
        (&manifest(1), 0, NotDone::TermsUnusable),
    ] {
        let mut honest = Honest::new();
        honest.assign(key(1, round), terms);
        let told = site.run(honest, honestly, polls(2), WITHIN);
        assert_eq!(told.not_done(), [why], "round {round}");
        assert_eq!(told.failures(), [TrainFailure::NotAllowed]);
    }
    let mut honest = told.honest;
    honest.assign(key(1, 5), &manifest(1));
    let told = site.run(honest, honestly, polls(2), WITHIN);
    assert_eq!(told.honest.acknowledged.last(), Some(&key(1, 5)));
}

#[test]
fn a_round_that_is_begun_again_and_again_is_left() {
    let site = Site::new();
    let mut honest = Honest::new();
    honest.assign(key(1, 1), &manifest(1));
    let mut store = Store::open(&site.folder.database()).unwrap();
    for _ in 0..ROUND_STARTS_MAX - 2 {
        store.count_start(key(1, 1)).unwrap();
    }
    drop(store);
    let closed = |_: &mut Honest, request: &Request| match request {
        Request::Ready { .. } => plain(Response::Refused(Refusal::RoundClosed)),
        _ => None,
    };
    let told = site.run(honest, closed, polls(6), WITHIN);
    assert_eq!(told.count(|request| matches!(request, Request::Ready { .. })), 2);
    assert!(told.not_done().contains(&NotDone::RoundWearsOn));
}

/// Every kind of answer that there is, in forms that make no sense anywhere.
fn odd_answers(honest: &Honest) -> Vec<Answer> {
    let refusals = [
        Refusal::NotAuthorised,
        Refusal::ProtocolVersion { supported: 9 },
        Refusal::RoundClosed,
        Refusal::Conflict,
        Refusal::Unknown,
        Refusal::UpdateInvalid,
        Refusal::BaseMismatch,
        Refusal::DigestMismatch,
        Refusal::StorageFull,
        Refusal::BadRequest,
        Refusal::Internal,
    ];
    let (manifest, adapter) = (Digest([1; 32]), Digest([2; 32]));
    let train = |key, manifest_bytes, adapter_bytes| {
        Response::Work(Work::Train { key, manifest, manifest_bytes, adapter, adapter_bytes })
    };
    let mut forged = honest.receipt(key(1, 1), Digest([3; 32]), 5);
    forged.signature = [7; 64];
    let mut all: Vec<Answer> = [
        Response::Welcome { protocol: 1 },
        Response::Work(Work::Nothing),
        Response::Work(Work::Finished { run: RunId([8; 8]) }),
        train(key(7, 1), 100, 100),
        train(key(7, 0), 0, 0),
        train(key(7, u32::MAX), u32::MAX, u64::MAX),
        Response::Noted,
        Response::Continue { next_offset: 0 },
        Response::Continue { next_offset: u64::MAX },
        Response::Receipt(forged),
        Response::Receipt(honest.receipt(key(1, 1), Digest([3; 32]), 5)),
        Response::Busy { retry_after_ms: 0 },
    ]
    .into_iter()
    .chain(refusals.map(Response::Refused))
    .map(|response| Answer { response, payload: Vec::new() })
    .collect();
    for (offset, total) in [(0, 5), (u64::MAX, u64::MAX), (3, 5)] {
        all.push(Answer { response: Response::Blob { offset, length: 5, total }, payload: vec![1; 5] });
    }
    all.push(Answer { response: Response::OverlapEvaluated { offset: 0, count: 1 }, payload: vec![1; 96] });
    all
}

type Question = fn(&Request) -> bool;

/// Each odd answer to this question, as often as given, and then honest ones: the site asks for work again.
fn answer_oddly(name: &str, is_asked: Question, times: u32) {
    let site = Site { while_training: vec![said(5, 10)], ..Site::new() };
    for index in 0..odd_answers(&Honest::new()).len() {
        // A run of its own on the same site: whatever came before must not be in the way.
        let run = 10 + u8::try_from(index).unwrap();
        let mut honest = Honest::new();
        honest.assign(key(run, 1), &manifest(run));
        if name == "failed" {
            let Some(Work::Train { manifest_bytes, .. }) = &mut honest.work else { unreachable!() };
            *manifest_bytes = 0;
        }
        let mut answered = 0;
        let odd = move |honest: &mut Honest, request: &Request| {
            (is_asked(request) && answered < times).then(|| {
                answered += 1;
                odd_answers(honest).swap_remove(index)
            })
        };
        let is_over = move |arrived: &[Request]| {
            let mut rest = arrived.iter().skip_while(|request| !is_asked(request)).skip(1);
            rest.any(|request| matches!(request, Request::Poll { .. }))
        };
        let told = site.run(honest, odd, is_over, WITHIN);
        let polled = matches!(told.arrived.last(), Some(Request::Poll { .. }));
        assert!(polled, "{name}, answer {index}: {:?}", told.arrived.last());
    }
}

#[test]
fn no_answer_to_any_question_ends_an_agent() {
    let questions: [(&str, Question); 8] = [
        ("poll", |request| matches!(request, Request::Poll { .. })),
        ("fetch", |request| matches!(request, Request::Fetch { .. })),
        ("ready", |request| matches!(request, Request::Ready { .. })),
        ("progress", |request| matches!(request, Request::Progress { .. })),
        ("offer", |request| matches!(request, Request::Offer { .. })),
        ("chunk", |request| matches!(request, Request::Chunk { .. })),
        ("commit", |request| matches!(request, Request::Commit { .. })),
        ("failed", |request| matches!(request, Request::Failed { .. })),
    ];
    std::thread::scope(|threads| {
        for (name, is_asked) in questions {
            threads.spawn(move || answer_oddly(name, is_asked, 2));
        }
    });
}

#[test]
fn no_answer_to_a_greeting_ends_an_agent() {
    answer_oddly("hello", |request| matches!(request, Request::Hello { .. }), 1);
}

fn said(step: u32, total_steps: u32) -> Progress {
    Progress { step, total_steps, loss: 2.0, tokens_per_s: 70 }
}
