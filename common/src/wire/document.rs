//! `PROTOCOL.md` says what the code does: every tag, name and example in it is compared with the types.
//! Tests only. A new variant fails to compile here until it is listed, and fails until it is documented.

use super::codec;
use super::frame;
use super::join::{JoinRefusal, JoinResponse, Membership};
use super::message::*;
use super::numbers::{LossMilli, RoundedCount};
use super::own_scores::{NoScores, OwnScores};
use crate::id::{Digest, Round, RunId};
use crate::net::CloseCode;

const DOCUMENT: &str = include_str!("../../PROTOCOL.md");

/// The rows of the section that starts with `heading`.
fn section(heading: &str) -> &'static str {
    let start = DOCUMENT.find(heading).unwrap_or_else(|| panic!("no section {heading:?}"));
    let rest = &DOCUMENT[start + heading.len()..];
    &rest[..rest.find("\n## ").unwrap_or(rest.len())]
}

/// Insists that `heading`'s section has the table cells `| tag | `name` |`, for the tag that is encoded.
fn documented<T: serde::Serialize>(heading: &str, values: &[(T, &str)]) {
    let text = section(heading);
    for (value, name) in values {
        let tag = codec::encode(value).unwrap()[0];
        assert!(text.contains(&format!("| {tag} | `{name}` |")), "{heading}: {tag} {name}");
    }
}

/// Counts the rows of a table that starts with `header`.
fn rows(heading: &str, header: &str) -> usize {
    let text = section(heading);
    let table = &text[text.find(header).unwrap_or_else(|| panic!("{header}"))..];
    table.lines().skip(2).take_while(|line| line.starts_with('|')).count()
}

fn key() -> RoundKey {
    RoundKey { run: RunId([1, 2, 3, 4, 5, 6, 7, 8]), round: Round(3) }
}

fn receipt() -> Receipt {
    let body = ReceiptBody {
        site: Digest([0; 32]),
        key: key(),
        digest: Digest([0; 32]),
        bytes: 0,
        first_sequence: 0,
        last_sequence: 0,
        received_bytes: 0,
        running_hash: Digest([0; 32]),
    };
    Receipt { body, signature: [0; 64] }
}

#[test]
fn every_request_is_documented() {
    let (digest, records, loss) = (Digest([0; 32]), RoundedCount::of(1), LossMilli::of(1.0));
    let ledger = LedgerHead { size: 0, root: digest };
    let all = [
        Request::Hello { protocol: PROTOCOL_VERSION, ledger },
        Request::Poll { wait_ms: 0 },
        Request::Fetch { digest, offset: 0 },
        Request::Ready { key: key(), base_fingerprint: digest, records },
        Request::Progress { key: key(), step: 0, total_steps: 0, loss, tokens_per_s: 0 },
        Request::Offer { key: key(), digest, bytes: 0, records, tokens: records, loss },
        Request::Chunk { digest, offset: 0, length: 0 },
        Request::Commit { key: key(), digest },
        Request::Failed { key: key(), reason: TrainFailure::NoRecords },
        Request::OverlapDeclare { run: key().run, points: 1024 },
        Request::OverlapBlinded { run: key().run, offset: 0, count: 1 },
        Request::LedgerProof { from: 1, ledger, count: 1 },
        Request::ShowReceipt { receipt: receipt() },
        Request::Condition { version: [0, 1, 0], clock_minutes: 0, disk_low: false },
        Request::Decide { run: key().run, manifest: digest, decision: Decision::Approved },
        Request::Renew { length: 1 },
        Request::Leave,
        Request::Revocations { known: 0 },
        Request::OwnScores { run: key().run, said: OwnScores::NotMeasured(NoScores::NotAllowed) },
    ];
    let named = all.map(|request| {
        let name = match request {
            Request::Hello { .. } => "Hello",
            Request::Poll { .. } => "Poll",
            Request::Fetch { .. } => "Fetch",
            Request::Ready { .. } => "Ready",
            Request::Progress { .. } => "Progress",
            Request::Offer { .. } => "Offer",
            Request::Chunk { .. } => "Chunk",
            Request::Commit { .. } => "Commit",
            Request::Failed { .. } => "Failed",
            Request::OverlapDeclare { .. } => "OverlapDeclare",
            Request::OverlapBlinded { .. } => "OverlapBlinded",
            Request::LedgerProof { .. } => "LedgerProof",
            Request::ShowReceipt { .. } => "ShowReceipt",
            Request::Condition { .. } => "Condition",
            Request::Decide { .. } => "Decide",
            Request::Renew { .. } => "Renew",
            Request::Leave => "Leave",
            Request::Revocations { .. } => "Revocations",
            Request::OwnScores { .. } => "OwnScores",
        };
        (request, name)
    });
    documented("## 3.", &named);
    assert_eq!(rows("## 3.", "| tag | request"), named.len());
}

#[test]
fn every_code_of_a_request_is_documented() {
    let reasons = [
        (TrainFailure::NoRecords, "NoRecords"),
        (TrainFailure::DataUnreadable, "DataUnreadable"),
        (TrainFailure::BaseMismatch, "BaseMismatch"),
        (TrainFailure::BaseUnreadable, "BaseUnreadable"),
        (TrainFailure::OutOfMemory, "OutOfMemory"),
        (TrainFailure::WorkerFailed, "WorkerFailed"),
        (TrainFailure::UpdateRejected, "UpdateRejected"),
        (TrainFailure::NotAllowed, "NotAllowed"),
        (TrainFailure::OverlapFailed, "OverlapFailed"),
    ];
    documented("## 3.", &reasons);
    assert_eq!(rows("## 3.", "| tag | reason"), reasons.len().div_ceil(2), "two reasons a row");
    let decisions = [
        (Decision::Approved, "Approved"),
        (Decision::Declined, "Declined"),
        (Decision::OutsidePolicy, "OutsidePolicy"),
        (Decision::Withdrawn, "Withdrawn"),
    ];
    documented("## 3.", &decisions);
    let silences = [
        (NoScores::NotAllowed, "NotAllowed"),
        (NoScores::NoHeldOut, "NoHeldOut"),
        (NoScores::TooFew, "TooFew"),
        (NoScores::Failed, "Failed"),
    ];
    for (reason, name) in silences {
        let tag = codec::encode(&reason).unwrap()[0];
        assert!(section("## 3.").contains(&format!("{tag} `{name}`")), "{tag} {name}");
    }
    assert_eq!(rows("## 3.", "| tag | decision"), decisions.len());
}

