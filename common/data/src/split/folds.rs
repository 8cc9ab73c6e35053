//! Folds of equal size for cross-validation. Called by `split::assign`.

use super::assignment::Assignment;
use super::groups::{Group, strata};

/// Every stratum spread over all folds as evenly as its groups allow.
pub(super) fn by_stratum(groups: &[Group<'_>], count: u32) -> Vec<Assignment> {
    let mut chosen = vec![Assignment::Fold(0); groups.len()];
    let mut in_all = vec![0u64; count as usize];
    for members in strata(groups).values() {
        let mut in_stratum = vec![0u64; count as usize];
        for (index, group) in members {
            let fold =
                (0..count as usize).min_by_key(|fold| (in_stratum[*fold], in_all[*fold], *fold)).unwrap_or(0);
            in_stratum[fold] += group.size();
            in_all[fold] += group.size();
            if let Some(place) = chosen.get_mut(*index) {
                *place = Assignment::Fold(fold as u32);
            }
        }
    }
    chosen
}
