//! Reconnecting: every frame that may have left is in the ledger, and the item gets through in the end.

use std::collections::VecDeque;
use std::fs;
use std::sync::{Arc, Mutex};

use certs::{AgeIdentity, TlsIdentity};
use common::clock::{ManualClock, Timestamp};
use common::id::{Digest, Round, RunId};
use common::ledger::Record;
use common::wire::message::{PROTOCOL_VERSION, RoundKey, TrainFailure};

use super::*;
use crate::config::escrow::EscrowConfig;
use crate::gateway::consent::tests as consent;
use crate::gateway::escrow::Escrow;
use crate::gateway::ledger::LedgerWriter;
use crate::gateway::progress::ProgressGate;
use crate::policy::PolicyConfig;

/// What the coordinator does with the next frames, over all connections; `None` cuts the line.
type Script = Arc<Mutex<VecDeque<Option<Response>>>>;

struct Scripted {
    script: Script,
    is_in_turn: bool,
}

impl Wire for Scripted {
    type Sent = Option<Response>;

    async fn send(&mut self, _bytes: &[u8]) -> Result<Option<Response>, SiteError> {
        Ok(self.script.lock().unwrap().pop_front().expect("the script is long enough"))
    }

    async fn answer(&mut self, sent: Option<Response>) -> Result<Answer, SiteError> {
        match sent {
            Some(response) => Ok(Answer { response, payload: Vec::new() }),
            None => Err(SiteError::Connection { reason: "cut".into() }),
        }
    }

    fn is_in_turn(&self) -> bool {
        self.is_in_turn
    }
}

struct Dialler {
    script: Script,
    /// The coordinator is one of before several items were on their way at once.
    is_old: bool,
    refusals: u32,
}

impl Connector for Dialler {
    type Wire = Scripted;

    async fn connect(&mut self) -> Result<Scripted, SiteError> {
        if self.refusals > 0 {
            self.refusals -= 1;
            return Err(SiteError::Connection { reason: "nobody there".into() });
        }
        Ok(Scripted { script: Arc::clone(&self.script), is_in_turn: !self.is_old })
    }

    fn successor(&self) -> Option<Vec<u8>> {
        None
    }

    fn adopt(&mut self, _: &TlsIdentity, _: &[u8]) -> Result<(), SiteError> {
        Ok(())
    }
}

#[derive(Default)]
struct Notices(Vec<Notice>);

impl Report for Notices {
    fn notice(&mut self, notice: Notice) {
        self.0.push(notice);
    }
}

/// Asks one poll with this script; returns the answer, the kinds in the ledger and the notices.
fn ask(refusals: u32, script: Vec<Option<Response>>) -> (Response, Vec<&'static str>, Vec<Notice>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.log");
    let (ledger, _) = LedgerWriter::open(&path).unwrap();
    let clock = ManualClock::at(Timestamp(1));
    let consent = consent::book(&folder.path().join("site.db"));
    let egress = Egress::new(ledger, consent, PolicyConfig::default(), Digest([0; 32]), clock);
    let script = Arc::new(Mutex::new(VecDeque::from(script)));
    let mut connection =
        Connection::new(Dialler { script: Arc::clone(&script), is_old: false, refusals }, egress);
    let mut notices = Notices::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let poll = Outbound::Poll { wait_ms: 1 };
    let answer = runtime.block_on(connection.ask(poll, &mut notices)).unwrap();
    assert!(script.lock().unwrap().is_empty(), "not everything was asked");
    let text = fs::read_to_string(&path).unwrap();
    let kinds = text.lines().map(|line| serde_json::from_str::<Record>(line).unwrap().kind.word()).collect();
    (answer.response, kinds, notices.0)
}

