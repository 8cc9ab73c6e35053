//! A coordinator and a worker that say what they like, against the real loop, its database, its ledger and
//! its gate; only the line and the training are played.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};

use certs::{ReceiptSigningKey, TlsIdentity};
use common::adapter::AdapterWriter;
use common::clock::{ManualClock, Timestamp};
use common::id::{Digest, Round, RunId};
use common::limits::CHUNK_BYTES_MAX;
use common::run::{RunManifest, SignedManifest, TrainingSettings};
use common::wire::frame;
use common::wire::message::{
    Decision, Envelope, PROTOCOL_VERSION, Receipt, ReceiptBody, Refusal, Request, TrainFailure, Work,
};
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::oneshot;

use self::terms::{adapter, manifest};
use super::*;
use crate::config::retention::RetentionConfig;
use crate::config::{DataRoomConfig, SandboxConfig, TrainingConfig};
use crate::egress::{Egress, Wire};
use crate::gateway::consent::tests as consent;
use crate::gateway::ledger::LedgerWriter;
use crate::gateway::output::Report;
use crate::gateway::renewal::Renewal;
use crate::gateway::revocations::Revocations;
use crate::pipe::{FromWorker, Progress, round_file_stem};
use crate::policy::PolicyConfig;
use told::Told;

mod consenting;
mod coordinator;
mod launched;
mod limiting;
mod pipelined;
mod renewing;
mod revoking;
mod scoring;
mod terms;
mod told;
mod worker;

/// An answer that a site never gets: its line is cut.
const LOST: Response = Response::ProveLedger { size: u64::MAX };
const SITE: &str = "cardiology";
const BASE: Digest = Digest([9; 32]);
const OWN_KEY: Digest = Digest([1; 32]);

fn key(run: u8, round: u32) -> RoundKey {
    RoundKey { run: RunId([run; 8]), round: Round(round) }
}

/// What the loop is tested against: everything that arrived, and how it is answered.
#[derive(Clone)]
struct Played(Arc<Mutex<Script>>);

type IsOver = Box<dyn FnMut(&[Request]) -> bool + Send>;
type Answers = Box<dyn FnMut(&mut Honest, &Request) -> Option<Answer> + Send>;

struct Script {
    honest: Honest,
    /// First asked; `None` leaves the answer to the honest coordinator.
    odd: Answers,
    arrived: Vec<Request>,
    bytes: Vec<Vec<u8>>,
    /// Told when the script is over; from then on nothing is answered.
    is_over: IsOver,
    over: Option<oneshot::Sender<()>>,
}

/// What an honest coordinator holds.
struct Honest {
    receipts: ReceiptSigningKey,
    files: BTreeMap<Digest, Vec<u8>>,
    work: Option<Work>,
    update: Option<(RoundKey, Digest, u64)>,
    acknowledged: Vec<RoundKey>,
    /// What followed the last frame.
    payload: Vec<u8>,
}

impl Honest {
    fn new() -> Self {
        Self {
            // The same key each time, as a site knows one coordinator.
            receipts: ReceiptSigningKey::from_text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap(),
            files: BTreeMap::new(),
            work: None,
            update: None,
            acknowledged: Vec::new(),
            payload: Vec::new(),
        }
    }

    fn put(&mut self, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(&bytes);
        self.files.insert(digest, bytes);
        digest
    }

    /// The file of a manifest.
    fn sign(&self, manifest: &RunManifest) -> Vec<u8> {
        let signature = self.receipts.sign(&manifest.statement().unwrap()).unwrap();
        SignedManifest { manifest: manifest.clone(), signature, launched_by: None }.to_bytes().unwrap()
    }

    /// Begins a round under these terms.
    fn assign(&mut self, key: RoundKey, terms: &RunManifest) -> Work {
        let bytes = self.sign(terms);
        let manifest_bytes = u32::try_from(bytes.len()).unwrap();
        let manifest = self.put(bytes);
        let adapter = adapter(terms, key.round.0 as f32 / 100.0);
        let adapter_bytes = adapter.len() as u64;
        let work = Work::Train { key, manifest, manifest_bytes, adapter: self.put(adapter), adapter_bytes };
        self.work = Some(work.clone());
        work
    }

