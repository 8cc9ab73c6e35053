//! Golden bytes: the format is the variant order, so a reordered enum fails here.

use super::*;
use crate::wire::codec;
use crate::wire::own_scores::NoScores;

fn key() -> RoundKey {
    RoundKey { run: RunId([1, 2, 3, 4, 5, 6, 7, 8]), round: Round(3) }
}

fn receipt() -> Receipt {
    let body = ReceiptBody {
        site: Digest::of(b"cardiology"),
        key: key(),
        digest: Digest([1; 32]),
        bytes: 2,
        first_sequence: 0,
        last_sequence: 9,
        received_bytes: 100,
        running_hash: Digest([3; 32]),
    };
    Receipt { body, signature: std::array::from_fn(|index| index as u8) }
}

#[test]
fn a_shown_receipt_is_these_bytes() {
    let mut expected = vec![4, 12];
    expected.extend_from_slice(&Digest::of(b"cardiology").0);
    expected.extend_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8, 3]);
    expected.extend_from_slice(&[1; 32]);
    expected.extend_from_slice(&[2, 0, 9, 100]);
    expected.extend_from_slice(&[3; 32]);
    expected.extend(0..64);
    let request = Request::ShowReceipt { receipt: receipt() };
    assert_eq!(request.payload_bytes(), Some(0));
    assert_eq!(codec::encode(&Envelope { sequence: 4, request }).unwrap(), expected);
}

#[test]
fn a_condition_is_these_bytes() {
    let request = Request::Condition { version: [1, 2, 3], clock_minutes: 5, disk_low: true };
    assert_eq!(codec::encode(&Envelope { sequence: 4, request }).unwrap(), [4, 13, 1, 2, 3, 5, 1]);
}

#[test]
fn a_decision_is_these_bytes() {
    let cases = [
        (Decision::Approved, 0),
        (Decision::Declined, 1),
        (Decision::OutsidePolicy, 2),
        (Decision::Withdrawn, 3),
    ];
    for (decision, tag) in cases {
        let request = Request::Decide { run: key().run, manifest: Digest([0xBB; 32]), decision };
        let bytes = codec::encode(&Envelope { sequence: 4, request }).unwrap();
        assert_eq!(bytes, [&[4, 14][..], &key().run.0, &[0xBB; 32], &[tag]].concat());
    }
}

#[test]
fn a_proposal_is_these_bytes() {
    let proposed = Work::Proposed { run: key().run, manifest: Digest([0xBB; 32]), manifest_bytes: 7 };
    let bytes = codec::encode(&Response::Work(proposed)).unwrap();
    assert_eq!(bytes, [&[1, 4][..], &key().run.0, &[0xBB; 32], &[7]].concat());
}

#[test]
fn the_question_for_own_scores_and_its_answer_are_these_bytes() {
    let run = key().run;
    let (manifest, adapter) = (Digest([0xBB; 32]), Digest([0xCC; 32]));
    let work = Work::Measure { run, manifest, manifest_bytes: 7, adapter, adapter_bytes: 9 };
    let bytes = codec::encode(&Response::Work(work)).unwrap();
    assert_eq!(bytes, [&[1, 5][..], &run.0, &[0xBB; 32], &[7], &[0xCC; 32], &[9]].concat());
    let said = OwnScores::NotMeasured(NoScores::NoHeldOut);
    let bytes = codec::encode(&Envelope { sequence: 4, request: Request::OwnScores { run, said } }).unwrap();
    assert_eq!(bytes, [&[4, 18][..], &run.0, &[1, 1]].concat());
}

