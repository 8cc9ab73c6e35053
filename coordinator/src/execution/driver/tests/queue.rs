//! Runs that wait for their turn, with the coordinator killed between any two steps.

use super::*;
use crate::limits::QUEUED_RUNS_MAX;
use crate::round::launched::Queued;
use crate::round::state::Failure;

/// Delivers both sites' updates of every round, killed before each.
async fn through(mut running: Running, folder: &StateFolder, run: RunId) -> Running {
    for round in 1..=2 {
        for index in 0..2 {
            running.kill().await;
            running = Running::start(folder, SCORES);
            running.until(run, open_round(round)).await;
            assert_eq!(running.deliver(folder, run, round, index).await, Some(Admission::Welcome));
        }
    }
    running
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_in_the_queue_begins_once_the_one_before_it_is_over_whoever_was_killed_meanwhile() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(temporary.path());
    let first = prepared(&folder);
    let queued = |number: u8| {
        let run = RunId([number; 8]);
        LaunchedRun { run, queued: Some(Queued::default()), ..first.clone() }
    };
    let (one, [second, third, fourth]) = (first.run, [queued(8), queued(9), queued(10)]);
    let runs = [second.run, third.run, fourth.run];
    let running = Running::start(&folder, SCORES);
    running.driver.launch(first.clone()).await.unwrap();
    for launched in [second, third, fourth] {
        running.driver.launch(launched).await.unwrap();
    }
    // One is taken out of the queue, while another one is going: that one's uploads stay, it is the one that
    // an operator means, and no site hears of the other.
    let part = folder.spool().join("half-an-aggregate");
    std::fs::write(&part, "half").unwrap();
    running.driver.submit(runs[1], Event::Stopped).await.unwrap();
    let site: SiteId = "site-0".parse().unwrap();
    assert_eq!(running.runs.choose(None).unwrap().launched.run, one);
    assert!(running.runs.finished_for(&site, Timestamp(0))[0].is_none());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(part.exists());
    let running = through(running, &folder, one).await;
    let waiting = running.runs.find(runs[0]).unwrap();
    assert!(waiting.rounds.is_empty() && waiting.decisions.is_empty(), "{:?}", waiting.phase);
    running.until(one, RunState::is_over).await;
    running.until(runs[0], open_round(1)).await;
    let refused = running
        .driver
        .submit(runs[2], Event::LeftQueue { sent_before: Default::default(), test_openings_before: 0 });
    assert!(matches!(refused.await, Err(Error::RunInProgress(_))));
    let running = through(running, &folder, runs[0]).await;
    running.until(runs[0], RunState::is_over).await;
    let running = through(running, &folder, runs[2]).await;
    let last = running.until(runs[2], RunState::is_over).await;
    let ended = running.runs.find(one).unwrap();
    assert_eq!(last.model(), ended.model(), "the same updates, the same bytes");
    assert!(last.left_queue_at >= ended.ended_at);
    let all = running.runs.all();
    let order: Vec<RunId> =
        all.iter().filter(|it| it.phase == Phase::Finished).map(|it| it.launched.run).collect();
    assert_eq!(order, [one, runs[0], runs[2]]);
    assert_eq!(running.runs.find(runs[1]).unwrap().phase, Phase::Failed(Failure::Stopped));
    running.kill().await;
}

#[test]
fn so_many_wait_and_no_more() {
    assert!(may_wait(QUEUED_RUNS_MAX - 1).is_ok());
    assert!(may_wait(QUEUED_RUNS_MAX).unwrap_err().is_user_error());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_queued_behind_nothing_begins_at_once() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(temporary.path());
    let launched = LaunchedRun { queued: Some(Queued::default()), ..prepared(&folder) };
    let run = launched.run;
    let running = Running::start(&folder, SCORES);
    running.driver.launch(launched).await.unwrap();
    running.until(run, open_round(1)).await;
    running.kill().await;
}