    fn answer(&mut self, request: &Request) -> Answer {
        let mut payload = Vec::new();
        let response = match request {
            Request::Hello { .. } => Response::Welcome { protocol: PROTOCOL_VERSION },
            Request::Poll { .. } => Response::Work(self.work.clone().unwrap_or(Work::Nothing)),
            Request::Fetch { digest, offset } => match self.files.get(digest) {
                None => Response::Refused(Refusal::Unknown),
                Some(bytes) => {
                    let rest = &bytes[*offset as usize..];
                    payload = rest[..rest.len().min(CHUNK_BYTES_MAX)].to_vec();
                    let length = payload.len() as u32;
                    Response::Blob { offset: *offset, length, total: bytes.len() as u64 }
                }
            },
            Request::Offer { key, digest, bytes, .. } => {
                self.update = Some((*key, *digest, *bytes));
                Response::Continue { next_offset: 0 }
            }
            Request::Chunk { offset, length, .. } => {
                Response::Continue { next_offset: offset + u64::from(*length) }
            }
            Request::Commit { key, digest } => {
                self.acknowledged.push(*key);
                self.work = None;
                Response::Receipt(self.receipt(*key, *digest, self.update.map_or(0, |update| update.2)))
            }
            Request::Decide { decision: Decision::Approved | Decision::Withdrawn, .. } => {
                // Nobody is asked again who has said either.
                if matches!(self.work, Some(Work::Proposed { .. })) {
                    self.work = None;
                }
                Response::Noted
            }
            _ => Response::Noted,
        };
        Answer { response, payload }
    }

    fn receipt(&self, key: RoundKey, digest: Digest, bytes: u64) -> Receipt {
        let body = ReceiptBody {
            site: Digest::of(SITE.as_bytes()),
            key,
            digest,
            bytes,
            first_sequence: 0,
            last_sequence: 9,
            received_bytes: 1000,
            running_hash: Digest([0; 32]),
        };
        Receipt { body, signature: self.receipts.sign(&body.signed_bytes()).unwrap() }
    }
}

impl Played {
    fn of(honest: Honest, odd: Answers, is_over: IsOver, over: Option<oneshot::Sender<()>>) -> Self {
        let (arrived, bytes) = (Vec::new(), Vec::new());
        Self(Arc::new(Mutex::new(Script { honest, odd, arrived, bytes, is_over, over })))
    }
}

impl Connector for Played {
    type Wire = Self;

    async fn connect(&mut self) -> Result<Self, SiteError> {
        Ok(self.clone())
    }

    fn successor(&self) -> Option<Vec<u8>> {
        None
    }

    fn adopt(&mut self, _: &TlsIdentity, _: &[u8]) -> Result<(), SiteError> {
        Ok(())
    }
}

impl Wire for Played {
    type Sent = Option<Answer>;

    async fn send(&mut self, bytes: &[u8]) -> Result<Option<Answer>, SiteError> {
        let length = u32::from_le_bytes(bytes[..frame::PREFIX_BYTES].try_into().unwrap()) as usize;
        let body = &bytes[frame::PREFIX_BYTES..][..length];
        let Envelope { request, .. } = frame::from_body(body).unwrap();
        let answer = {
            let mut script = self.0.lock().unwrap();
            script.arrived.push(request.clone());
            script.bytes.push(bytes.to_vec());
            script.honest.payload = bytes[frame::PREFIX_BYTES + length..].to_vec();
            let Script { is_over, arrived, odd, honest, over, .. } = &mut *script;
            if is_over(arrived) {
                over.take().map(|over| over.send(()));
                None
            } else {
                Some(odd(honest, &request).unwrap_or_else(|| honest.answer(&request)))
            }
        };
        Ok(answer)
    }

    fn is_in_turn(&self) -> bool {
        true
    }

