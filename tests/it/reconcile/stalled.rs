//! A line that stalls under several questions, and another one in its place: what was on its way on the first
//! is not counted behind the greeting of the second, where no ledger has it. Run by `cargo test`. Invariant:
//! the site is honest: what is sent here stands in its ledger first, and its agent does not run meanwhile.

use std::time::Duration;

use common::clock::{Clock as _, SystemClock};
use common::ledger::context;
use common::limits::{CHUNK_BYTES_MAX, CONNECTION_WINDOW_BYTES_MAX, STREAMS_PER_CONNECTION_MAX};
use common::wire::frame;
use common::wire::message::{Envelope, PROTOCOL_VERSION, Refusal, Request, Response};
use site_agent::gateway::ledger::{Frame, LedgerWriter};
use tests::run_file::RunFile;

use super::*;
use crate::asker::Asker;

/// Adapters of more than a piece: two unread pieces stall a line.
const RANK: i64 = 256;
const WITHIN: Duration = Duration::from_secs(20);

/// The agent's half without the agent.
struct Honest {
    ledger: LedgerWriter,
    peer: Digest,
}

impl Honest {
    fn open(ledger: &Path) -> Result<Self> {
        let text = fs::read_to_string(ledger)?;
        let first: Record = serde_json::from_str(text.lines().next().context("a record")?)?;
        let peer = first.peer.parse().ok().context("a digest")?;
        Ok(Self { ledger: LedgerWriter::open(ledger)?.0, peer })
    }

    /// The next frame, once it is in the ledger.
    fn frame(&mut self, request: Request, payload: &[u8]) -> Result<Vec<u8>> {
        let (kind, (run, round)) = (Kind::of(&request), context(&request));
        let mut bytes = frame::to_bytes(&Envelope { sequence: self.ledger.next_sequence(), request })?;
        bytes.extend_from_slice(payload);
        let frame = Frame { kind, run, round, length: bytes.len() as u64, digest: Digest::of(&bytes) };
        self.ledger.append(SystemClock.now().0, &self.peer, &frame)?;
        Ok(bytes)
    }

    /// Says hello on a new line, and proves what is asked.
    async fn greet(&mut self, line: &mut Asker) -> Result<()> {
        let ledger = self.ledger.head();
        let hello = self.frame(Request::Hello { protocol: PROTOCOL_VERSION, ledger }, &[])?;
        let mut response = line.send(&hello).await?.response;
        if let Response::ProveLedger { size } = response {
            let hashes: Vec<u8> = self.ledger.prove(size)?.iter().flat_map(|hash| hash.0).collect();
            let (ledger, count) = (self.ledger.head(), u32::try_from(hashes.len() / 32)?);
            let proof = self.frame(Request::LedgerProof { from: size, ledger, count }, &hashes)?;
            response = line.send(&proof).await?.response;
        }
        ensure!(response == Response::Welcome { protocol: PROTOCOL_VERSION }, "{response:?}");
        Ok(())
    }
}

/// Frames that the coordinator has counted.
fn counted(consortium: &Consortium) -> Result<u64> {
    let summed = consortium.coordinator.run(&["ledger", "site-1", "--json"], COMMAND_WITHIN)?.success()?;
    let summed: Value = serde_json::from_str(&summed)?;
    summed["frames"].as_u64().with_context(|| summed.to_string())
}

/// The file that round 1 began with, by its size: a digest that a site may ask for.
fn adapter(small: &Small) -> Result<Vec<Digest>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(small.setup.root.join("coordinator/blobs"))? {
        let entry = entry?;
        if entry.metadata()?.len() >= CHUNK_BYTES_MAX as u64 {
            found.extend(entry.file_name().to_string_lossy().parse::<Digest>());
        }
    }
    Ok(found)
}

