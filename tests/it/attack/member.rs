//! A member against the others: with a valid certificate, and none of our gates. It claims more records than
//! there are, sends updates that would break the next round, fills disk and journal. Run by `cargo test`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use common::adapter::{AdapterReader, AdapterWriter};
use common::id::Digest;
use common::limits::{ADAPTER_NORM_MAX, COUNT_MAX, RECORDS_MAX};
use common::run::{RunManifest, SignedManifest};
use common::wire::frame;
use common::wire::message::{Envelope, Refusal, Request, Response, RoundKey, TrainFailure, Work};
use common::wire::numbers::{LossMilli, RoundedCount};
use coordinator::limits::{FAILURES_PER_ROUND_MAX, OFFERS_PER_ROUND_MAX, PARTS_PER_SITE_MAX};
use tests::consortium::Consortium;
use tests::run_file::RunFile;
use tests::status::RunStatus;
use tests::wait::{self, Interrupt};

use crate::asker::Asker;
use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, TinyDisk, Wish};

/// Joined members whose agents do not run: we are all of them.
struct Members {
    small: Small,
    consortium: Consortium,
    runtime: tokio::runtime::Runtime,
    run: String,
}

impl Members {
    fn launch(sites: usize, deadline_s: i64, prepare: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        let wish = Wish { sites, rounds: 1, ..Wish::default() };
        Self::launch_as(&wish, prepare, |run_file| run_file.set_integer("quorum", "deadline_s", deadline_s))
    }

    fn launch_as(
        wish: &Wish,
        prepare: impl FnOnce(&Path) -> Result<()>,
        settings: impl FnOnce(&mut RunFile),
    ) -> Result<Self> {
        let (sites, small) = (wish.sites, Small::new(wish)?);
        let mut run_file = RunFile::read(&small.run_file)?;
        run_file.set("overlap", "enabled", toml::Value::Boolean(false));
        settings(&mut run_file);
        run_file.write(&small.run_file)?;
        prepare(&small.setup.root)?;
        let mut consortium = Consortium::create(small.setup.clone())?;
        consortium.start_coordinator(&[])?;
        (0..sites).try_for_each(|index| consortium.join(index))?;
        let run = consortium.launch(&small.run_file)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        for site in &consortium.sites {
            runtime.block_on(Asker::agree(site.state()))?;
        }
        Ok(Self { small, consortium, runtime, run })
    }

    /// The run once it has ended well and nothing is computed beside it any more.
    fn finished(&self) -> Result<RunStatus> {
        let (logs, interrupt) = (self.consortium.logs().to_owned(), Interrupt::default());
        let every = Duration::from_millis(150);
        let published = || self.consortium.published(&self.run);
        Ok(wait::until("the run", RUN_WITHIN, every, &logs, &interrupt, published)?)
    }

    fn state(&self, index: usize) -> PathBuf {
        self.consortium.sites[index].state().to_owned()
    }

    fn coordinator(&self, part: &str) -> PathBuf {
        self.small.setup.root.join("coordinator").join(part)
    }

    /// Unfinished uploads at the coordinator.
    fn parts(&self) -> Result<usize> {
        let names = std::fs::read_dir(self.coordinator("spool"))?.collect::<Result<Vec<_>, _>>()?;
        Ok(names.iter().filter(|entry| entry.file_name().to_string_lossy().ends_with(".part")).count())
    }
}

/// A member that has what the round gives it.
struct Member {
    asker: Asker,
    key: RoundKey,
    manifest: RunManifest,
    folder: PathBuf,
}

impl Member {
    async fn at_work(state: &Path) -> Result<Self> {
        let mut asker = Asker::connect(state).await?;
        // The base model is measured before the first round opens.
        let (key, manifest, adapter) = loop {
            match asker.ask(Request::Poll { wait_ms: 10_000 }, &[]).await?.response {
                Response::Work(Work::Train { key, manifest, adapter, .. }) => break (key, manifest, adapter),
                Response::Work(Work::Nothing) => {}
                other => bail!("no work: {other:?}"),
            }
        };
        let folder = state.join("played");
        std::fs::create_dir_all(&folder)?;
        let manifest = SignedManifest::from_bytes(&fetch(&mut asker, manifest).await?)?.manifest;
        std::fs::write(folder.join("last"), fetch(&mut asker, adapter).await?)?;
        Ok(Self { asker, key, manifest, folder })
    }

