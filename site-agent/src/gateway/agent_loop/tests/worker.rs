//! A replaced worker: what it says of progress carries nothing out, and what it claims ends nothing.

use super::*;

/// A record, as its bytes would be hidden in the numbers of progress messages.
const RECORD: &str =
    "患者张三，男，58岁，身份证号110101196802140011，主诉反复胸闷气短三月余，既往高血压病史。";

/// 905 messages in a second, each with eight bytes of the record, or as many as keep within the bounds.
fn smuggled(is_bounded: bool) -> Vec<Progress> {
    let bytes: Vec<u8> = RECORD.bytes().cycle().take(905 * 8).collect();
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    let message = |(index, eight): (usize, &[u8])| {
        let (step, tokens_per_s) = (number(&eight[..4]), number(&eight[4..]));
        let loss = f64::from(eight[0]) / 4.0;
        if is_bounded {
            let step = u32::try_from(index).unwrap() * 1000 + step % 1000;
            Progress { step, total_steps: 905_000, loss, tokens_per_s: tokens_per_s % 10_000_000 }
        } else {
            Progress { step, total_steps: u32::MAX, loss, tokens_per_s }
        }
    };
    bytes.chunks(8).enumerate().map(message).collect()
}

#[test]
fn nine_hundred_messages_a_second_with_a_record_in_them_bring_none_of_it_out() {
    for is_bounded in [false, true] {
        let messages = smuggled(is_bounded);
        let wanted: Vec<u32> = messages.iter().map(|message| message.tokens_per_s).collect();
        let site = Site { while_training: messages, ..Site::new() };
        let mut honest = Honest::new();
        honest.assign(key(1, 1), &manifest(1));
        let started = Instant::now();
        let told = site.run(honest, honestly, polls(2), WITHIN);
        let seconds = started.elapsed().as_secs() as usize;
        let progress: Vec<_> = told
            .arrived
            .iter()
            .filter_map(|request| match request {
                Request::Progress { step, total_steps, tokens_per_s, .. } => {
                    Some((*step, *total_steps, *tokens_per_s))
                }
                _ => None,
            })
            .collect();
        assert!(progress.len() <= 1 + seconds, "{} messages in {seconds} s", progress.len());
        assert_eq!(!progress.is_empty(), is_bounded);
        for (step, total, speed) in &progress {
            assert_eq!((*total, step % 2), (100, 0), "hundredths, by fiftieths");
            assert!(!wanted.contains(speed) || *speed < 100, "{speed} went through as it was");
        }
        // Nothing of the record in any byte that left, update aside.
        let left: Vec<u8> = told.bytes.iter().filter(|bytes| bytes.len() < 1000).flatten().copied().collect();
        let found = RECORD.as_bytes().windows(4).filter(|four| left.windows(4).any(|at| at == *four)).count();
        assert_eq!(found, 0, "four bytes of the record");
        assert_eq!(told.honest.acknowledged, [key(1, 1)], "the training counts all the same");
    }
}

#[test]
fn a_second_life_of_the_gateway_has_no_second_budget() {
    let mut site = Site::new();
    let mut told_of = Vec::new();
    for step in [50, 51] {
        site.while_training = vec![Progress { step, total_steps: 100, loss: 3.0, tokens_per_s: 70 }];
        let mut honest = Honest::new();
        honest.assign(key(1, 1), &manifest(1));
        let is_over = |arrived: &[Request]| {
            arrived.iter().any(|request| matches!(request, Request::Progress { .. } | Request::Offer { .. }))
        };
        let told = site.run(honest, honestly, is_over, WITHIN);
        told_of.push(told.count(|request| matches!(request, Request::Progress { .. })));
    }
    assert_eq!(told_of, [1, 0], "step 51 is in the same fiftieth as step 50");
}

#[test]
fn a_worker_that_announces_what_is_not_there_ends_its_round_and_nothing_else() {
    let site = Site { liar: true, ..Site::new() };
    let mut honest = Honest::new();
    honest.assign(key(1, 1), &manifest(1));
    let told = site.run(honest, honestly, polls(3), WITHIN);
    assert!(told.failures().contains(&TrainFailure::UpdateRejected));
    assert!(told.honest.acknowledged.is_empty());
}

#[test]
fn counts_that_no_site_has_leave_as_the_largest_that_may() {
    let site = Site::new();
    let mut honest = Honest::new();
    honest.assign(key(1, 1), &manifest(1));
    let told = site.run(honest, honestly, polls(2), WITHIN);
    let offered = told.arrived.iter().find_map(|request| match request {
        Request::Offer { records, tokens, loss, .. } => Some((records.value(), tokens.value(), loss.nats())),
        _ => None,
    });
    assert_eq!(offered, Some((780, 550_000_000_000, 64.0)), "the worker said 2^64-1 tokens and no loss");
}