#[test]
fn every_response_and_refusal_is_documented() {
    let all = [
        (Response::Welcome { protocol: PROTOCOL_VERSION }, "Welcome"),
        (Response::Work(Work::Nothing), "Work"),
        (Response::Blob { offset: 0, length: 0, total: 0 }, "Blob"),
        (Response::Noted, "Noted"),
        (Response::Continue { next_offset: 0 }, "Continue"),
        (Response::Receipt(receipt()), "Receipt"),
        (Response::Busy { retry_after_ms: 0 }, "Busy"),
        (Response::Refused(Refusal::Unknown), "Refused"),
        (Response::OverlapEvaluated { offset: 0, count: 1 }, "OverlapEvaluated"),
        (Response::ProveLedger { size: 1 }, "ProveLedger"),
        (Response::Renewed { length: 1 }, "Renewed"),
        (Response::Revocations { length: 1 }, "Revocations"),
    ];
    documented("## 4.", &all);
    assert_eq!(rows("## 4.", "| tag | response"), all.len());
    let (run, digest) = (RunId([1; 8]), Digest([0; 32]));
    let works = [
        (Work::Nothing, "Nothing"),
        (Work::Finished { run }, "Finished"),
        (Work::Ended { run, end: RunEnd::Stopped }, "Ended"),
        (Work::Proposed { run, manifest: digest, manifest_bytes: 1 }, "Proposed"),
        (
            Work::Measure { run, manifest: digest, manifest_bytes: 1, adapter: digest, adapter_bytes: 1 },
            "Measure",
        ),
    ];
    for (work, name) in works {
        let tag = codec::encode(&work).unwrap()[0];
        assert!(section("## 4.").contains(&format!("{tag} `{name}`")), "{tag} {name}");
    }
    for (end, name) in [(RunEnd::Stopped, "Stopped"), (RunEnd::Failed, "Failed")] {
        let tag = codec::encode(&end).unwrap()[0];
        assert!(section("## 4.").contains(&format!("{tag} `{name}`")), "{tag} {name}");
    }
    let refusals = [
        (Refusal::NotAuthorised, "NotAuthorised"),
        (Refusal::ProtocolVersion { supported: 1 }, "ProtocolVersion"),
        (Refusal::RoundClosed, "RoundClosed"),
        (Refusal::Conflict, "Conflict"),
        (Refusal::Unknown, "Unknown"),
        (Refusal::UpdateInvalid, "UpdateInvalid"),
        (Refusal::BaseMismatch, "BaseMismatch"),
        (Refusal::DigestMismatch, "DigestMismatch"),
        (Refusal::StorageFull, "StorageFull"),
        (Refusal::BadRequest, "BadRequest"),
        (Refusal::Internal, "Internal"),
        (Refusal::LedgerChanged, "LedgerChanged"),
        (Refusal::Restored, "Restored"),
    ];
    documented("## 4.", &refusals);
    assert_eq!(rows("## 4.", "| tag | refusal"), refusals.len());
    for (refusal, name) in refusals {
        let row = section("## 4.").lines().find(|line| line.contains(&format!("| `{name}` |"))).unwrap();
        assert_eq!(row.ends_with("| tries again |"), refusal.is_retryable(), "{row}");
    }
}

#[test]
fn enrolment_is_documented() {
    let membership = Membership {
        certificate: vec![],
        authority: vec![],
        run_address: String::new(),
        receipt_key: [0; 32],
    };
    let answers = [
        (JoinResponse::Accepted(membership), "Accepted"),
        (JoinResponse::Refused(JoinRefusal::Internal), "Refused"),
    ];
    documented("## 7.", &answers);
    let refusals = [
        (JoinRefusal::TokenUnknown, "TokenUnknown"),
        (JoinRefusal::TokenExpired, "TokenExpired"),
        (JoinRefusal::TokenUsed, "TokenUsed"),
        (JoinRefusal::RequestInvalid, "RequestInvalid"),
        (JoinRefusal::ProtocolVersion { supported: 1 }, "ProtocolVersion"),
        (JoinRefusal::Internal, "Internal"),
    ];
    documented("## 7.", &refusals);
    assert_eq!(rows("## 7.", "| tag | refusal"), refusals.len());
}

#[test]
fn close_codes_are_documented() {
    let text = section("## 8.");
    for code in CloseCode::ALL {
        assert!(text.contains(&format!("| {} | `{code:?}` |", code as u32)), "{code:?}");
    }
    assert_eq!(rows("## 8.", "| code | name"), CloseCode::ALL.len());
}

#[test]
fn the_example_is_what_is_written() {
    let request = Request::Commit { key: key(), digest: Digest([0xBB; 32]) };
    let bytes = frame::to_bytes(&Envelope { sequence: 300, request }).unwrap();
    let shown = section("## 2.").lines().find(|line| line.starts_with("2d000000")).unwrap();
    assert_eq!(shown.replace(' ', ""), data_encoding::HEXLOWER.encode(&bytes));
}