    /// The last adapter with `value` added to every element.
    fn update(&self, value: f32) -> Result<Vec<u8>> {
        let tensors = &self.manifest.tensors;
        let (last, path) =
            (AdapterReader::open(&self.folder.join("last"), tensors)?, self.folder.join("update"));
        let mut writer = AdapterWriter::create(&path, tensors)?;
        for index in 0..tensors.len() {
            let values: Vec<f32> = last.read_whole(index)?.iter().map(|last| last + value).collect();
            writer.append(&values)?;
        }
        writer.finish()?;
        Ok(std::fs::read(path)?)
    }

    fn offer(&self, update: &[u8], records: u64) -> Request {
        Request::Offer {
            key: self.key,
            digest: Digest::of(update),
            bytes: update.len() as u64,
            records: RoundedCount::of(records),
            tokens: RoundedCount::of(1000),
            loss: LossMilli::of(5.0),
        }
    }

    /// Offers, sends and commits; the last answer.
    async fn deliver(&mut self, update: &[u8], records: u64) -> Result<Response> {
        let digest = Digest::of(update);
        let answer = self.asker.ask(self.offer(update, records), &[]).await?.response;
        let Response::Continue { next_offset } = answer else { return Ok(answer) };
        let mut sent = next_offset as usize;
        while sent < update.len() {
            let part = &update[sent..update.len().min(sent + (1 << 20))];
            let chunk = Request::Chunk { digest, offset: sent as u64, length: part.len() as u32 };
            match self.asker.ask(chunk, part).await?.response {
                Response::Continue { next_offset } => sent = next_offset as usize,
                other => return Ok(other),
            }
        }
        Ok(self.asker.ask(Request::Commit { key: self.key, digest }, &[]).await?.response)
    }
}

/// A whole file of the coordinator's.
async fn fetch(asker: &mut Asker, digest: Digest) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let answer = asker.ask(Request::Fetch { digest, offset: bytes.len() as u64 }, &[]).await?;
        let Response::Blob { total, .. } = answer.response else { bail!("{:?}", answer.response) };
        bytes.extend(answer.payload);
        if bytes.len() as u64 == total {
            return Ok(bytes);
        }
    }
}

/// The bounds disagreed by a factor of ten: what the coordinator took, sites refused.
#[test]
fn a_site_by_default_and_the_coordinator_have_one_bound_on_the_norm() -> Result<()> {
    let sample = crate::support::repository().join("deploy/config/agent.toml");
    let policy = site_agent::config::AgentConfig::load(&sample)?.policy;
    assert_eq!(policy.update_norm_max, ADAPTER_NORM_MAX);
    Ok(())
}

/// The published adapter was the member's file, byte for byte.
#[test]
fn a_member_that_claims_everything_neither_replaces_nor_breaks_the_model() -> Result<()> {
    // Without the held-out veto, which is another defence: this one is the average's.
    let wish = Wish { sites: 3, rounds: 1, ..Wish::default() };
    let mut members = Members::launch_as(
        &wish,
        |_| Ok(()),
        |run_file| {
            run_file.set("evaluation", "loss_increase_max", toml::Value::Float(100.0));
        },
    )?;
    let states: Vec<_> = (0..3).map(|index| members.state(index)).collect();
    let hostile = members.runtime.block_on(async {
        let mut hostile = Member::at_work(&states[1]).await?;
        let update = hostile.update(0.5)?;
        claim_what_cannot_be_written(&mut hostile, &states[1], &update).await?;
        let too_many = hostile.offer(&update, COUNT_MAX);
        hostile
            .asker
            .refused(too_many, &[], Refusal::BadRequest, "more records than any hospital has")
            .await?;
        // Norm 96,658 was taken, and made every honest site refuse its own next update.
        let elements: usize = hostile.manifest.tensors.iter().map(|t| t.shape[0] * t.shape[1]).sum();
        for norm in [96_658.0, ADAPTER_NORM_MAX * 0.9] {
            let huge = hostile.update((norm / (elements as f64).sqrt()) as f32)?;
            let answer = hostile.deliver(&huge, 200).await?;
            assert_eq!(answer, Response::Refused(Refusal::UpdateInvalid), "norm {norm}");
        }
        let answer = hostile.deliver(&update, RECORDS_MAX).await?;
        assert!(matches!(answer, Response::Receipt(_)), "{answer:?}");
        for (index, value) in [(0, 0.001), (2, 0.002)] {
            let mut honest = Member::at_work(&states[index]).await?;
            let answer = honest.deliver(&honest.update(value)?, 200).await?;
            assert!(matches!(answer, Response::Receipt(_)), "{answer:?}");
        }
        Ok::<_, anyhow::Error>(Digest::of(&update).to_string())
    })?;
    let status = members.finished()?;
    assert_ne!(status.adapter, hostile, "the published model is the member's file");
    let weight = |name: &str| status.sites.iter().find(|site| site.site == name).and_then(|site| site.weight);
    assert_eq!(weight("site-2"), Some(2.0 / 3.0));
    assert!(weight("site-1").context("every site's weight is in the status")? > 0.16, "{:?}", status.sites);
    for expected in ["site site-2 claims", "the update of site site-2 is far from the others"] {
        assert!(status.warnings.iter().any(|warning| warning.contains(expected)), "{:?}", status.warnings);
    }
    members.consortium.stop();
    Ok(())
}