    async fn answer(&mut self, sent: Option<Answer>) -> Result<Answer, SiteError> {
        match sent {
            Some(Answer { response: LOST, .. }) => Err(SiteError::Connection { reason: "cut".into() }),
            Some(answer) => Ok(answer),
            None => std::future::pending().await,
        }
    }
}

/// The person who watches, and a worker that answers orders at once.
struct Watched {
    notices: Arc<Mutex<Vec<Notice>>>,
    worker: Sender<ToGateway>,
    folder: StateFolder,
    /// What is said before the training ends.
    while_training: Vec<Progress>,
    /// The worker announces files that are not there.
    liar: bool,
    endless: bool,
    /// What the worker was told to forget.
    abandoned: Vec<RoundKey>,
}

impl Report for Watched {
    fn notice(&mut self, notice: Notice) {
        self.notices.lock().unwrap().push(notice);
    }
}

impl Output for Watched {
    fn order(&mut self, order: ToWorker) {
        let say = |message| self.worker.try_send(ToGateway::Worker(message)).unwrap_or_default();
        match order {
            ToWorker::Prepare { key, .. } => {
                say(FromWorker::Data { key, root: Digest([5; 32]) });
                say(FromWorker::Ready { key, base_fingerprint: BASE, records: 775 });
            }
            ToWorker::Train { key, .. } if self.endless => {
                let worker = self.worker.clone();
                std::thread::spawn(move || {
                    let progress = Progress { step: 1, total_steps: 100, loss: 5.0, tokens_per_s: 9 };
                    let message = || ToGateway::Worker(FromWorker::Progress { key, progress });
                    while worker.blocking_send(message()).is_ok() {
                        std::thread::sleep(Duration::from_millis(50));
                    }
                });
            }
            ToWorker::Train { key, .. } => {
                for progress in &self.while_training {
                    say(FromWorker::Progress { key, progress: *progress });
                }
                let raw =
                    self.folder.raw().join(format!("{}.safetensors", round_file_stem(key.run, key.round)));
                let tensors = manifest(key.run.0[0]).tensors;
                let mut writer = AdapterWriter::create(&raw, &tensors).unwrap();
                writer.append(&vec![0.25; tensors[0].shape[0] * tensors[0].shape[1]]).unwrap();
                writer.finish().unwrap();
                let digest = Digest::of(&fs::read(&raw).unwrap());
                if self.liar {
                    fs::remove_file(&raw).unwrap();
                }
                let facts = RawFacts { digest, records: 775, tokens: u64::MAX, loss: f64::NAN };
                say(FromWorker::Finished { key, facts });
            }
            ToWorker::Measure { key, .. } => scoring::answer(key, self.liar, &say),
            ToWorker::Abandon { key } => self.abandoned.push(key),
            ToWorker::Suspend { .. } => {}
        }
    }
}

/// A site with everything but training and line.
struct Site {
    _root: tempfile::TempDir,
    folder: StateFolder,
    policy: PolicyConfig,
    retention: RetentionConfig,
    while_training: Vec<Progress>,
    liar: bool,
    /// The worker goes on for ever, and talks.
    endless: bool,
    hurry: u64,
    /// Whom this site trusts.
    officer: Option<certs::OfficerPublicKey>,
    /// Whether somebody agreed to the run beforehand.
    agrees: bool,
    /// What this process knows of the certificate in use, where it renews one.
    renewal: Option<Box<dyn Fn() -> Renewal>>,
    /// The authority whose revocation lists it goes by, where it goes by any.
    authority_der: Option<Vec<u8>>,
    clock_ms: u64,
}

