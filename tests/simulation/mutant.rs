//! Rules that are broken on purpose, to prove that the simulator notices: each is a hook in the simulator's
//! own model around the real code, and names the invariant that has to break.

/// Which rule is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// None.
    Sound,
    /// The mean counts the first update of a round twice.
    CountsTwice,
    /// An update's row is not in the journal when its receipt goes out.
    ReceiptBeforeJournal,
    /// An update's file is gone after a crash although it has a receipt.
    LosesTheFile,
    /// The operator is told that a site is revoked, and nobody tells the run.
    RevokesNobody,
    /// Requests of a revoked site are answered.
    AsksNobody,
    /// What is published depends on which life of the process made it.
    DependsOnTheProcess,
    /// A site sends what it was asked for whether or not it has agreed.
    IgnoresConsent,
    /// A site that was killed trains again and sends another update for the same round.
    SendsAnother,
    /// The coordinator's time is the machine's, also where that was set back.
    TrustsTheWall,
    /// Something depends on more than the seed.
    FlipsCoins,
    /// Of the sites that may train a round always the first ones do.
    AlwaysTheFirst,
    /// One that is there for its turn is passed over.
    PassesOverWhoIsThere,
    /// Nobody looks at the deadline.
    ForgetsDeadlines,
    /// After the faults are over nobody is handed a round.
    HandsOutNothing,
}