/// Progress that cannot be kept ends no training; what was noted and not kept ends the line, and only that.
#[tokio::test]
async fn progress_that_finds_no_room_in_the_escrow_ends_no_training() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("site.db");
    let key = RoundKey { run: RunId([1; 8]), round: Round(1) };
    consent::decide_and_tell(&database, key.run, Digest([6; 32]));
    let (ledger, _) = LedgerWriter::open(&folder.path().join("ledger.log")).unwrap();
    let (consent, clock) = (consent::book(&database), ManualClock::at(Timestamp(1)));
    let egress = Egress::new(ledger, consent, PolicyConfig::default(), Digest([0; 32]), clock);
    let script = Arc::new(Mutex::new(VecDeque::from(vec![welcome(), Some(Response::Noted)])));
    let mut connection = Connection::new(Dialler { script, is_old: false, refusals: 0 }, egress);
    let said = crate::pipe::Progress { step: 1, total_steps: 50, loss: 2.0, tokens_per_s: 70 };
    let (progress, _) = ProgressGate::default().admit(key, &said, None, 0).unwrap();
    let progress = Outbound::Progress { key, progress };
    connection.ask(Outbound::Poll { wait_ms: 1 }, &mut Notices::default()).await.unwrap();

    let recipient = AgeIdentity::generate().unwrap().recipient().unwrap().to_string();
    let config = EscrowConfig { recipient, keep_days: 1, mib_max: 1 };
    // Full by its own bound: known before anything is noted.
    let full = folder.path().join("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("1970-01-01.frames"), vec![0; 1 << 20]).unwrap();
    connection.egress = connection.egress.with_escrow(Escrow::of(&full, Some(&config)).unwrap());
    assert_eq!(connection.mention(progress).await.unwrap(), None);
    assert_eq!((connection.egress.records(), connection.wire.is_some()), (2, true));
    // Full when it is written to.
    let failing = folder.path().join("failing");
    fs::create_dir(&failing).unwrap();
    std::os::unix::fs::symlink("/dev/full", failing.join("1970-01-01.frames")).unwrap();
    connection.egress = connection.egress.with_escrow(Escrow::of(&failing, Some(&config)).unwrap());
    assert_eq!(connection.mention(progress).await.unwrap(), None);
    assert_eq!((connection.egress.records(), connection.wire.is_some()), (3, false));
    let error = connection.ask(progress, &mut Notices::default()).await.unwrap_err();
    assert!(error.is_disk_full(), "{error}");
}

/// A worker that fills the disk and makes room again says one bit a day with it, also over a restart.
#[test]
fn the_disk_is_looked_at_once_a_day() {
    const DAY: u64 = 86_400_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.db");
    let disk = |least_bytes| Disk { folder: folder.path().to_path_buf(), least_bytes };
    let low = |least_bytes, now_ms| {
        let mut book = Store::open(&path).unwrap();
        disk(least_bytes).is_low(now_ms, Some(&mut book)).unwrap()
    };
    assert!(low(u64::MAX, 5 * DAY));
    assert!(low(0, 6 * DAY - 1), "what was seen today stands, whatever it is by now");
    assert!(!low(0, 6 * DAY));
    assert!(!low(u64::MAX, 6 * DAY + 1));
    assert!(!disk(u64::MAX).is_low(0, None).unwrap(), "who keeps nothing says nothing");
}

fn welcome() -> Option<Response> {
    Some(Response::Welcome { protocol: PROTOCOL_VERSION })
}

#[test]
fn a_line_that_is_cut_is_opened_again_and_every_frame_is_in_the_ledger() {
    let (answer, kinds, notices) = ask(0, vec![welcome(), None, welcome(), Some(Response::Noted)]);
    assert_eq!(answer, Response::Noted);
    assert_eq!(kinds, ["hello", "poll", "hello", "poll"]);
    assert!(matches!(notices[..], [Notice::Connected, Notice::Disconnected { .. }, Notice::Connected]));
}

#[test]
fn nothing_leaves_while_nobody_answers() {
    let (_, kinds, notices) = ask(2, vec![welcome(), Some(Response::Noted)]);
    assert_eq!(kinds, ["hello", "poll"]);
    assert_eq!(notices.iter().filter(|notice| matches!(notice, Notice::Disconnected { .. })).count(), 2);
}

/// So the ledger shows by a hello which frames a receipt may lack; with what was counted the line goes on.
#[test]
fn a_line_ends_with_an_answer_after_which_the_frame_may_not_be_counted() {
    let busy = Some(Response::Busy { retry_after_ms: 1 });
    let script = vec![welcome(), busy.clone(), welcome(), busy, welcome(), Some(Response::Noted)];
    let (answer, kinds, notices) = ask(0, script);
    assert_eq!((answer, kinds), (Response::Noted, vec!["hello", "poll", "hello", "poll", "hello", "poll"]));
    assert_eq!(notices, [Notice::Connected], "no news to a person");
    let uncounted = [Refusal::StorageFull, Refusal::Internal, Refusal::BadRequest];
    for refusal in uncounted {
        assert!(may_be_uncounted(&Response::Refused(refusal)), "{refusal:?}");
    }
    for counted in [Response::Noted, Response::Refused(Refusal::RoundClosed)] {
        assert!(!may_be_uncounted(&counted), "{counted:?}");
    }
}

