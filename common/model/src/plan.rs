//! What a training step will take in memory, worked out from the model's shape before anything is loaded.
//! Pure arithmetic; called by `site-agent plan`, and the decoder takes its own policy from here.
//!
//! Invariants: a part is counted once; the peak is what is always there plus the largest of what is never
//! there at the same time. README.md compares the CPU plan with measured peaks; the GPU plan is reckoned, and
//! says so.

mod cpu;
mod elements;
mod fit;
mod gpu;
mod parts;
mod request;
mod step;

#[cfg(test)]
mod tests;

pub use self::elements::base_parameters;
pub(crate) use self::elements::layers_to_keep;
pub use self::fit::{Fit, fit};
pub use self::parts::{MemoryPlan, Part, When};
pub use self::request::PlanRequest;
pub use self::step::plan;
