//! Grades as the coefficients of agreement take them. Used by the other files of `agreement`. Invariant:
//! every row has one place for each grader, and every grade is below the number of categories.

/// Grades of the same answers: `units` by `raters`, each a category from 0, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ratings {
    rows: Vec<Vec<Option<usize>>>,
    categories: usize,
    raters: usize,
}

impl Ratings {
    /// Rows of equal length with categories below `categories`; anything else is `None`.
    #[must_use]
    pub fn new(rows: Vec<Vec<Option<usize>>>, categories: usize) -> Option<Self> {
        let raters = rows.first().map_or(0, Vec::len);
        let fits = rows
            .iter()
            .all(|row| row.len() == raters && row.iter().flatten().all(|category| *category < categories));
        fits.then_some(Self { rows, categories, raters })
    }

    /// One row for each answer.
    pub(super) fn rows(&self) -> &[Vec<Option<usize>>] {
        &self.rows
    }

    /// How many categories the scale has, used or not.
    #[must_use]
    pub const fn categories(&self) -> usize {
        self.categories
    }

    /// How many graders there are.
    #[must_use]
    pub const fn raters(&self) -> usize {
        self.raters
    }

    /// Of two graders, the pairs of grades of what both graded.
    #[must_use]
    pub fn pairs(&self, first: usize, second: usize) -> Vec<(usize, usize)> {
        let both = |row: &Vec<Option<usize>>| Some(((*row.get(first)?)?, (*row.get(second)?)?));
        self.rows.iter().filter_map(both).collect()
    }

    /// How often a row has each category.
    pub(super) fn counts(&self, row: &[Option<usize>]) -> Vec<f64> {
        let mut counts = vec![0.0; self.categories];
        row.iter().flatten().for_each(|category| counts[*category] += 1.0);
        counts
    }
}