#[test]
fn a_renewal_is_these_bytes_and_no_longer_than_a_certificate() {
    let bytes = |request| codec::encode(&Envelope { sequence: 4, request }).unwrap();
    assert_eq!(bytes(Request::Renew { length: 200 }), [4, 15, 200]);
    assert_eq!(codec::encode(&Response::Renewed { length: 600 }).unwrap(), [10, 251, 88, 2]);
    for (length, is_fine) in [(0, false), (1, true), (512, true), (513, false), (u32::MAX, false)] {
        assert_eq!(Request::Renew { length }.payload_bytes().is_some(), is_fine, "{length}");
    }
    for (length, is_fine) in [(0, false), (1, true), (4096, true), (4097, false)] {
        assert_eq!(Response::Renewed { length }.payload_bytes().is_some(), is_fine, "{length}");
    }
}

#[test]
fn a_revocation_list_is_asked_for_in_these_bytes_and_no_longer_than_half_a_mebibyte() {
    let asked = Envelope { sequence: 4, request: Request::Revocations { known: 300 } };
    assert_eq!(codec::encode(&asked).unwrap(), [4, 17, 251, 44, 1]);
    assert_eq!(codec::encode(&Response::Revocations { length: 600 }).unwrap(), [11, 251, 88, 2]);
    for (length, is_fine) in [(0, false), (1, true), (524_288, true), (524_289, false)] {
        assert_eq!(Response::Revocations { length }.payload_bytes().is_some(), is_fine, "{length}");
    }
}

#[test]
fn requests_have_these_first_bytes() {
    let digest = Digest([0xAA; 32]);
    let cases: Vec<(Request, u8)> = vec![
        (Request::Hello { protocol: 1, ledger: LedgerHead { size: 0, root: digest } }, 0),
        (Request::Poll { wait_ms: 5 }, 1),
        (Request::Fetch { digest, offset: 0 }, 2),
        (Request::Ready { key: key(), base_fingerprint: digest, records: RoundedCount::of(7) }, 3),
        (
            Request::Progress {
                key: key(),
                step: 1,
                total_steps: 2,
                loss: LossMilli::of(1.0),
                tokens_per_s: 9,
            },
            4,
        ),
        (
            Request::Offer {
                key: key(),
                digest,
                bytes: 1,
                records: RoundedCount::of(7),
                tokens: RoundedCount::of(7),
                loss: LossMilli::of(1.0),
            },
            5,
        ),
        (Request::Chunk { digest, offset: 0, length: 1 }, 6),
        (Request::Commit { key: key(), digest }, 7),
        (Request::Failed { key: key(), reason: TrainFailure::NoRecords }, 8),
        (Request::OverlapDeclare { run: key().run, points: 1024 }, 9),
        (Request::OverlapBlinded { run: key().run, offset: 0, count: 1 }, 10),
        (Request::LedgerProof { from: 1, ledger: LedgerHead { size: 2, root: digest }, count: 1 }, 11),
        (Request::ShowReceipt { receipt: receipt() }, 12),
        (Request::Condition { version: [1, 2, 3], clock_minutes: 5, disk_low: true }, 13),
        (Request::Decide { run: key().run, manifest: digest, decision: Decision::Approved }, 14),
        (Request::Renew { length: 200 }, 15),
        (Request::Leave, 16),
        (Request::Revocations { known: 7 }, 17),
        (Request::OwnScores { run: key().run, said: OwnScores::NotMeasured(NoScores::TooFew) }, 18),
    ];
    for (request, tag) in cases {
        let bytes = codec::encode(&Envelope { sequence: 4, request: request.clone() }).unwrap();
        assert_eq!(bytes[..2], [4, tag], "{request:?}");
        assert_eq!(codec::decode::<Envelope>(&bytes).unwrap().request, request);
    }
}

#[test]
fn a_commit_is_these_bytes() {
    let request = Request::Commit { key: key(), digest: Digest([0xBB; 32]) };
    let bytes = codec::encode(&Envelope { sequence: 300, request }).unwrap();
    let mut expected = vec![251, 44, 1, 7, 1, 2, 3, 4, 5, 6, 7, 8, 3];
    expected.extend_from_slice(&[0xBB; 32]);
    assert_eq!(bytes, expected);
}