/// Stalls a line, greets on another, lets the first go; how many frames were then refused. Nothing that was
/// sent on the first line may be counted after the greeting.
async fn stall(consortium: &Consortium, small: &Small, honest: &mut Honest) -> Result<u64> {
    let state = consortium.sites[0].state();
    let mut first = Asker::connect(state).await?;
    honest.greet(&mut first).await?;
    let mut known = None;
    for digest in adapter(small)? {
        let question = honest.frame(Request::Fetch { digest, offset: 0 }, &[])?;
        if matches!(first.send(&question).await?.response, Response::Blob { .. }) {
            known = Some(digest);
        }
    }
    let digest = known.context("a file that the site may ask for")?;
    let before = counted(consortium)?;
    let mut asked = Vec::new();
    for _ in 0..STREAMS_PER_CONNECTION_MAX {
        asked.push(first.send_ahead(&honest.frame(Request::Fetch { digest, offset: 0 }, &[])?).await?);
    }
    // As many answers as the line holds unread, and the one that stalls.
    let arrived = u64::from(CONNECTION_WINDOW_BYTES_MAX) / CHUNK_BYTES_MAX as u64 + 1;
    while counted(consortium)? < before + arrived {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(counted(consortium)?, before + arrived, "the others wait behind it");

    let mut second = Asker::connect(state).await?;
    honest.greet(&mut second).await?;
    let greeted = counted(consortium)?;
    let mut refused = 0;
    for sent in asked {
        match sent.answer(WITHIN).await?.response {
            Response::Refused(Refusal::BadRequest) => refused += 1,
            Response::Blob { .. } => assert_eq!(refused, 0, "in order"),
            other => anyhow::bail!("{other:?}"),
        }
    }
    assert_eq!(refused, u64::from(STREAMS_PER_CONNECTION_MAX) - arrived);
    assert_eq!(counted(consortium)?, greeted, "nothing was counted behind the greeting");
    // The second line goes on as if nothing had been.
    let question = honest.frame(Request::Fetch { digest, offset: 0 }, &[])?;
    ensure!(matches!(second.send(&question).await?.response, Response::Blob { .. }));
    assert_eq!(counted(consortium)?, greeted + 1);
    Ok(refused)
}

#[test]
fn what_stalled_on_an_older_line_is_not_counted_behind_the_greeting_of_a_newer_one() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, rounds: 1, ..Wish::default() })?;
    let mut run_file = RunFile::read(&small.run_file)?;
    run_file.set_integer("adapter", "rank", RANK);
    run_file.write(&small.run_file)?;
    let mut consortium = small.start()?;
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    consortium.sites[0].stop();
    let ledger = consortium.sites[0].state().join("ledger/ledger.log");
    let mut honest = Honest::open(&ledger)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let refused = runtime.block_on(stall(&consortium, &small, &mut honest))?;
    drop((honest, runtime));

    // The agent goes on with the same ledger, which is taken, and the next receipt fits it.
    consortium.start_site(0, &[])?;
    let again = consortium.launch(&small.run_file)?;
    consortium.wait_published(&again, RUN_WITHIN)?;
    consortium.sites[0].stop();
    let verified = consortium.sites[0].run(&["ledger", "verify"], COMMAND_WITHIN)?.success()?;
    let expected = format!("receipts 2: all fit; {refused} frames never arrived");
    ensure!(verified.contains(&expected), "{verified}");
    let path = |name: &str| small.folder.path().join(name).to_string_lossy().into_owned();
    let (arrivals, receipts) = (path("arrivals"), path("receipts"));
    consortium.coordinator.run(&["ledger", "site-1", "--out", &arrivals], COMMAND_WITHIN)?.success()?;
    let agreed = site(&consortium, &arrivals)?;
    ensure!(agreed.code == Some(0), "{}", agreed.stderr);
    consortium.sites[0].run(&["ledger", "receipts", "--out", &receipts], COMMAND_WITHIN)?.success()?;
    let program = repository().join("deploy/verify_ledger.py");
    let files = ["--arrivals", &arrivals, "--receipts", &receipts];
    if let Ok(output) = Command::new("python3").arg(program).arg(&ledger).args(files).output() {
        let (said, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success() && said.contains(&expected), "{said}{why}");
    }
    consortium.stop();
    Ok(())
}
