//! The criteria that people grade an answer by. Used by `layout` and `judge`. Source: HealthBench (Arora
//! and others 2025, arXiv 2505.08775). Invariant: points are numbers; whether a criterion is met is a
//! person's yes or no, and one with negative points is met when the fault happened.

use crate::limits::{CRITERIA_MAX, CRITERION_BYTES_MAX, POINTS_MAX};

/// What a criterion is about: HealthBench's axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Whether what is said is true.
    Accuracy,
    /// Whether what matters is said.
    Completeness,
    /// Whether it is said so that it is understood.
    CommunicationQuality,
    /// Whether it fits who asks, and asks for what is missing.
    ContextAwareness,
    /// Whether it is what was asked for.
    InstructionFollowing,
}

impl Axis {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Accuracy,
        Self::Completeness,
        Self::CommunicationQuality,
        Self::ContextAwareness,
        Self::InstructionFollowing,
    ];

    /// The one that a tag of a criterion names, `axis:accuracy`; tags of other kinds name none.
    pub(super) fn of_tag(tag: &str) -> Option<Self> {
        match tag.strip_prefix("axis:")? {
            "accuracy" => Some(Self::Accuracy),
            "completeness" => Some(Self::Completeness),
            "communication_quality" => Some(Self::CommunicationQuality),
            "context_awareness" => Some(Self::ContextAwareness),
            "instruction_following" => Some(Self::InstructionFollowing),
            _ => None,
        }
    }
}

/// One criterion.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    /// What it asks.
    pub text: String,
    /// What it gives when it is met.
    pub points: f64,
    /// What it is about, where that is said.
    pub axis: Option<Axis>,
}

impl Criterion {
    /// Whether these can be graded; the error is the reason.
    pub(super) fn check(rubric: &[Self]) -> Result<(), String> {
        if !(1..=CRITERIA_MAX).contains(&rubric.len()) {
            return Err(format!("its rubric has not 1 to {CRITERIA_MAX} criteria"));
        }
        if rubric.iter().any(|one| one.text.trim().is_empty() || one.text.len() > CRITERION_BYTES_MAX) {
            return Err(format!("a criterion has not 1 to {CRITERION_BYTES_MAX} bytes"));
        }
        if rubric.iter().any(|one| !one.points.is_finite() || one.points.abs() > POINTS_MAX) {
            return Err(format!("a criterion has points that are not from -{POINTS_MAX} to {POINTS_MAX}"));
        }
        if !rubric.iter().any(|one| one.points > 0.0) {
            return Err("its rubric has no criterion with positive points, and so never a score".to_owned());
        }
        Ok(())
    }
}
