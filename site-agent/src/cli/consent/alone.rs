//! What becomes of this site's update in a run in which each site trains alone, in words. Called by `words`.
//! Pure.

/// What the coordinator sees.
pub(super) const COORDINATOR: &str = "sees the update of this site as it is, and combines it with no other one: updates are encrypted on the way, not \
                                      from the coordinator";

/// What the run gives.
pub(super) const RESULT: &str = "each site trains alone, once, from the same first adapter: nothing is averaged, and no member gets anything of \
                                 another one. The coordinator measures each site's adapter on the held-out files and shows its loss beside the \
                                 others' by name, in reports that it may pass on; its program removes the adapters after the run";

/// What is different about it.
pub(super) const MORE: &str = "this update is of this site's records only, through the whole training: it says more of them than an update in a \
                               run in which sites train together. This site's policy takes part in such runs only with alone = true";