/// It was adopted, and every later round began with it.
#[test]
fn a_poisoned_update_is_not_adopted_and_its_site_is_named() -> Result<()> {
    let wish = Wish { sites: 3, rounds: 2, ..Wish::default() };
    let mut members = Members::launch_as(&wish, |_| Ok(()), |_| {})?;
    let states: Vec<_> = (0..3).map(|index| members.state(index)).collect();
    for poison in [0.5, 0.0] {
        members.runtime.block_on(async {
            for (state, value) in states.iter().zip([0.001, poison, 0.002]) {
                let mut member = Member::at_work(state).await?;
                let answer = member.deliver(&member.update(value)?, 200).await?;
                assert!(matches!(answer, Response::Receipt(_)), "{answer:?}");
            }
            Ok::<_, anyhow::Error>(())
        })?;
    }
    let status = members.finished()?;
    let [poisoned, good] = status.history.as_slice() else { bail!("{:?}", status.history) };
    let vetoed = poisoned.not_adopted.as_ref().context("the first round was adopted")?;
    assert_eq!(
        (vetoed.harm.as_str(), vetoed.harmful_sites.as_slice()),
        ("sites", &["site-2".to_owned()][..])
    );
    assert!(poisoned.published.is_none() && good.published.is_some() && good.not_adopted.is_none());
    assert_eq!(Some(&status.adapter), good.adapter.as_ref());
    let named = "round 1 was not adopted";
    assert!(
        status.warnings.iter().any(|it| it.starts_with(named) && it.contains("site site-2")),
        "{status:?}"
    );
    let report = members.consortium.coordinator.run(&["report", &members.run], COMMAND_WITHIN)?.success()?;
    assert!(report.contains("not adopted"), "{report}");
    members.consortium.stop();
    Ok(())
}

/// One of three says something else than the others, in a run that takes the median.
#[test]
fn a_member_does_not_move_a_run_that_takes_the_median() -> Result<()> {
    let wish = Wish { sites: 3, rounds: 1, ..Wish::default() };
    let mut members = Members::launch_as(
        &wish,
        |_| Ok(()),
        |run_file| {
            run_file.set("aggregation", "robust", toml::Value::String("median".to_owned()));
            run_file.set("aggregation", "weighting", toml::Value::String("uniform".to_owned()));
        },
    )?;
    let states: Vec<_> = (0..3).map(|index| members.state(index)).collect();
    let (tensors, last) = members.runtime.block_on(async {
        let mut seen = None;
        for (state, value) in states.iter().zip([0.001, 0.5, 0.002]) {
            let mut member = Member::at_work(state).await?;
            let answer = member.deliver(&member.update(value)?, 200).await?;
            assert!(matches!(answer, Response::Receipt(_)), "{answer:?}");
            seen = Some((member.manifest.tensors.clone(), member.folder.join("last")));
        }
        seen.context("three members")
    })?;
    let status = members.finished()?;
    let published = AdapterReader::open(&members.coordinator("blobs").join(&status.adapter), &tensors)?;
    let last = AdapterReader::open(&last, &tensors)?;
    for index in 0..tensors.len() {
        let (now, before) = (published.read_whole(index)?, last.read_whole(index)?);
        // To f32: each value is the sum of the middle one of the three.
        assert!(now.iter().zip(&before).all(|(now, before)| *now == before + 0.002), "tensor {index}");
    }
    let report = members.consortium.coordinator.run(&["report", &members.run], COMMAND_WITHIN)?.success()?;
    assert!(report.contains("robust rule: median") && report.contains("not computed"), "{report}");
    members.consortium.stop();
    Ok(())
}