#[test]
fn the_comparison_with_the_held_out_set_is_these_bytes() {
    let run = key().run;
    let bytes = |request| codec::encode(&Envelope { sequence: 4, request }).unwrap();
    let declare = bytes(Request::OverlapDeclare { run, points: 524_288 });
    assert_eq!(declare, [4, 9, 1, 2, 3, 4, 5, 6, 7, 8, 252, 0, 0, 8, 0]);
    let blinded = bytes(Request::OverlapBlinded { run, offset: 4096, count: 4096 });
    assert_eq!(blinded, [4, 10, 1, 2, 3, 4, 5, 6, 7, 8, 251, 0, 16, 251, 0, 16]);
    let evaluated = codec::encode(&Response::OverlapEvaluated { offset: 4096, count: 200 }).unwrap();
    assert_eq!(evaluated, [8, 251, 0, 16, 200]);
    assert_eq!(codec::encode(&TrainFailure::OverlapFailed).unwrap(), [8]);
}

#[test]
fn the_proof_of_a_ledger_is_these_bytes() {
    let ledger = LedgerHead { size: 300, root: Digest([0xBB; 32]) };
    let proof = Request::LedgerProof { from: 5, ledger, count: 9 };
    let mut expected = vec![4, 11, 5, 251, 44, 1];
    expected.extend_from_slice(&[0xBB; 32]);
    expected.push(9);
    assert_eq!(codec::encode(&Envelope { sequence: 4, request: proof }).unwrap(), expected);
    assert_eq!(codec::encode(&Response::ProveLedger { size: 300 }).unwrap(), [9, 251, 44, 1]);
    assert_eq!(codec::encode(&Refusal::LedgerChanged).unwrap(), [11]);
    assert_eq!(codec::encode(&Refusal::Restored).unwrap(), [12]);
    let payload = |count| Request::LedgerProof { from: 5, ledger, count }.payload_bytes();
    assert_eq!((payload(1), payload(65)), (Some(32), Some(65 * 32)));
    assert_eq!((payload(0), payload(66), payload(u32::MAX)), (None, None, None));
}

#[test]
fn payloads_are_as_long_as_the_frame_says_and_bounded() {
    let run = key().run;
    let blinded = |count| Request::OverlapBlinded { run, offset: 0, count }.payload_bytes();
    assert_eq!((blinded(1), blinded(4096)), (Some(32), Some(131_072)));
    assert_eq!((blinded(0), blinded(4097), blinded(u32::MAX)), (None, None, None));
    let chunk = |length| Request::Chunk { digest: Digest([0; 32]), offset: 0, length }.payload_bytes();
    assert_eq!(
        (chunk(0), chunk(1), chunk(1 << 20), chunk((1 << 20) + 1)),
        (None, Some(1), Some(1 << 20), None)
    );
    assert_eq!(Request::OverlapDeclare { run, points: u32::MAX }.payload_bytes(), Some(0));
    let evaluated = |count| Response::OverlapEvaluated { offset: 0, count }.payload_bytes();
    assert_eq!((evaluated(1), evaluated(257), evaluated(4096)), (Some(96), Some(8352), Some(132_096)));
    assert_eq!((evaluated(0), evaluated(4097)), (None, None));
    let blob = |length| Response::Blob { offset: 0, length, total: 0 }.payload_bytes();
    assert_eq!((blob(0), blob((1 << 20) + 1)), (Some(0), None));
}

#[test]
fn receipts_round_trip_with_their_signature() {
    let receipt = receipt();
    let body = receipt.body;
    let response = Response::Receipt(receipt);
    assert_eq!(codec::decode::<Response>(&codec::encode(&response).unwrap()).unwrap(), response);
    assert_eq!(body.signed_bytes().len(), 21 + 32 + 8 + 4 + 32 + 4 * 8 + 32);
}
