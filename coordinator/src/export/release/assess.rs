//! Whether a draft may be released: its gates, its fields and its signatures, beside what the program knows
//! now. Called by `cli::release`, which shows it, and makes nothing unless every gate is passed. Pure but for
//! what it is given. Invariant: whatever is missing is said at once.

use common::clock::Timestamp;
use common::language::Language;

use super::collect::Collected;
use super::draft::Draft;
use super::facts::Facts;
use super::fields::{FIELDS, Fields};
use super::gates::{Gate, Gates, State, gates};
use super::statement::{Signature, Signer, Statement};
use super::words as w;

/// A signature, and whether it counts.
#[derive(Debug, Clone)]
pub struct Weighed {
    /// What its file is called.
    pub name: String,
    /// Who signed, or why it does not count.
    pub signer: Result<Signer, String>,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Assessment {
    /// Every gate.
    pub gates: Vec<Gate>,
    /// Every signature.
    pub signatures: Vec<Weighed>,
}

impl Assessment {
    /// Whether nothing stands in the way.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        self.gates.iter().all(|gate| gate.state != State::Failed)
    }

    /// Who signed.
    pub fn signers(&self) -> impl Iterator<Item = &Signer> {
        self.signatures.iter().filter_map(|one| one.signer.as_ref().ok())
    }
}

/// Who vouches for operators at an instant.
pub struct Vouching<'a> {
    /// The authority's certificate, in DER.
    pub authority_der: &'a [u8],
    /// The instant.
    pub at: Timestamp,
    /// Whether this certificate counts, by what else is known of it.
    pub counts: &'a dyn Fn(&Signer) -> bool,
}

/// Of a draft, beside what the program knows now.
#[must_use]
pub fn assess(draft: &Draft, now: &Collected, vouching: &Vouching<'_>, language: Language) -> Assessment {
    let drafted = gates(&draft.facts, &draft.evaluation, language);
    let present = gates(&now.facts, &now.evaluation, language);
    // What failed then or fails now is not passed.
    let worse = |(then, now): (Gate, Gate)| if now.state == State::Failed { now } else { then };
    let mut all: Vec<Gate> = drafted.into_iter().zip(present).map(worse).collect();
    all.push(facts(draft, now, language));
    let statement = draft.statement(0);
    let signatures = weigh(&draft.signatures, &statement, vouching);
    all.extend(of_people(&draft.facts, &draft.fields, &signatures, language));
    Assessment { gates: all, signatures }
}

fn facts(draft: &Draft, now: &Collected, language: Language) -> Gate {
    let (gates, gate) = (Gates(language), ("facts", w::FACTS));
    if draft.says_the_same(now) {
        return gates.passed(gate, w::FACTS_STAND.get(language).to_owned());
    }
    let next = "`coordinator release new RUN --out DIR` with the same folder takes them over; then it is signed again";
    gates.failed(gate, w::FACTS_CHANGED.get(language).to_owned(), next)
}

/// Each signature, against what is signed now.
pub(super) fn weigh(
    signatures: &[(String, Signature)],
    statement: &Statement,
    vouching: &Vouching<'_>,
) -> Vec<Weighed> {
    let signer = |name: &str, signature: &Signature| {
        let signer = signature.signer(vouching.authority_der, vouching.at)?;
        if !signature.statement.is_about(statement) {
            return Err("what they signed was changed since");
        }
        if signer.name != name {
            return Err("it lies under another name than the certificate's");
        }
        if (vouching.counts)(&signer) { Ok(signer) } else { Err("the certificate counts no more") }
    };
    let weighed = signatures.iter().map(|(name, signature)| Weighed {
        name: name.clone(),
        signer: signer(name, signature).map_err(str::to_owned),
    });
    weighed.collect()
}

/// The gates of fields and signatures.
pub(super) fn of_people(
    facts: &Facts,
    fields: &Fields,
    signatures: &[Weighed],
    language: Language,
) -> [Gate; 2] {
    let (gates, gate) = (Gates(language), ("fields", w::FIELDS));
    let needed = FIELDS.iter().filter(|field| field.is_required).count();
    let missing: Vec<&str> = fields.missing().map(|field| field.key).collect();
    let is_of_it = fields.run == facts.run.id && fields.adapter == facts.adapter.sha256;
    let of_fields = if !is_of_it {
        let next = "restore the lines `run` and `adapter` in fields.toml: `coordinator report` names both";
        gates.failed(gate, w::FIELDS_OTHER.get(language).to_owned(), next)
    } else if missing.is_empty() {
        gates.passed(gate, w::FIELDS_FULL.with(language, &[&needed]))
    } else {
        let says = w::FIELDS_EMPTY.with(language, &[&missing.len(), &needed, &missing.join(", ")]);
        gates.failed(gate, says, "answer them in fields.toml, where each says what to write")
    };
    let gate = ("signatures", w::SIGNATURES);
    let signers: Vec<&str> = signatures
        .iter()
        .filter_map(|one| one.signer.as_ref().ok())
        .map(|signer| signer.name.as_str())
        .collect();
    let void: Vec<String> = signatures
        .iter()
        .filter_map(|one| one.signer.as_ref().err().map(|why| format!("{} ({why})", one.name)))
        .collect();
    let next = "an operator signs with `coordinator --context NAME release sign DIR`; delete a signature that is void";
    let of_signatures = if !void.is_empty() {
        gates.failed(gate, w::VOID.with(language, &[&void.join(", ")]), next)
    } else if signers.is_empty() {
        gates.failed(gate, w::NOT_SIGNED.get(language).to_owned(), next)
    } else {
        gates.passed(gate, w::SIGNED.with(language, &[&signers.join(", ")]))
    };
    [of_fields, of_signatures]
}