#[test]
fn another_protocol_or_a_refusal_is_not_a_connection() {
    let other = Some(Response::Welcome { protocol: PROTOCOL_VERSION + 1 });
    let unwelcome = Some(Response::Refused(Refusal::NotAuthorised));
    let (answer, kinds, notices) = ask(0, vec![other, unwelcome, welcome(), Some(Response::Noted)]);
    assert_eq!(answer, Response::Noted);
    assert_eq!(kinds, ["hello", "hello", "hello", "poll"]);
    assert!(notices.contains(&Notice::NotAuthorised));
}

#[test]
fn a_coordinator_that_is_always_busy_is_asked_ever_more_rarely() {
    let waits = [0, 1, 2, 8, 9, 40].map(|times| busy_ms(0, times));
    assert_eq!(waits, [50, 100, 200, 12_800, 15_000, 15_000]);
    assert_eq!((busy_ms(7_000, 3), busy_ms(u32::MAX, 3)), (7_000, u64::from(BUSY_MS_MAX)));
}

#[test]
fn a_coordinator_that_kept_an_older_head_gets_a_proof() {
    let prove = |size| Some(Response::ProveLedger { size });
    // The first hello is cut; the second one is asked to extend the one record before it.
    let script = vec![None, prove(1), welcome(), Some(Response::Noted)];
    let (answer, kinds, _) = ask(0, script);
    assert_eq!((answer, kinds), (Response::Noted, vec!["hello", "hello", "ledger-proof", "poll"]));
    // What the ledger does not have cannot be proved, and is not tried.
    let script = vec![prove(7), prove(0), prove(1), prove(1), welcome(), Some(Response::Noted)];
    let (_, kinds, _) = ask(0, script);
    assert_eq!(kinds, ["hello", "hello", "hello", "ledger-proof", "hello", "poll"]);
}

#[test]
fn a_ledger_that_is_not_taken_or_a_restored_coordinator_stops_everything_but_the_question() {
    for refusal in [Refusal::LedgerChanged, Refusal::Restored] {
        let refused = || Some(Response::Refused(refusal));
        let script = vec![refused(), welcome(), refused(), welcome(), Some(Response::Noted)];
        let (answer, kinds, notices) = ask(0, script);
        assert_eq!((answer, kinds), (Response::Noted, vec!["hello", "hello", "poll", "hello", "poll"]));
        let is_told = |notice: &&Notice| match refusal {
            Refusal::Restored => matches!(notice, Notice::CoordinatorRestored { .. }),
            _ => matches!(notice, Notice::LedgerRefused { .. }),
        };
        assert_eq!(notices.iter().filter(is_told).count(), 2, "{refusal:?}");
    }
}

/// A line, and what is in the ledger of it.
fn line(folder: &Path, script: Vec<Option<Response>>) -> Connection<Dialler, ManualClock> {
    line_to(folder, script, false)
}

fn line_to(folder: &Path, script: Vec<Option<Response>>, is_old: bool) -> Connection<Dialler, ManualClock> {
    let (ledger, _) = LedgerWriter::open(&folder.join("ledger.log")).unwrap();
    let consent = consent::book(&folder.join("site.db"));
    let clock = ManualClock::at(Timestamp(1));
    let egress = Egress::new(ledger, consent, PolicyConfig::default(), Digest([0; 32]), clock);
    Connection::new(Dialler { script: Arc::new(Mutex::new(script.into())), is_old, refusals: 0 }, egress)
}

fn kinds(folder: &Path) -> Vec<&'static str> {
    let text = fs::read_to_string(folder.join("ledger.log")).unwrap();
    text.lines().map(|line| serde_json::from_str::<Record>(line).unwrap().kind.word()).collect()
}

fn question(offset: u64) -> Outbound<'static> {
    Outbound::Fetch { digest: Digest([1; 32]), offset }
}

#[tokio::test]
async fn what_was_sent_ahead_is_lost_with_its_line_and_was_in_the_ledger_first() {
    let folder = tempfile::tempdir().unwrap();
    let noted = || Some(Response::Noted);
    let mut line = line(folder.path(), vec![welcome(), noted(), None, noted(), welcome(), noted()]);
    let mut notices = Notices::default();
    for offset in 0..3 {
        assert!(line.has_place_ahead() && line.send_ahead(question(offset), &mut notices).await.unwrap());
    }
    assert_eq!(kinds(folder.path()), ["hello", "fetch", "fetch", "fetch"], "before any answer");
    assert!(line.next_answer(&mut notices).await.unwrap().is_some());
    assert!(line.next_answer(&mut notices).await.unwrap().is_none() && !line.is_ahead());
    line.ask(question(1), &mut notices).await.unwrap();
    assert_eq!(kinds(folder.path())[4..], ["hello", "fetch"]);
}

