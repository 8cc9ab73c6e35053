//! Texts at which an answer ends: what may be the beginning of one is held back until it is known. Used by
//! `job`.
//!
//! Invariant: what comes out depends on the text, not on how it was parted; the first stop text that is
//! complete ends it, the longest of those that end together.

/// Looks for stop texts in an answer as it comes.
#[derive(Debug, Default)]
pub(crate) struct StopFilter {
    stops: Vec<String>,
    held: String,
    found: bool,
}

impl StopFilter {
    /// Ends at any of these, none of which is empty.
    pub(crate) fn new(stops: Vec<String>) -> Self {
        Self { stops, held: String::new(), found: false }
    }

    /// Whether the answer is over.
    pub(crate) fn is_over(&self) -> bool {
        self.found
    }

    /// Takes the next part; gives what is certain now.
    pub(crate) fn push(&mut self, part: &str) -> String {
        if self.stops.is_empty() {
            return part.to_owned();
        }
        let mut certain = String::new();
        for character in part.chars() {
            if self.found {
                break;
            }
            self.held.push(character);
            let ended = self.stops.iter().filter(|stop| self.held.ends_with(stop.as_str()));
            if let Some(longest) = ended.map(String::len).max() {
                self.held.truncate(self.held.len() - longest);
                certain.push_str(&std::mem::take(&mut self.held));
                self.found = true;
            } else {
                let kept = self.maybe_begun();
                certain.extend(self.held.drain(..kept));
            }
        }
        certain
    }

    /// What was held back, at the end of the answer.
    pub(crate) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    /// Where what may be the beginning of a stop text begins.
    fn maybe_begun(&self) -> usize {
        let begins = |at: &usize| self.stops.iter().any(|stop| stop.starts_with(&self.held[*at..]));
        let places = self.held.char_indices().map(|(at, _)| at);
        places.into_iter().find(begins).unwrap_or(self.held.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn through(stops: &[&str], parts: &[&str]) -> (String, bool) {
        let mut filter = StopFilter::new(stops.iter().map(|stop| (*stop).to_owned()).collect());
        let mut text: String = parts.iter().map(|part| filter.push(part)).collect();
        text.push_str(&filter.finish());
        (text, filter.is_over())
    }

    #[test]
    fn an_answer_ends_before_a_stop_text_and_not_at_its_beginning_alone() {
        assert_eq!(through(&["END"], &["one E", "N", "D two"]), ("one ".into(), true));
        assert_eq!(through(&["END"], &["one E", "N", "T two"]), ("one ENT two".into(), false));
        assert_eq!(through(&["END"], &["one EN"]), ("one EN".into(), false));
        assert_eq!(through(&["。再见"], &["你好。", "再", "见！"]), ("你好".into(), true));
        assert_eq!(through(&[], &["a", "b"]), ("ab".into(), false));
        // The first that is complete, not the first that begins.
        assert_eq!(through(&["abcd", "bc"], &["abcd"]), ("a".into(), true));
        assert_eq!(through(&["bc", "abc"], &["xabc"]), ("x".into(), true));
    }

    proptest! {
        #[test]
        fn how_a_text_is_parted_changes_nothing(
            text in "[ab。]{0,30}",
            stops in proptest::collection::vec("[ab。]{1,4}", 0..4),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
            let whole = through(&stops, &[&text]);
            let mut places: Vec<usize> = cuts.iter().map(|cut| {
                text.floor_char_boundary(cut.index(text.len() + 1))
            }).collect();
            places.extend([0, text.len()]);
            places.sort_unstable();
            let parts: Vec<&str> = places.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            prop_assert_eq!(&through(&stops, &parts), &whole);
            prop_assert!(text.starts_with(&whole.0));
            prop_assert!(stops.iter().all(|stop| !whole.0.contains(stop)));
        }
    }
}
