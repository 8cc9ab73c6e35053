//! The library of records: hospitals, validation, test, and other departments for pre-training; and how they
//! are written. Called by `make-demo-data` and by the release demo. Invariants: no question (with its
//! patient) occurs twice in the whole library; the held-out sets have the departments of all hospitals in
//! equal parts.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::facts::Fact;
use super::outcome::Outcome;
use super::sampler::Sampler;
use super::wording::{Exchange, Kind, exchange};
use crate::limits::DRAWS_MAX;

/// The hospital whose records are conversations, of up to two exchanges.
pub const CONVERSES: &str = "gastroenterology";

/// How much of what is made.
pub struct Plan {
    /// Hospital, named after its main department, and how many records of which departments it has.
    pub sites: &'static [(&'static str, &'static [(&'static str, usize)])],
    /// Of each main department, in validation and in the test.
    pub held_out: usize,
    /// Of all other departments together.
    pub pretraining: usize,
}

/// A record: its department and one exchange, or two that follow each other.
pub struct Record {
    pub department: String,
    pub exchanges: Vec<Exchange>,
}

/// One hospital's records.
pub struct Site {
    pub name: &'static str,
    pub records: Vec<Record>,
}

/// Everything that is written or trained on.
pub struct Library {
    pub sites: Vec<Site>,
    pub validation: Vec<Record>,
    pub test: Vec<Record>,
    pub pretraining: Vec<Record>,
}

/// Makes all of it.
///
/// # Errors
/// The facts and wordings do not give enough different questions.
pub fn make(facts: &[Fact], plan: &Plan, sampler: &mut Sampler) -> Outcome<Library> {
    let mut maker = Maker { sampler, seen: BTreeSet::new() };
    let of =
        |department: &str| -> Vec<&Fact> { facts.iter().filter(|f| f.department == department).collect() };
    let mut sites = Vec::new();
    let (mut validation, mut test) = (Vec::new(), Vec::new());
    for &(name, departments) in plan.sites {
        let turns = if name == CONVERSES { 2 } else { 1 };
        let mut records = Vec::new();
        for (department, count) in departments {
            records.extend(maker.records(&of(department), *count, turns)?);
        }
        sites.push(Site { name, records });
        let main = of(name);
        validation.extend(maker.records(&main, plan.held_out, 1)?);
        test.extend(maker.records(&main, plan.held_out, 1)?);
    }
    let others: Vec<&Fact> =
        facts.iter().filter(|fact| plan.sites.iter().all(|(name, _)| fact.department != *name)).collect();
    let pretraining = maker.records(&others, plan.pretraining, 1)?;
    maker.sampler.shuffle(&mut validation);
    maker.sampler.shuffle(&mut test);
    Ok(Library { sites, validation, test, pretraining })
}

struct Maker<'a> {
    sampler: &'a mut Sampler,
    seen: BTreeSet<(String, String)>,
}

impl Maker<'_> {
    /// `count` records that go round facts, kinds and languages in a shuffled order, so that each is met
    /// about equally.
    fn records(&mut self, facts: &[&Fact], count: usize, max_turns: usize) -> Outcome<Vec<Record>> {
        let mut deck: Vec<(&Fact, Kind, bool)> = facts
            .iter()
            .flat_map(|fact| Kind::ALL.map(|kind| [(*fact, kind, true), (*fact, kind, false)]).concat())
            .collect();
        let mut records = Vec::new();
        let mut draws = 0;
        while records.len() < count {
            self.sampler.shuffle(&mut deck);
            for (fact, kind, chinese) in &deck {
                draws += 1;
                if records.len() == count || draws > DRAWS_MAX {
                    break;
                }
                let Some(first) = self.fresh(fact, *kind, *chinese) else { continue };
                let mut exchanges = vec![first];
                if max_turns > 1 && self.sampler.below(3) == 0 {
                    let next = *self.sampler.pick(&Kind::ALL[1..5]);
                    exchanges.extend(if next == *kind { None } else { self.fresh(fact, next, *chinese) });
                }
                records.push(Record { department: fact.department.clone(), exchanges });
            }
            if draws > DRAWS_MAX {
                return Err("the facts and wordings do not give enough different questions".into());
            }
        }
        Ok(records)
    }

    fn fresh(&mut self, fact: &Fact, kind: Kind, chinese: bool) -> Option<Exchange> {
        let exchange = exchange(fact, kind, chinese, self.sampler);
        self.seen.insert((exchange.instruction.clone(), exchange.input.clone())).then_some(exchange)
    }
}

impl Record {
    /// Alpaca, with the earlier exchange as history if there are two.
    pub fn alpaca(&self) -> Value {
        let Some((last, earlier)) = self.exchanges.split_last() else { return Value::Null };
        let mut record = json!({
            "instruction": last.instruction, "input": last.input, "output": last.output,
            "department": self.department,
        });
        if !earlier.is_empty() {
            record["history"] = earlier.iter().map(|e| json!([e.question(), e.output])).collect();
        }
        record
    }

    fn sharegpt(&self, id: usize) -> Value {
        let turns: Vec<Value> = self
            .exchanges
            .iter()
            .flat_map(|e| {
                [json!({"from": "human", "value": e.question()}), json!({"from": "gpt", "value": e.output})]
            })
            .collect();
        json!({"id": format!("g{id:04}"), "conversations": turns})
    }
}

impl Exchange {
    /// The whole user turn, as the record reader builds it from an Alpaca record.
    pub fn question(&self) -> String {
        match self.input.as_str() {
            "" => self.instruction.clone(),
            input => format!("{}\n{input}", self.instruction),
        }
    }
}

impl Library {
    /// Every text in the library, for the tokenizer.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        let sites = self.sites.iter().flat_map(|site| &site.records);
        sites
            .chain(&self.pretraining)
            .flat_map(|record| &record.exchanges)
            .flat_map(|e| [e.question(), e.output.clone()])
    }

    /// Writes `sites/`, `validation.jsonl` and `test.jsonl`.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self, folder: &Path) -> Outcome<()> {
        let sites = folder.join("sites");
        std::fs::create_dir_all(&sites)?;
        for site in &self.sites {
            if site.name == CONVERSES {
                let array: Vec<Value> =
                    site.records.iter().enumerate().map(|(id, record)| record.sharegpt(id)).collect();
                let text = serde_json::to_string_pretty(&array)?;
                std::fs::write(sites.join(format!("{}.sharegpt.json", site.name)), text + "\n")?;
            } else {
                write_lines(&sites.join(format!("{}.alpaca.jsonl", site.name)), &site.records)?;
            }
        }
        write_lines(&folder.join("validation.jsonl"), &self.validation)?;
        write_lines(&folder.join("test.jsonl"), &self.test)
    }
}

fn write_lines(path: &Path, records: &[Record]) -> Outcome<()> {
    let lines: String = records.iter().map(|record| format!("{}\n", record.alpaca())).collect();
    Ok(std::fs::write(path, lines)?)
}
