//! A member that asks the coordinator what it may not: with the site's own key and certificate, and none of
//! our gates.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use common::id::RunId;
use common::net::client::{Answer, Client, ClientConnection, resolve};
use common::wire::frame;
use common::wire::message::{Envelope, POINT_BYTES, Refusal, Request, Response};

use super::small;

const WITHIN: Duration = Duration::from_secs(20);

#[test]
fn a_site_gets_no_more_points_evaluated_than_it_declared() -> Result<()> {
    let small = small(1)?;
    let mut consortium = tests::consortium::Consortium::create(small.setup.clone())?;
    consortium.start_coordinator(&[])?;
    // Joined, but its agent does not run: we are the site.
    consortium.join(0)?;
    let run: RunId = consortium.launch(&small.run_file)?.parse()?;
    let state = consortium.sites[0].state().to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (first, other) = (points(1), points(2));
    runtime.block_on(async {
        let mut asker = Asker::connect(&state).await?;
        let blinded = |offset, count| Request::OverlapBlinded { run, offset, count };
        let declare = |points| Request::OverlapDeclare { run, points };
        asker.refused(blinded(0, 1024), &first, Refusal::Unknown, "nothing was declared").await?;
        for wrong in [0, 1000, 1 << 26] {
            asker.refused(declare(wrong), &[], Refusal::BadRequest, "no number that may be declared").await?;
        }
        for _ in 0..2 {
            assert_eq!(asker.ask(declare(1024), &[]).await?.response, Response::Noted);
        }
        asker.refused(declare(2048), &[], Refusal::Conflict, "declared is declared").await?;
        asker.refused(blinded(1024, 1024), &other, Refusal::BadRequest, "more than declared").await?;
        asker.refused(blinded(0, 1), &first[..32], Refusal::BadRequest, "not a whole batch").await?;
        asker.refused(blinded(0, 1024), &[0; 1024 * 32], Refusal::BadRequest, "the identity").await?;
        asker.refused(blinded(0, 1024), &[7; 1024 * 32], Refusal::BadRequest, "not points").await?;
        let answer = asker.ask(blinded(0, 1024), &first).await?;
        assert_eq!(answer.response, Response::OverlapEvaluated { offset: 0, count: 1024 });
        // The same again costs nothing and says the same; others in its place are other questions.
        let again = asker.ask(blinded(0, 1024), &first).await?;
        assert_eq!(answer.payload[..1024 * POINT_BYTES], again.payload[..1024 * POINT_BYTES]);
        asker.refused(blinded(0, 1024), &other, Refusal::Conflict, "other points").await?;
        let unknown = Request::OverlapDeclare { run: RunId([0; 8]), points: 1024 };
        asker.refused(unknown, &[], Refusal::Unknown, "no such run").await?;
        Ok::<_, anyhow::Error>(())
    })?;
    // The cap is in the coordinator's books, not in its memory.
    consortium.coordinator.kill();
    consortium.start_coordinator(&[])?;
    runtime.block_on(async {
        let mut asker = Asker::connect(&state).await?;
        let blinded = Request::OverlapBlinded { run, offset: 0, count: 1024 };
        asker.refused(blinded.clone(), &other, Refusal::Conflict, "other points, after a restart").await?;
        let answer = asker.ask(blinded, &first).await?;
        assert_eq!(answer.response, Response::OverlapEvaluated { offset: 0, count: 1024 });
        asker
            .refused(Request::OverlapDeclare { run, points: 2048 }, &[], Refusal::Conflict, "a second number")
            .await
    })?;
    consortium.stop();
    Ok(())
}

/// 1,024 valid points.
fn points(seed: u8) -> Vec<u8> {
    let query = data::overlap::Query::new(&[], zeroize::Zeroizing::new([seed; 32]));
    query.and_then(|query| query.blinded(0)).unwrap_or_default()
}

/// A connection under a site's name.
struct Asker {
    /// Keeps the socket open.
    _client: Client,
    session: ClientConnection,
    sequence: u64,
}

impl Asker {
    async fn connect(state: &Path) -> Result<Self> {
        let identity = site_agent::identity::Identity::load(&state.join("identity"))?;
        let tls = certs::tls::run_client(&identity.tls, &identity.authority_der)?;
        let remote = *resolve(&identity.coordinator.address, WITHIN).await?.first().context("no address")?;
        let client = Client::bind_for(remote)?;
        let session = client.connect(remote, tls, certs::profile::COORDINATOR_NAME, WITHIN).await?;
        Ok(Self { _client: client, session, sequence: 0 })
    }

    #[expect(clippy::disallowed_methods, reason = "a member without our gates is what is played here")]
    async fn ask(&mut self, request: Request, payload: &[u8]) -> Result<Answer> {
        self.sequence += 1;
        let mut bytes = frame::to_bytes(&Envelope { sequence: self.sequence, request })?;
        bytes.extend_from_slice(payload);
        Ok(self.session.exchange(&bytes, WITHIN).await?)
    }

    async fn refused(&mut self, request: Request, payload: &[u8], refusal: Refusal, why: &str) -> Result<()> {
        let asked = format!("{request:?}");
        let answer = self.ask(request, payload).await?;
        assert_eq!(answer.response, Response::Refused(refusal), "{why}: {asked}");
        Ok(())
    }
}