/// Nothing overtakes what is unanswered: another question needs another line.
#[tokio::test]
async fn a_line_with_unanswered_items_carries_nothing_else_and_holds_so_many() {
    let folder = tempfile::tempdir().unwrap();
    let mut script = vec![welcome()];
    script.extend([const { Some(Response::Noted) }; common::limits::TRANSFERS_IN_FLIGHT_MAX]);
    script.extend([welcome(), Some(Response::Noted)]);
    let mut line = line(folder.path(), script);
    let mut notices = Notices::default();
    let mut sent = 0;
    while line.has_place_ahead() {
        assert!(line.send_ahead(question(sent), &mut notices).await.unwrap());
        sent += 1;
    }
    assert_eq!(sent, common::limits::TRANSFERS_IN_FLIGHT_MAX as u64);
    line.ask(Outbound::Poll { wait_ms: 1 }, &mut notices).await.unwrap();
    assert_eq!(kinds(folder.path())[1 + sent as usize..], ["hello", "poll"]);
}

/// It would handle what is together on its way in any order, and count so.
#[tokio::test]
async fn a_coordinator_of_before_gets_one_item_after_another() {
    let folder = tempfile::tempdir().unwrap();
    let noted = || Some(Response::Noted);
    let mut line = line_to(folder.path(), vec![welcome(), noted(), noted()], true);
    let mut notices = Notices::default();
    for offset in 0..2 {
        assert!(line.has_place_ahead() && line.send_ahead(question(offset), &mut notices).await.unwrap());
        assert!(!line.has_place_ahead(), "the first is to be answered");
        assert!(line.next_answer(&mut notices).await.unwrap().is_some());
    }
    assert_eq!(kinds(folder.path()), ["hello", "fetch", "fetch"]);
}

/// The hello behind them in the ledger shows where frames are that a receipt may lack.
#[tokio::test]
async fn a_line_ends_behind_the_last_of_several_of_which_one_may_not_be_counted() {
    let folder = tempfile::tempdir().unwrap();
    let full = Some(Response::Refused(Refusal::StorageFull));
    let noted = || Some(Response::Noted);
    let mut line = line(folder.path(), vec![welcome(), full, noted(), noted(), welcome(), noted()]);
    let mut notices = Notices::default();
    for offset in 0..3 {
        assert!(line.send_ahead(question(offset), &mut notices).await.unwrap());
    }
    let first = line.next_answer(&mut notices).await.unwrap().unwrap().response;
    let last = line.settle(Some(first), &mut notices).await.unwrap();
    assert_eq!((last, line.is_ahead()), (Some(Response::Noted), false));
    line.ask(question(0), &mut notices).await.unwrap();
    assert_eq!(kinds(folder.path()), ["hello", "fetch", "fetch", "fetch", "hello", "fetch"]);
}

#[tokio::test]
async fn a_withdrawal_ends_the_line_with_what_has_not_left() {
    let folder = tempfile::tempdir().unwrap();
    let noted = || Some(Response::Noted);
    let mut line = line(folder.path(), vec![welcome(), noted(), welcome(), noted()]);
    let mut notices = Notices::default();
    assert!(line.send_ahead(question(0), &mut notices).await.unwrap());
    let key = RoundKey { run: RunId([9; 8]), round: Round(1) };
    let failed = Outbound::Failed { key, reason: TrainFailure::NotAllowed };
    let error = line.send_ahead(failed, &mut notices).await.unwrap_err();
    assert!(matches!(error, SiteError::NotAgreed { .. }) && !line.is_ahead(), "{error}");
    line.ask(question(0), &mut notices).await.unwrap();
    assert_eq!(kinds(folder.path()), ["hello", "fetch", "hello", "fetch"]);
}

/// What the gate refuses does not leave, and what left before it is answered.
#[tokio::test]
async fn an_item_that_is_refused_ends_no_line_and_waits_for_those_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let noted = || Some(Response::Noted);
    let mut line = line(folder.path(), vec![welcome(), noted(), noted()]);
    let mut notices = Notices::default();
    assert!(line.send_ahead(question(0), &mut notices).await.unwrap());
    let error = line.send_ahead(question(u64::MAX), &mut notices).await.unwrap_err();
    assert!(matches!(error, SiteError::PolicyRefused { .. }) && !line.is_ahead(), "{error}");
    line.ask(question(0), &mut notices).await.unwrap();
    assert_eq!(kinds(folder.path()), ["hello", "fetch", "fetch"]);
}
