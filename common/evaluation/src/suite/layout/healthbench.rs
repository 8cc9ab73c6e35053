//! HealthBench's conversations with their rubrics, JSON lines. Called by `layout`. Source:
//! openai/simple-evals, `healthbench_eval.py`: `prompt` (turns), `prompt_id`, `rubrics` (`criterion`,
//! `points`, `tags`, of which the one `axis:...` is what it is about), `example_tags`, of which the one
//! `theme:...` is the item's group.

use serde::Deserialize;

use super::super::item::{Item, Turn};
use super::super::rubric::{Axis, Criterion};
use super::super::settings::Settings;
use super::record::Record;

#[derive(Debug, Deserialize)]
pub(super) struct Healthbench {
    prompt_id: String,
    prompt: Vec<Turn>,
    rubrics: Vec<Rubric>,
    #[serde(default)]
    example_tags: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Rubric {
    criterion: String,
    points: f64,
    #[serde(default)]
    tags: Vec<String>,
}

impl Record for Healthbench {
    fn item(self, _settings: &Settings) -> Result<Item, String> {
        let group = self.example_tags.iter().find_map(|tag| tag.strip_prefix("theme:")).map(str::to_owned);
        let rubric = self.rubrics.into_iter().map(|one| {
            let axis = one.tags.iter().find_map(|tag| Axis::of_tag(tag));
            Criterion { text: one.criterion, points: one.points, axis }
        });
        if self.prompt.is_empty() {
            return Err("its prompt has no turn".to_owned());
        }
        Ok(Item {
            id: Some(self.prompt_id),
            group,
            turns: self.prompt,
            rubric: rubric.collect(),
            ..Item::default()
        })
    }
}
