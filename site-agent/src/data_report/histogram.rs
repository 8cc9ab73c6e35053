//! Histograms: binning, and their drawing as SVG and as a line of blocks. Called by the data report's pages
//! and terminal. Invariants: every value is in exactly one bin; the drawing holds numbers only, never text of
//! a record.

use std::fmt::Write as _;

use common::page::escape;

/// Counts of values in equal bins from `low` on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    /// Lower bound of the first bin.
    pub low: u64,
    /// Width of a bin, at least 1.
    pub width: u64,
    /// Values in each bin; the last one also holds everything above.
    pub counts: Vec<u64>,
}

impl Histogram {
    /// At most `bins` bins of a round width (1, 2 or 5 times a power of ten) that cover the values up to the
    /// 99.5th percentile; what lies above is in the last bin.
    #[must_use]
    pub fn of(sorted: &[u64], bins: usize) -> Self {
        let (Some(&low), Some(&most)) = (sorted.first(), sorted.last()) else {
            return Self { low: 0, width: 1, counts: Vec::new() };
        };
        let high = sorted[(sorted.len() - 1) * 995 / 1000].max(low);
        let bins = bins.max(1) as u64;
        let width = round_width((high - low + 1).div_ceil(bins));
        let low = low / width * width;
        let last = ((high.min(most) - low) / width).min(bins);
        let mut counts = vec![0; last as usize + 1];
        for value in sorted {
            counts[(((value - low) / width).min(last)) as usize] += 1;
        }
        Self { low, width, counts }
    }

    /// One character a bin, eight heights: `▁▂▅█▃`.
    #[must_use]
    pub fn blocks(&self) -> String {
        const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let most = self.counts.iter().copied().max().unwrap_or(0).max(1);
        self.counts
            .iter()
            .map(|count| if *count == 0 { ' ' } else { BLOCKS[((count * 7).div_ceil(most)) as usize] })
            .collect()
    }

    /// A self-contained SVG with axis labels; colours come from the page's style sheet.
    #[must_use]
    pub fn svg(&self, description: &str) -> String {
        const WIDTH: f64 = 480.0;
        const HEIGHT: f64 = 170.0;
        const LEFT: f64 = 46.0;
        const RIGHT: f64 = 16.0;
        const BOTTOM: f64 = 22.0;
        const TOP: f64 = 10.0;
        let most = self.counts.iter().copied().max().unwrap_or(0).max(1);
        // A single bar as wide as the plot would look like a background.
        let step = ((WIDTH - LEFT - RIGHT) / self.counts.len().max(1) as f64).min(40.0);
        let plot = HEIGHT - BOTTOM - TOP;
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n",
            escape(description)
        );
        for (share, value) in [(0.0, 0), (0.5, most / 2), (1.0, most)] {
            let y = TOP + plot * (1.0 - share);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
                LEFT - 6.0,
                y + 4.0
            );
        }
        for (index, count) in self.counts.iter().enumerate() {
            let height = plot * *count as f64 / most as f64;
            let (x, from) = (LEFT + step * index as f64, self.low + self.width * index as u64);
            let above = if index + 1 == self.counts.len() { "+" } else { "" };
            let to = if self.width > 1 && above.is_empty() {
                format!("–{}", from + self.width - 1)
            } else {
                String::new()
            };
            let _ = writeln!(
                svg,
                "<rect class=\"bar\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"><title>{from}{to}{above}: \
                 {count}</title></rect>",
                x + 0.5,
                TOP + plot - height,
                (step - 1.0).max(0.5)
            );
        }
        for index in label_bins(self.counts.len()) {
            let above = if index > 0 && index + 1 == self.counts.len() { "+" } else { "" };
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}{above}</text>",
                LEFT + step * (index as f64 + 0.5),
                HEIGHT - 6.0,
                self.low + self.width * index as u64
            );
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// About six bins to label, the first and the last among them.
fn label_bins(bins: usize) -> Vec<usize> {
    let Some(last) = bins.checked_sub(1) else { return Vec::new() };
    let mut chosen: Vec<usize> = (0..=5).map(|index| last * index / 5).collect();
    chosen.dedup();
    chosen
}

/// The next of 1, 2, 5, 10, 20, 50, ...
fn round_width(least: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            let width = unit.saturating_mul(factor);
            if width >= least || unit > u64::MAX / 100 {
                return width;
            }
        }
        unit *= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_one_bin_and_outliers_in_the_last() {
        let mut values: Vec<u64> = (0..1000).collect();
        values.push(1_000_000);
        let histogram = Histogram::of(&values, 20);
        assert_eq!(histogram.counts.iter().sum::<u64>(), 1001);
        assert_eq!((histogram.low, histogram.width), (0, 50));
        assert!(histogram.counts.len() <= 21);
        assert_eq!(histogram.counts[0], 50);
    }

    #[test]
    fn edges() {
        assert_eq!(Histogram::of(&[], 10).counts, Vec::<u64>::new());
        assert_eq!(Histogram::of(&[7, 7, 7], 10), Histogram { low: 7, width: 1, counts: vec![3] });
        assert_eq!(Histogram::of(&[u64::MAX], 1).counts, [1]);
        assert_eq!(round_width(3), 5);
        assert_eq!(round_width(51), 100);
        assert_eq!(Histogram { low: 0, width: 1, counts: vec![0, 1, 8] }.blocks(), " ▂█");
    }

    #[test]
    fn the_drawing_is_well_formed_and_escapes_its_label() {
        let svg = Histogram::of(&[1, 2, 3, 9], 10).svg("a < b & \"c\"");
        assert!(svg.contains("a &lt; b &amp; &quot;c&quot;"));
        assert_eq!(svg.matches("<rect").count(), svg.matches("</rect>").count());
    }
}
