//! Joining a consortium: an invitation works once, for one key, before it expires, and only with the
//! coordinator it names. A crash in between neither burns it nor makes a second certificate.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tests::consortium::Consortium;
use tests::process::Finished;

use crate::support::{Small, Wish};

/// A coordinator that serves, and sites that have not joined.
fn unjoined(sites: usize) -> Result<(Small, Consortium)> {
    let small = Small::new(&Wish { sites, records: 4, ..Wish::default() })?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.start_coordinator(&[])?;
    Ok((small, consortium))
}

fn join(consortium: &Consortium, index: usize, invitation: &str) -> Result<Finished> {
    Ok(consortium.try_join(index, invitation)?)
}

/// A refusal is one sentence and a hint, exit code 1, and leaves no identity behind.
fn refused(consortium: &Consortium, index: usize, invitation: &str) -> Result<String> {
    let finished = join(consortium, index, invitation)?;
    assert_eq!(finished.code(), Some(1), "{}", finished.stderr);
    assert!(finished.stderr.contains("\nhint: "), "no hint in: {}", finished.stderr);
    let certificate = consortium.sites[index].state().join("identity/certificate.pem");
    assert!(!certificate.exists(), "a refused site holds {}", certificate.display());
    Ok(finished.stderr)
}

#[test]
fn an_invitation_works_once() -> Result<()> {
    let (_small, consortium) = unjoined(2)?;
    let invitation = consortium.invite("site-1", &[])?;
    join(&consortium, 0, &invitation)?.success()?;
    // Somebody who copied the line comes later, with a key of their own.
    refused(&consortium, 1, &invitation)?;
    assert_eq!(certificates(&consortium)?.len(), 1);
    Ok(())
}

#[test]
fn an_expired_invitation_is_refused_and_a_new_one_works() -> Result<()> {
    let (_small, consortium) = unjoined(1)?;
    let invitation = consortium.invite("site-1", &["--ttl", "1s"])?;
    std::thread::sleep(Duration::from_millis(1_500));
    refused(&consortium, 0, &invitation)?;
    // The refused attempt must not stand in the way.
    join(&consortium, 0, &consortium.invite("site-1", &[])?)?.success()?;
    Ok(())
}

#[test]
fn a_guessed_token_is_refused() -> Result<()> {
    let (_small, consortium) = unjoined(1)?;
    let invitation = consortium.invite("site-1", &[])?;
    refused(&consortium, 0, &replaced(&invitation, 3)?)?;
    // The real one still works: a guess does not use it up.
    join(&consortium, 0, &invitation)?.success()?;
    Ok(())
}

#[test]
fn another_coordinator_cannot_pose_as_the_invited_one() -> Result<()> {
    let (_small, consortium) = unjoined(1)?;
    let invitation = consortium.invite("site-1", &[])?;
    refused(&consortium, 0, &replaced(&invitation, 4)?)?;
    join(&consortium, 0, &invitation)?.success()?;
    Ok(())
}

#[test]
fn a_crash_while_enrolling_ends_in_one_certificate() -> Result<()> {
    for point in ["enrol-after-sign", "enrol-after-commit"] {
        let (_small, mut consortium) = unjoined(1)?;
        let invitation = consortium.invite("site-1", &[])?;
        consortium.coordinator.kill();
        consortium.start_coordinator(&[("CONSILIUM_CRASH_AT", point)])?;
        let cut_off = join(&consortium, 0, &invitation)?;
        assert!(!consortium.coordinator.is_running()?, "{point} was not reached");
        assert_eq!(cut_off.code(), Some(1), "{point}: {}", cut_off.stderr);
        consortium.coordinator.kill();
        consortium.start_coordinator(&[])?;
        let before = certificates(&consortium)?;
        join(&consortium, 0, &invitation)?.success().with_context(|| format!("after {point}"))?;
        let after = certificates(&consortium)?;
        assert_eq!(after.len(), 1, "{point}");
        if point == "enrol-after-commit" {
            assert_eq!(before, after, "the repeated request gets the certificate that was recorded");
        }
        consortium.start_site(0, &[])?;
        std::thread::sleep(Duration::from_millis(500));
        consortium.all_must_be_running()?;
    }
    Ok(())
}

/// Every certificate the coordinator has recorded: for whom and when.
fn certificates(consortium: &Consortium) -> Result<Vec<(String, String)>> {
    Ok(consortium.site_list()?.joined())
}

/// The invitation with one part replaced by another of the same length: `consilium1://HOST/SITE/TOKEN/PIN`.
fn replaced(invitation: &str, part: usize) -> Result<String> {
    let mut parts: Vec<String> = invitation.split('/').map(str::to_owned).collect();
    // "consilium1:", "", "HOST:PORT", "SITE", "TOKEN", "PIN"
    let chosen = parts.get_mut(part + 1).context("an invitation has six parts")?;
    let flipped = if chosen.starts_with('A') { "B" } else { "A" };
    chosen.replace_range(..1, flipped);
    Ok(parts.join("/"))
}