/// 9.9e18 records, as the attack claimed them: the message does not decode, and the connection ends.
async fn claim_what_cannot_be_written(member: &mut Member, state: &Path, update: &[u8]) -> Result<()> {
    let sequence = member.asker.sequence + 1;
    let mut bytes = frame::to_bytes(&Envelope { sequence, request: member.offer(update, COUNT_MAX) })?;
    let written = [[253].as_slice(), COUNT_MAX.to_le_bytes().as_slice()].concat();
    let at = bytes.windows(9).position(|window| window == written).context("a count of nine bytes")?;
    bytes[at + 1..at + 9].copy_from_slice(&9_900_000_000_000_000_000_u64.to_le_bytes());
    assert!(member.asker.send(&bytes).await.is_err(), "a count of 9.9e18 was taken");
    member.asker = Asker::connect(state).await?;
    member.asker.sequence = sequence;
    Ok(())
}

/// 60 MB of uploads that were never committed, 2,000 journal rows, sequence number 2^64 - 1.
#[test]
fn a_member_cannot_fill_the_disk_or_the_journal() -> Result<()> {
    let mut members = Members::launch(2, 60, |_| Ok(()))?;
    let state = members.state(0);
    members.runtime.block_on(async {
        let mut member = Member::at_work(&state).await?;
        let (key, update) = (member.key, member.update(0.001)?);
        let mut taken = 0;
        for number in 0_u64..30 {
            let mut other = update.clone();
            other[600..608].copy_from_slice(&number.to_le_bytes());
            let answer = member.asker.ask(member.offer(&other, 200), &[]).await?.response;
            let Response::Continue { .. } = answer else {
                assert_eq!(answer, Response::Refused(Refusal::BadRequest), "offer {number}");
                continue;
            };
            taken += 1;
            let chunk = Request::Chunk { digest: Digest::of(&other), offset: 0, length: 400_000 };
            member.asker.ask(chunk, &other[..400_000]).await?;
        }
        assert_eq!(taken, OFFERS_PER_ROUND_MAX, "offers that were taken");
        for turn in 0..400 {
            let reason = [TrainFailure::OutOfMemory, TrainFailure::NoRecords][turn % 2];
            assert_eq!(
                member.asker.ask(Request::Failed { key, reason }, &[]).await?.response,
                Response::Noted
            );
        }
        let last = member.asker.sequence;
        member.asker.sequence = u64::MAX - 1;
        let poll = Request::Poll { wait_ms: 0 };
        member.asker.refused(poll.clone(), &[], Refusal::BadRequest, "the last number there is").await?;
        member.asker.sequence = last;
        assert!(matches!(member.asker.ask(poll, &[]).await?.response, Response::Work(_)), "and it can go on");
        Ok::<_, anyhow::Error>(())
    })?;
    assert_eq!(members.parts()?, PARTS_PER_SITE_MAX, "unfinished uploads of one site");
    let journalled = members.consortium.coordinator.stderr_since_start();
    let rows =
        journalled.lines().filter(|line| line.contains("journalled") && line.contains("site_failed")).count();
    assert_eq!(rows, FAILURES_PER_ROUND_MAX as usize, "journal rows of one site's failures");
    members.consortium.coordinator.run(&["revoke", "site-1"], COMMAND_WITHIN)?.success()?;
    assert_eq!(members.parts()?, 0, "a revoked site holds nothing");
    members.consortium.stop();
    Ok(())
}

/// On a full disk the run stayed open past its deadline, because the end could not be written down.
#[test]
fn a_deadline_fires_on_a_full_disk() -> Result<()> {
    let mut mounted = None;
    let mount = |root: &Path| {
        let state = root.join("coordinator");
        std::fs::create_dir_all(&state)?;
        mounted = TinyDisk::mount(&state, "96m");
        Ok(())
    };
    let mut members = Members::launch(1, 5, mount)?;
    if mounted.is_none() {
        eprintln!("SKIPPED a_deadline_fires_on_a_full_disk: this machine may not mount a tmpfs");
        return Ok(());
    }
    let state = members.state(0);
    members.runtime.block_on(async { Member::at_work(&state).await.map(drop) })?;
    // Somebody else fills the disk to its last byte.
    let mut filler = std::fs::File::create(members.coordinator("filler"))?;
    for block in [1 << 20, 4096, 1] {
        while std::io::Write::write_all(&mut filler, &vec![1; block]).is_ok() {}
    }
    let (logs, interrupt) = (members.consortium.logs().to_owned(), Interrupt::default());
    let every = Duration::from_millis(200);
    let status = wait::until("the deadline", Duration::from_secs(15), every, &logs, &interrupt, || {
        let status = members.consortium.run_status(&members.run)?;
        Ok::<_, tests::failure::Failure>((status.phase == "failed").then_some(status))
    })?;
    assert!(status.failure.unwrap_or_default().contains("0 updates of the 1"), "it is the deadline");
    members.consortium.stop();
    // Unmounted only when nobody writes any more.
    drop((members, mounted));
    Ok(())
}
