//! Who may ask what, and what is written down of it: the one place that decides. Used by `server` and by
//! `cli` for every command before anything is done; shown as a table in coordinator/OPERATORS.md, which a
//! test compares with this. Invariant: a new command does not compile before it stands here.

use std::io::Read as _;
use std::path::Path;

use common::id::Digest;
use common::limits::CONFIG_BYTES_MAX;

use super::message::{Command, SiteChange};
use crate::admin::acts::{Act, By, Verb};
use crate::enrolment::keeper::Order;
use crate::error::Error;
use crate::execution::runs::Runs;

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// Whoever is let in at all, witnesses too.
    Everybody,
    /// Operators, auditors, and whoever may open the state folder.
    Readers,
    /// Operators, and whoever may open the state folder.
    Operators,
    /// Only whoever may open the state folder: it names files of the coordinator's machine, or is about its
    /// keys.
    Here,
}

impl May {
    /// Whether somebody who asks as this may.
    #[must_use]
    pub fn allows(self, by: By) -> bool {
        match (self, by) {
            (_, By::Local) | (Self::Everybody, _) => true,
            (Self::Readers, by) => by != By::Witness,
            (Self::Operators, by) => by == By::Operator,
            (Self::Here, _) => false,
        }
    }
}

macro_rules! kinds {
    ($($kind:ident),*) => {
        /// Which command it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $(
            #[doc = concat!("`", stringify!($kind), "`")]
            $kind
        ),* }

        impl Kind {
            /// Every kind there is.
            pub const ALL: &[Self] = &[$(Self::$kind),*];
        }
    };
}

kinds!(
    Status,
    Watch,
    Runs,
    Sites,
    Roster,
    Report,
    Ledger,
    Invitations,
    Operators,
    Acts,
    ActsHead,
    Revocations,
    ActsProof,
    ActsCosigned,
    Launch,
    LaunchText,
    Resume,
    Evaluate,
    Stop,
    Extend,
    Invite,
    Withdraw,
    Revoke,
    Pause,
    EndPause,
    Exclude,
    Include,
    AcceptLedger,
    InviteOperator,
    RevokeOperator,
    RollAuthority,
    RetireAuthority,
    ReplaceServer
);

impl Kind {
    /// Of a command.
    #[must_use]
    pub fn of(command: &Command) -> Self {
        match command {
            Command::Launch { .. } => Self::Launch,
            Command::LaunchText { .. } => Self::LaunchText,
            Command::Runs => Self::Runs,
            Command::Roster { .. } => Self::Roster,
            Command::Report { .. } => Self::Report,
            Command::Ledger { .. } => Self::Ledger,
            Command::Status { .. } => Self::Status,
            Command::Watch { .. } => Self::Watch,
            Command::Resume { .. } => Self::Resume,
            Command::Evaluate { .. } => Self::Evaluate,
            Command::Sites => Self::Sites,
            Command::Stop { .. } => Self::Stop,
            Command::Extend { .. } => Self::Extend,
            Command::Invite { .. } => Self::Invite,
            Command::Invitations => Self::Invitations,
            Command::Withdraw { .. } => Self::Withdraw,
            Command::AcceptLedger { .. } => Self::AcceptLedger,
            Command::Operators => Self::Operators,
            Command::InviteOperator { .. } => Self::InviteOperator,
            Command::RevokeOperator { .. } => Self::RevokeOperator,
            Command::Acts { .. } => Self::Acts,
            Command::ActsHead => Self::ActsHead,
            Command::ActsProof { .. } => Self::ActsProof,
            Command::ActsCosigned => Self::ActsCosigned,
            Command::Revoke { .. } => Self::Revoke,
            Command::Revocations => Self::Revocations,
            Command::Authority { order: Order::Roll { .. } } => Self::RollAuthority,
            Command::Authority { order: Order::Retire } => Self::RetireAuthority,
            Command::Authority { order: Order::ReplaceServer } => Self::ReplaceServer,
            Command::Change { change: SiteChange::Pause, .. } => Self::Pause,
            Command::Change { change: SiteChange::Resume, .. } => Self::EndPause,
            Command::Change { change: SiteChange::Exclude, .. } => Self::Exclude,
            Command::Change { change: SiteChange::Include, .. } => Self::Include,
        }
    }