impl Site {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = StateFolder::new(root.path());
        for path in folder.folders() {
            fs::create_dir_all(path).unwrap();
        }
        let policy = PolicyConfig::default();
        Self {
            _root: root,
            folder,
            policy,
            retention: RetentionConfig::default(),
            while_training: Vec::new(),
            liar: false,
            hurry: 1000,
            endless: false,
            officer: None,
            agrees: true,
            renewal: None,
            authority_der: None,
            clock_ms: 1000,
        }
    }

    fn line(&self, played: Played, egress: Egress<ManualClock>) -> Connection<Played, ManualClock> {
        let mut connection = Connection::new(played, egress);
        if self.authority_der.is_some() {
            connection = connection.with_book(Store::open(&self.folder.database()).unwrap());
        }
        let Some(renewal) = &self.renewal else { return connection };
        connection.with_book(Store::open(&self.folder.database()).unwrap()).with_renewal(renewal())
    }

    /// The loop against this coordinator, before it runs.
    fn agent_loop(&self, played: &Played) -> AgentLoop<Played, ManualClock, Watched> {
        let public_key = played.0.lock().unwrap().honest.receipts.public_key().unwrap();
        let (worker, from_worker) = channel(4096);
        let (ledger, _) = LedgerWriter::open(&self.folder.ledger()).unwrap();
        let clock = || ManualClock::at(Timestamp(self.clock_ms));
        let consent = consent::book_of(&self.folder.database(), self.officer, &self.policy);
        let mut egress = Egress::new(ledger, consent, self.policy.clone(), Digest([0; 32]), clock());
        let mut store = Store::open(&self.folder.database()).unwrap();
        if let Some(authority_der) = &self.authority_der {
            egress = egress.with_revocations(Revocations::load(&store, authority_der).unwrap());
        }
        store.record_own_key(OWN_KEY, 0).unwrap();
        AgentLoop {
            folder: self.folder.clone(),
            config: AgentConfig {
                model: "m".into(),
                data: vec!["d".into()],
                data_room: DataRoomConfig::default(),
                sandbox: SandboxConfig::default(),
                training: TrainingConfig::default(),
                policy: self.policy.clone(),
                retention: self.retention,
                escrow: None,
                keys: None,
            },
            coordinator: Coordinator {
                site: SITE.parse().unwrap(),
                address: "localhost:1".into(),
                receipt_key: Digest(*public_key.as_bytes()),
            },
            store,
            connection: self.line(played.clone(), egress),
            clock: clock(),
            output: Watched {
                notices: Arc::default(),
                worker,
                folder: self.folder.clone(),
                while_training: self.while_training.clone(),
                liar: self.liar,
                endless: self.endless,
                abandoned: Vec::new(),
            },
            worker: from_worker,
            course: Course { hurry: self.hurry, ..Course::default() },
        }
    }

    /// Runs the loop against this coordinator until `is_over`, or for `within`; it must not end by itself.
    fn run(
        &self,
        honest: Honest,
        odd: impl FnMut(&mut Honest, &Request) -> Option<Answer> + Send + 'static,
        is_over: impl FnMut(&[Request]) -> bool + Send + 'static,
        within: Duration,
    ) -> Told {
        if self.agrees
            && let Some(
                Work::Train { key: RoundKey { run, .. }, manifest, .. } | Work::Measure { run, manifest, .. },
            ) = honest.work
        {
            consent::decide_and_tell(&self.folder.database(), run, manifest);
        }
        let (over, is_told) = oneshot::channel();
        let played = Played::of(honest, Box::new(odd), Box::new(is_over), Some(over));
        let agent_loop = self.agent_loop(&played);
        let notices = Arc::clone(&agent_loop.output.notices);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            tokio::select! {
                ended = agent_loop.run() => panic!("the loop ended: {ended:?}"),
                _ = is_told => {}
                () = tokio::time::sleep(within) => {}
            }
        });
        let notices = notices.lock().unwrap().clone();
        let Ok(script) = Arc::try_unwrap(played.0) else { panic!("somebody still talks") };
        let Script { honest, arrived, bytes, .. } = script.into_inner().unwrap();
        Told { arrived, bytes, notices, honest }
    }
}

fn plain(response: Response) -> Option<Answer> {
    Some(Answer { response, payload: Vec::new() })
}

fn honestly(_: &mut Honest, _: &Request) -> Option<Answer> {
    None
}

/// Over when so many polls have arrived.
fn polls(count: usize) -> impl FnMut(&[Request]) -> bool {
    move |arrived| arrived.iter().filter(|request| matches!(request, Request::Poll { .. })).count() >= count
}

const WITHIN: Duration = Duration::from_secs(20);
