//! The door with a consortium of a hundred sites behind it, in round 601: every answer fits in bounded lines.

use std::sync::Arc;
use std::time::Duration;

use common::clock::{SystemClock, Timestamp};
use common::id::{Digest, Round, SiteId};
use common::limits::{LOCAL_MESSAGE_BYTES_MAX, SITES_MAX};
use common::net::Connections;

use super::client::{self, Door};
use super::message::{Answer, Command};
use super::server::{Admin, listen};
use crate::admin::acts::Acts;
use crate::evaluate::tests::scripted;
use crate::execution::driver::{Driver, World};
use crate::execution::performer::Performer;
use crate::execution::presence::Presence;
use crate::execution::runs::Runs;
use crate::round::event::Event;
use crate::round::missing::Missing;
use crate::round::scheduler::tests::launched_run;
use crate::round::scheduler::{launch, step};
use crate::round::state::{Outlier, Phase, RunState, Score, Update};
use crate::state_folder::StateFolder;
use crate::state_folder::identity::Identity;
use crate::store::Store;

const ROUNDS: u32 = 601;

/// The longest names that there may be, and every site in every list of a round.
fn crowded() -> RunState {
    let mut launched = launched_run(SITES_MAX, 1, ROUNDS);
    let name = |index: usize| -> SiteId { format!("site-{index:027}").parse().unwrap() };
    launched.sites = (0..SITES_MAX).map(name).collect();
    let (state, _) = launch(launched, Timestamp(0));
    let unevaluated = || Score::Unevaluated { reason: "no file".into() };
    let (mut state, _) =
        step(state, &Event::BaseScored { score: unevaluated(), initial: None }, Timestamp(0));
    let mut record = state.rounds.remove(0);
    for (index, site) in state.launched.sites.iter().enumerate() {
        let update = Update { digest: Digest::of(site.as_str().as_bytes()), bytes: 1, records: u64::MAX };
        record.updates.insert(site.clone(), update);
        record.outliers.push(Outlier { site: site.clone(), norm_factor: 1.0 / 3.0, cosine: -2.0 / 3.0 });
        let code = "overlap_failed".to_owned();
        record
            .missing
            .insert(site.clone(), if index % 2 == 0 { Missing::Failed(code) } else { Missing::Late });
    }
    record.closed_at = Some(Timestamp(1));
    record.score = Some(unevaluated());
    for round in 1..=ROUNDS {
        record.round = Round(round);
        state.rounds.push(record.clone());
    }
    state.phase = Phase::Finished;
    state
}

fn lists(
    folder: &StateFolder,
    store: &Arc<Store>,
    authority: certs::CertificateAuthority,
) -> Arc<crate::enrolment::lists::Lists> {
    let issuer = Arc::new(crate::enrolment::issuer::Issuer::new(authority, Duration::from_secs(86_400)));
    Arc::new(crate::enrolment::lists::Lists::new(folder, store, &issuer))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_sites_in_round_601_are_shown() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(temporary.path());
    for path in [folder.ca(), folder.spool(), folder.blobs()] {
        std::fs::create_dir_all(path).unwrap();
    }
    let authority = Identity::create(&folder, "test", Timestamp(0)).unwrap().authority;
    let acts = Arc::new(Acts::open(&folder).unwrap());
    let store = Arc::new(Store::open(&folder.database()).unwrap());
    let runs = Runs::replay(&store).unwrap();
    let state = crowded();
    let run = state.launched.run.to_string();
    for (index, site) in state.launched.sites.iter().enumerate() {
        let token = certs::JoinToken::from_bytes([u8::try_from(index).unwrap(); 32]).hash();
        store.invite(site, &token, Timestamp(1), Timestamp(0)).unwrap();
    }
    runs.publish(state);
    let evaluator = scripted(folder.path(), "exit 1", Duration::from_secs(1));
    let performer = Performer::new(folder.clone(), evaluator.clone());
    let presence = Arc::new(Presence::new(Connections::default()));
    let world = World {
        store: Arc::clone(&store),
        runs: runs.clone(),
        performer: performer.clone(),
        presence: Arc::clone(&presence),
        clock: Arc::new(SystemClock),
    };
    let (driver, _driving) = Driver::start(world);
    let admin = Arc::new(Admin {
        folder: Arc::new(folder.clone()),
        lists: lists(&folder, &store, authority),
        store,
        runs,
        driver,
        connections: Connections::default(),
        presence,
        performer,
        clock: Arc::new(SystemClock),
        evaluator,
        receipts: Arc::new(certs::ReceiptSigningKey::generate().unwrap()),
        keys: crate::enrolment::keeper::channel().0,
        admins: Connections::of_admins(),
        acts,
    });
    let serving = tokio::spawn(admin.serve(listen(&folder).unwrap()));
    let door = Door::Here(folder);
    let asked = tokio::task::spawn_blocking(move || {
        let shown = client::status(&door, None).unwrap();
        let mut watched = 0;
        client::watch(&door, &run, |_| {
            watched += 1;
            Ok(())
        })
        .unwrap();
        let Answer::Sites { sites } = client::ask(&door, &Command::Sites).unwrap() else {
            panic!("something else")
        };
        (shown, watched, sites)
    });
    let (shown, watched, sites) = asked.await.unwrap();
    assert_eq!(sites.len(), SITES_MAX);
    assert!(sites.iter().all(|site| site.closed_rounds == ROUNDS && site.last_missing.is_some()));
    assert_eq!((shown.history.len(), shown.sites.len(), watched), (ROUNDS as usize, SITES_MAX, 1));
    assert!(shown.history.iter().zip(1..).all(|(round, number)| round.round == number));
    let whole = serde_json::to_vec(&shown).unwrap().len();
    assert!(
        whole > 10 * LOCAL_MESSAGE_BYTES_MAX,
        "{whole} bytes would fit in fewer lines: the test proves too little"
    );
    serving.abort();
}