    /// Who may ask it, what it is called in the log of acts if it changes anything, and how it is typed.
    #[must_use]
    pub fn rule(self) -> (May, Option<Verb>, &'static str) {
        use May::{Everybody, Here, Operators, Readers};
        match self {
            Self::Status => (Readers, None, "coordinator status"),
            Self::Watch => (Readers, None, "coordinator watch"),
            Self::Runs => (Readers, None, "coordinator runs"),
            Self::Sites => (Readers, None, "coordinator sites"),
            Self::Roster => (Everybody, None, "coordinator roster"),
            Self::Report => (Readers, None, "coordinator report"),
            Self::Ledger => (Readers, None, "coordinator ledger SITE"),
            Self::Invitations => (Readers, None, "coordinator invitations list"),
            Self::Operators => (Readers, None, "coordinator operators list"),
            Self::Acts => (Readers, None, "coordinator acts show"),
            Self::ActsHead => (Everybody, None, "coordinator acts head"),
            Self::Revocations => (Readers, None, "coordinator crl show"),
            Self::ActsProof => (Everybody, None, "coordinator acts prove"),
            Self::ActsCosigned => (Everybody, None, "coordinator acts head --cosigned"),
            Self::Launch => (Here, Some(Verb::Launch), "coordinator launch, with a file of that machine"),
            Self::LaunchText => (Operators, Some(Verb::Launch), "coordinator launch"),
            Self::Resume => (Operators, Some(Verb::Resume), "coordinator resume"),
            Self::Evaluate => (Operators, Some(Verb::Evaluate), "coordinator evaluate"),
            Self::Stop => (Operators, Some(Verb::Stop), "coordinator stop"),
            Self::Extend => (Operators, Some(Verb::Extend), "coordinator extend"),
            Self::Invite => (Operators, Some(Verb::Invite), "coordinator invite"),
            Self::Withdraw => (Operators, Some(Verb::Withdraw), "coordinator invitations withdraw"),
            Self::Revoke => (Operators, Some(Verb::Revoke), "coordinator revoke"),
            Self::Pause => (Operators, Some(Verb::Pause), "coordinator sites pause"),
            Self::EndPause => (Operators, Some(Verb::EndPause), "coordinator sites resume"),
            Self::Exclude => (Operators, Some(Verb::Exclude), "coordinator sites exclude"),
            Self::Include => (Operators, Some(Verb::Include), "coordinator sites include"),
            Self::AcceptLedger => (Operators, Some(Verb::AcceptLedger), "coordinator sites accept-ledger"),
            Self::InviteOperator => (Operators, Some(Verb::InviteOperator), "coordinator operators invite"),
            Self::RevokeOperator => (Operators, Some(Verb::RevokeOperator), "coordinator operators revoke"),
            Self::RollAuthority => (Here, Some(Verb::RollAuthority), "coordinator authority roll"),
            Self::RetireAuthority => (Here, Some(Verb::RetireAuthority), "coordinator authority retire"),
            Self::ReplaceServer => (Here, Some(Verb::ReplaceServer), "coordinator crl replace-server"),
        }
    }
}

/// What is written down of a command that changes something: verb and ids, as far as they name something.
#[must_use]
pub fn act(command: &Command, runs: Option<&Runs>) -> Option<Act> {
    let (_, verb, _) = Kind::of(command).rule();
    let act = Act::of(verb?);
    let run = |run: &str| runs?.choose(Some(run)).ok().map(|state| state.launched.run);
    let on = |name: &str| Act { name: name.parse().ok(), ..act.clone() };
    Some(match command {
        Command::Launch { run_file, .. } => {
            let sha256 = digest_of(run_file);
            Act { sha256, ..act }
        }
        Command::LaunchText { text, .. } => act.with(Digest::of(text.as_bytes())),
        Command::Resume { run: id, .. }
        | Command::Evaluate { run: id, .. }
        | Command::Stop { run: id, .. }
        | Command::Extend { run: id, .. } => Act { run: run(id), ..act },
        Command::Invite { site, .. }
        | Command::Withdraw { site }
        | Command::Revoke { site }
        | Command::Change { site, .. } => on(site),
        Command::AcceptLedger { site, found } => Act { sha256: found.root.parse().ok(), ..on(site) },
        Command::InviteOperator { name, .. } | Command::RevokeOperator { name } => on(name),
        Command::Authority { .. } => act,
        // They change nothing.
        Command::Runs
        | Command::Roster { .. }
        | Command::Report { .. }
        | Command::Ledger { .. }
        | Command::Status { .. }
        | Command::Watch { .. }
        | Command::Sites
        | Command::Invitations
        | Command::Operators
        | Command::Acts { .. }
        | Command::ActsHead
        | Command::Revocations => act,
        Command::ActsProof { .. } | Command::ActsCosigned => act,
    })
}

/// The command as it is answered: sample questions of a report are text of the held-out set, and stay on this
/// machine.
#[must_use]
pub fn as_asked_by(command: Command, by: By) -> Command {
    match command {
        Command::Report { run, without_samples } => {
            Command::Report { run, without_samples: without_samples || by != By::Local }
        }
        command => command,
    }
}

/// Why somebody may not ask this.
#[must_use]
pub fn refusal(command: &Command, by: By) -> Error {
    let (may, _, typed) = Kind::of(command).rule();
    let (message, hint) = match (may, by) {
        (May::Here, _) => (
            format!("`{typed}` is done on the coordinator's machine"),
            "log in to that machine, and leave --context out",
        ),
        (May::Readers, _) => (
            format!("a witness reads heads, proofs and rosters: `{typed}` is for operators and auditors"),
            "ask an operator for an auditor's invitation under another name",
        ),
        (_, By::Witness) => (
            format!("a witness reads heads, proofs and rosters: `{typed}` is for operators"),
            "ask an operator; this refusal is in the coordinator's log of acts",
        ),
        _ => (
            format!("an auditor reads and changes nothing: `{typed}` is for operators"),
            "ask an operator; this refusal is in the coordinator's log of acts",
        ),
    };
    Error::Argument { message, hint: hint.into() }
}

