//! Which sites take part in a new run. Called by `launch`. Invariant: a name that the run file chose and that
//! cannot take part is refused, never left out in silence.

use std::collections::BTreeMap;

use common::id::{Digest, SiteId};
use common::run::{Member, Roster, RunSpec};

use crate::error::{Error, Result};
use crate::store::{SiteRow, SiteStatus};

/// Everybody who has joined, or those of `[sites]`; sorted.
///
/// # Errors
/// The run file names a site that has not joined, wants more sites a round than there are, or fewer than a
/// quorum can take part now.
pub(super) fn choose(spec: &RunSpec, rows: &[SiteRow]) -> Result<Vec<SiteId>> {
    let active = |row: &&SiteRow| row.status == SiteStatus::Active;
    let chosen = |row: &&SiteRow| spec.sites.as_ref().is_none_or(|sites| sites.names.contains(&row.name));
    let rows: Vec<&SiteRow> = rows.iter().filter(active).filter(chosen).collect();
    let here = |name: &&SiteId| rows.iter().any(|row| row.name == **name);
    let named = spec.sites.iter().flat_map(|sites| &sites.names);
    let strangers: Vec<String> = named.filter(|name| !here(name)).map(ToString::to_string).collect();
    if !strangers.is_empty() {
        return Err(Error::Argument {
            message: format!(
                "the run file's `sites.names` has names that cannot take part: {}",
                strangers.join(", ")
            ),
            hint: "`coordinator sites` lists who has joined; correct the run file, or invite them".into(),
        });
    }
    if let Some(pooled) = spec.pooled.as_ref().filter(|name| !here(name)) {
        return Err(Error::Argument {
            message: format!("the run file's `pooled` names {pooled}, which cannot take part"),
            hint: "`coordinator sites` lists who has joined; name the site that has the records of all"
                .into(),
        });
    }
    let ready = rows.iter().filter(|row| row.paused_at.is_none()).count();
    if ready < spec.quorum.sites {
        let paused = rows.len() - ready;
        return Err(Error::TooFewSites { needed: spec.quorum.sites, joined: rows.len(), paused });
    }
    if let Some(wanted) =
        spec.participation.map(|of| of.sites_per_round).filter(|wanted| *wanted > rows.len())
    {
        let count = rows.len();
        return Err(Error::Argument {
            message: format!(
                "the run file's `participation.sites_per_round` is {wanted}, and {count} sites take part"
            ),
            hint:
                "lower it, leave [participation] out so that all train in every round, or invite more sites"
                    .into(),
        });
    }
    Ok(rows.into_iter().map(|row| row.name.clone()).collect())
}

/// What the operator should know of a run of so many sites in which some train each round, a sentence each.
pub(super) fn notes(spec: &RunSpec, sites: usize) -> Vec<String> {
    let Some(each) = spec.participation.map(|of| of.sites_per_round).filter(|each| *each < sites) else {
        return Vec::new();
    };
    let no_margin = (spec.quorum.sites == each).then(|| {
        format!(
            "a round needs an update of each of its {each} sites: where one does not send its own, the round waits \
             until its deadline, and as long again for another site in its place; a quorum.sites below \
             participation.sites_per_round is a margin"
        )
    });
    let turns = u64::from(spec.rounds).saturating_mul(each as u64);
    let unused = (sites as u64).saturating_sub(turns);
    let too_few = (unused > 0).then(|| {
        format!(
            "{unused} of the {sites} sites will train in no round, unless others miss their turns: {} rounds of \
             {each} sites have {turns} turns",
            spec.rounds
        )
    });
    [no_margin, too_few].into_iter().flatten().collect()
}

/// In a run that goes on with fewer sites than it had: no more of them in a round than there are.
pub(super) fn fit(spec: &mut RunSpec, rows: &[SiteRow]) {
    let active = |name: &SiteId| rows.iter().any(|row| row.name == *name && row.status == SiteStatus::Active);
    if let Some(sites) = &mut spec.sites {
        sites.names.retain(active);
    }
    let is_named = |row: &SiteRow| spec.sites.as_ref().is_none_or(|sites| sites.names.contains(&row.name));
    let left = rows.iter().filter(|row| row.status == SiteStatus::Active && is_named(row)).count();
    if let Some(of) = &mut spec.participation {
        // Fewer than a quorum are refused by what is said of the quorum.
        of.sites_per_round = of.sites_per_round.min(left).max(spec.quorum.sites.min(of.sites_per_round));
    }
}

