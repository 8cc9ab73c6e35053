//! The dossier as one page for screen and paper: gates, signatures, what people answered, where the model
//! comes from, what was measured, and the checklists. Called by `made`, in both languages. Invariants: no
//! script and nothing from outside; every text that comes from outside is escaped.

mod measured;
mod origin;
mod words;

use common::language::{Language, Text};
use common::page::{STYLE, escape, unbroken};

use self::words as w;
use super::checklists::{CHECKLISTS, Checklist, Line};
use super::dossier::Dossier;
use super::fields::{FIELDS, field};
use super::gates::State;

/// A dossier in a language.
#[derive(Clone, Copy)]
struct Page<'a> {
    dossier: &'a Dossier<'a>,
    language: Language,
}

/// The whole page.
pub(super) fn render(dossier: &Dossier<'_>, language: Language) -> String {
    let page = Page { dossier, language };
    let lists = CHECKLISTS.iter().map(|list| page.checklist(list)).collect::<String>();
    let body = [
        page.header(),
        page.gates(),
        page.signers(),
        page.answers(),
        page.measured(),
        page.grades(),
        page.origin(),
        page.sites(),
        page.unknown(),
        lists,
        page.check(),
    ];
    let body = unbroken(&body.concat());
    format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        language.code(),
        escape(dossier.answer("model_name")),
        page.word(w::EYEBROW),
    )
}

impl Page<'_> {
    fn word(self, text: Text) -> String {
        escape(text.get(self.language))
    }

    fn section(self, title: &str, lead: Option<Text>, body: &str) -> String {
        let lead = lead.map_or_else(String::new, |lead| format!("<p>{}</p>\n", self.word(lead)));
        format!("<section>\n<h2>{title}</h2>\n{lead}{body}</section>\n")
    }

    /// A table; its first row is the head.
    fn table(rows: &[Vec<String>]) -> String {
        let row = |(number, row): (usize, &Vec<String>)| {
            let tag = if number == 0 { "th" } else { "td" };
            let cell = |cell: &String| format!("<{tag} class=\"left wrap\">{}</{tag}>", escape(cell));
            format!("<tr>{}</tr>\n", row.iter().map(cell).collect::<String>())
        };
        let rows = rows.iter().enumerate().map(row).collect::<String>();
        format!("<div class=\"scroll\"><table>\n{rows}</table></div>\n")
    }

    /// Names and values.
    fn pairs(pairs: &[(String, String)]) -> String {
        let pair = |(name, value): &(String, String)| {
            format!("<dt>{}</dt><dd>{}</dd>\n", escape(name), escape(value).replace('\n', "<br>"))
        };
        format!("<dl class=\"facts\">\n{}</dl>\n", pairs.iter().map(pair).collect::<String>())
    }

    fn header(self) -> String {
        let dossier = self.dossier;
        let signers: Vec<&str> = dossier.signers.iter().map(|signer| signer.name.as_str()).collect();
        let made = [dossier.day(), dossier.answer("release_stage").to_owned(), signers.join(", ")];
        format!(
            "<header>\n<p class=\"eyebrow\">{}</p>\n<h1>{} {}</h1>\n<p class=\"lead\">{}</p>\n</header>\n",
            self.word(w::EYEBROW),
            escape(dossier.answer("model_name")),
            escape(dossier.answer("release_version")),
            escape(&w::LEAD.with(self.language, &[&made[0], &made[1], &made[2]])),
        )
    }

    fn gates(self) -> String {
        let gates = super::gates::gates(self.dossier.facts, self.dossier.evaluation, self.language);
        let state = |state| match state {
            State::Passed => w::PASSED,
            State::Failed => w::FAILED,
            State::NotApplicable => w::NOT_APPLICABLE,
        };
        let rows = gates.iter().map(|gate| {
            let class = if gate.state == State::Passed { "good" } else { "open" };
            format!(
                "<tr><td class=\"left\">{}</td><td class=\"left\"><span class=\"verdict {class}\">{}</span></td>\
                 <td class=\"left wrap\">{}</td></tr>\n",
                escape(gate.title),
                self.word(state(gate.state)),
                escape(&gate.says),
            )
        });
        let table = format!("<div class=\"scroll\"><table>\n{}</table></div>\n", rows.collect::<String>());
        self.section(&self.word(w::GATES), Some(w::GATES_LEAD), &table)
    }

    fn signers(self) -> String {
        let head = [w::SIGNER, w::SIGNED_AT].map(|text| text.get(self.language).to_owned()).to_vec();
        let signers = self.dossier.signers.iter().map(|it| vec![it.name.clone(), it.at.rfc3339()]);
        let rows: Vec<Vec<String>> = std::iter::once(head).chain(signers).collect();
        self.section(&self.word(w::SIGNERS), None, &Self::table(&rows))
    }

    fn answers(self) -> String {
        let pairs = FIELDS.iter().map(|field| {
            let none = || self.language_of(w::NO_ANSWER);
            let answer = self.dossier.fields.get(field.key).map_or_else(none, str::to_owned);
            (self.language_of(field.title), answer)
        });
        self.section(&self.word(w::ANSWERS), Some(w::ANSWERS_LEAD), &Self::pairs(&pairs.collect::<Vec<_>>()))
    }

    fn language_of(self, text: Text) -> String {
        text.get(self.language).to_owned()
    }

    fn checklist(self, list: &Checklist) -> String {
        let answered = |line: &Line| {
            let fields = line.fields.iter().filter_map(|key| field(key)).filter_map(|field| {
                let title = self.language_of(field.title);
                match (self.dossier.fields.get(field.key), field.is_required) {
                    (Some(_), _) => Some(title),
                    (None, true) => Some(format!("{title} ({})", self.language_of(w::NO_ANSWER))),
                    (None, false) => None,
                }
            });
            let all: Vec<String> = fields.chain(line.facts.map(str::to_owned)).collect();
            if all.is_empty() { self.language_of(w::NO_ANSWER) } else { all.join("; ") }
        };
        let head = vec![self.language_of(w::ASKED), self.language_of(w::WHERE)];
        let lines = list.lines.iter().map(|line| vec![self.language_of(line.asks), answered(line)]);
        let rows: Vec<Vec<String>> = std::iter::once(head).chain(lines).collect();
        self.section(&self.word(list.title), Some(w::CHECKLIST_LEAD), &Self::table(&rows))
    }

    fn check(self) -> String {
        self.section(&self.word(w::CHECK), Some(w::CHECK_IS), "")
    }
}

#[cfg(test)]
mod tests;