fn digest_of(run_file: &Path) -> Option<Digest> {
    let mut bytes = Vec::new();
    if !run_file.is_file() {
        return None;
    }
    let file = std::fs::File::open(run_file).ok()?;
    file.take(CONFIG_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(Digest::of(&bytes))
}

/// The table of coordinator/OPERATORS.md.
#[must_use]
pub fn table() -> String {
    let mut table =
        "| command | operator | auditor | witness | in the log as |\n|---|---|---|---|---|\n".to_owned();
    for kind in Kind::ALL {
        let (may, verb, typed) = kind.rule();
        let word = |by| if may.allows(by) { "yes" } else { "no" };
        let logged = verb.map_or_else(|| "-".to_owned(), |verb| format!("`{}`", verb.word()));
        let [operator, auditor, witness] = [By::Operator, By::Auditor, By::Witness].map(word);
        table.push_str(&format!("| `{typed}` | {operator} | {auditor} | {witness} | {logged} |\n"));
    }
    table
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::admin::consortium::Head;

    #[test]
    fn the_table_of_the_document_is_what_is_enforced() {
        let document = concat!(env!("CARGO_MANIFEST_DIR"), "/OPERATORS.md");
        let text = std::fs::read_to_string(document).unwrap();
        assert!(text.contains(&table()), "the table in {document} must be:\n{}", table());
    }

    #[test]
    fn who_changes_something_is_written_down_and_is_no_auditor() {
        for kind in Kind::ALL {
            let (may, verb, _) = kind.rule();
            assert!(may.allows(By::Local), "{kind:?}");
            assert_eq!(may.allows(By::Auditor), verb.is_none(), "{kind:?}");
            assert_eq!(may.allows(By::Operator), may != May::Here, "{kind:?}");
            // A witness reads what shows that a log is one, and who the members are.
            let is_for_witnesses =
                matches!(kind, Kind::Roster | Kind::ActsHead | Kind::ActsProof | Kind::ActsCosigned);
            assert_eq!(may.allows(By::Witness), is_for_witnesses, "{kind:?}");
        }
        assert!(!Kind::Launch.rule().0.allows(By::Operator), "a path of that machine");
    }

    #[test]
    fn the_log_has_ids_and_nothing_that_somebody_typed() {
        let odd = "a name; with text".to_owned();
        for command in [
            Command::Revoke { site: odd.clone() },
            Command::RevokeOperator { name: odd.clone() },
            Command::AcceptLedger { site: odd.clone(), found: Head { size: 1, root: odd.clone() } },
            Command::Stop { run: odd.clone(), after_round: false },
            Command::LaunchText { text: odd.clone(), queue: false },
        ] {
            let act = act(&command, None).unwrap();
            assert_eq!((act.name, act.run), (None, None));
            let sha256 = matches!(command, Command::LaunchText { .. }).then(|| Digest::of(odd.as_bytes()));
            assert_eq!(act.sha256, sha256);
        }
        assert!(act(&Command::Sites, None).is_none());
    }

    #[test]
    fn no_held_out_text_leaves_with_a_report() {
        let report = |without_samples| Command::Report { run: None, without_samples };
        for by in [By::Operator, By::Auditor, By::Witness] {
            assert_eq!(as_asked_by(report(false), by), report(true));
        }
        assert_eq!(as_asked_by(report(false), By::Local), report(false));
    }

    fn command() -> impl Strategy<Value = Command> {
        let (text, name) = ("\\PC{0,40}", "[a-z]{1,8}");
        prop_oneof![
            (text, any::<bool>()).prop_map(|(text, queue)| Command::LaunchText { text, queue }),
            (name, any::<u64>(), any::<bool>()).prop_map(|(site, ttl_ms, readmit)| Command::Invite {
                site,
                ttl_ms,
                readmit
            }),
            (name, any::<u64>(), text)
                .prop_map(|(site, size, root)| Command::AcceptLedger { site, found: Head { size, root } }),
            any::<u64>().prop_map(|from| Command::Acts { from }),
            any::<u64>().prop_map(|from| Command::ActsProof { from }),
            name.prop_map(|name| Command::RevokeOperator { name }),
            (name, any::<bool>())
                .prop_map(|(run, without_samples)| Command::Report { run: Some(run), without_samples }),
        ]
    }

    proptest! {
        #[test]
        fn a_command_is_one_line_and_comes_out_as_it_went_in(command in command(), text in "\\PC{0,200}") {
            let line = serde_json::to_vec(&command).unwrap();
            prop_assert!(!line.contains(&b'\n'));
            prop_assert_eq!(serde_json::from_slice::<Command>(&line).unwrap(), command);
            let _ = serde_json::from_str::<Command>(&text);
        }
    }
}