/// The chosen sites with the keys that their certificates certify now.
///
/// # Errors
/// A site that has joined has no certificate, which is ours to mend.
pub(super) fn roster(sites: &[SiteId], keys: &BTreeMap<SiteId, Digest>) -> Result<Roster> {
    let member = |name: &SiteId| match keys.get(name) {
        Some(key) => Ok(Member { name: name.clone(), key: *key }),
        None => Err(Error::Internal(format!("{name} has joined and has no certificate"))),
    };
    Ok(Roster { members: sites.iter().map(member).collect::<Result<_>>()? })
}

#[cfg(test)]
mod tests {
    use common::clock::Timestamp;
    use common::run::{ParticipationSettings, SitesSettings};

    use super::*;
    use crate::round::scheduler::tests::launched_run;

    fn rows() -> Vec<SiteRow> {
        let row = |name: &str, status, paused: bool| SiteRow {
            name: name.parse().unwrap(),
            status,
            joined_at: None,
            seen_at: None,
            paused_at: paused.then_some(Timestamp(1)),
        };
        vec![
            row("a", SiteStatus::Active, false),
            row("b", SiteStatus::Active, true),
            row("c", SiteStatus::Active, false),
            row("out", SiteStatus::Revoked, false),
            row("soon", SiteStatus::Invited, false),
        ]
    }

    fn chosen(quorum: usize, names: Option<&[&str]>) -> Result<Vec<String>> {
        let mut spec = launched_run(1, quorum, 1).spec;
        spec.sites = names
            .map(|names| SitesSettings { names: names.iter().map(|name| name.parse().unwrap()).collect() });
        Ok(choose(&spec, &rows())?.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_run_file_chooses_among_those_who_have_joined() {
        assert_eq!(chosen(2, None).unwrap(), ["a", "b", "c"], "a paused site may come back during the run");
        assert_eq!(chosen(1, Some(&["c", "a"])).unwrap(), ["a", "c"]);
        for (names, word) in [(["a", "nobody"], "nobody"), (["a", "out"], "out"), (["soon", "a"], "soon")] {
            let error = chosen(1, Some(&names)).unwrap_err();
            assert!(error.to_string().contains(word) && error.is_user_error(), "{error}");
        }
    }

    #[test]
    fn no_more_sites_a_round_than_take_part() {
        let mut spec = launched_run(1, 1, 1).spec;
        let mut of = |sites_per_round| {
            spec.participation = Some(ParticipationSettings { sites_per_round });
            choose(&spec, &rows())
        };
        assert_eq!(of(3).unwrap().len(), 3);
        let error = of(4).unwrap_err();
        assert!(error.is_user_error() && error.to_string().contains("sites_per_round"), "{error}");
    }

    #[test]
    fn a_run_that_goes_on_has_no_more_sites_a_round_than_are_left() {
        let fitted = |sites_per_round: usize, names: Option<&[&str]>| {
            let mut spec = launched_run(1, 1, 1).spec;
            spec.participation = Some(ParticipationSettings { sites_per_round });
            spec.sites = names.map(|names| SitesSettings {
                names: names.iter().map(|name| name.parse().unwrap()).collect(),
            });
            fit(&mut spec, &rows());
            assert!(choose(&spec, &rows()).is_ok() && spec.validate().is_ok(), "it can be launched");
            (spec.participation.unwrap().sites_per_round, spec.sites.map_or(0, |sites| sites.names.len()))
        };
        assert_eq!(fitted(5, None), (3, 0), "five joined, and three are left");
        assert_eq!(fitted(2, None), (2, 0));
        assert_eq!(fitted(3, Some(&["a", "c", "out"])), (2, 2));
    }

    #[test]
    fn what_a_run_of_some_sites_a_round_should_know_is_said() {
        let said = |sites: usize, each: usize, quorum: usize, rounds: u32| {
            let mut spec = launched_run(1, quorum, rounds).spec;
            spec.participation = Some(ParticipationSettings { sites_per_round: each });
            notes(&spec, sites)
        };
        assert!(said(20, 5, 4, 4).is_empty());
        assert!(said(5, 5, 5, 1).is_empty(), "all train in every round");
        assert!(said(20, 5, 5, 4)[0].contains("each of its 5 sites"));
        let few = said(20, 5, 4, 3);
        assert!(few.len() == 1 && few[0].starts_with("5 of the 20 sites will train in no round"), "{few:?}");
        assert_eq!(said(20, 5, 5, 3).len(), 2);
    }

    #[test]
    fn a_paused_site_makes_no_quorum() {
        let error = chosen(3, None).unwrap_err();
        assert!(matches!(error, Error::TooFewSites { needed: 3, joined: 3, paused: 1 }), "{error}");
        assert!(error.to_string().contains("1 of them paused"), "{error}");
    }
}
