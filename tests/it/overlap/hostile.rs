//! A member that asks the coordinator what it may not: with the site's own key and certificate, and none of
//! our gates.

use anyhow::Result;
use common::id::RunId;
use common::wire::message::{POINT_BYTES, Refusal, Request, Response};

use super::small;
use crate::asker::Asker;

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
        let early = Request::OverlapDeclare { run, points: 1024 };
        asker.refused(early, &[], Refusal::Unknown, "a site that has not agreed to the run").await?;
        Asker::agree(&state).await?;
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
