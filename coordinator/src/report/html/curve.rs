//! A learning curve as an inline SVG: one quantity, base model first, then one point a round.
//!
//! Called by `html`. Colours come from the page's style sheet, so the curve follows light and dark;
//! attributes repeat the light ones for programs that do not style inline SVG (mail, PDF converters).
//! Every value is written beside its point where there is room, and is in its tooltip always.

use std::fmt::Write as _;

use common::page::escape;

const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 22.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 34.0;
/// More points than this, and only the first and the last carry their value as text.
const LABELLED_POINTS: usize = 6;
/// Ticks aimed at on the value axis.
const TICKS: f64 = 4.0;

/// What is drawn.
pub(super) struct Curve<'a> {
    /// For readers who cannot see the picture.
    pub description: &'a str,
    /// Horizontal labels, one a point.
    pub labels: Vec<String>,
    pub values: Vec<f64>,
    /// The base model's value, if it was measured: the dashed line.
    pub base: Option<f64>,
    pub show: fn(f64) -> String,
}

/// The value axis: where it begins and ends and how far apart its ticks are.
#[derive(Debug, PartialEq)]
struct Axis {
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    /// Round numbers around all values, with some air.
    fn around(values: &[f64]) -> Self {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let (low, high) =
            (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
        if low > high {
            return Self { low: 0.0, high: 1.0, step: 0.5 };
        }
        let span = (high - low).max(high.abs() * 1e-3).max(1e-9);
        let raw = span * 1.3 / TICKS;
        let magnitude = 10f64.powf(raw.log10().floor());
        let step =
            [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|nice| nice * magnitude).find(|step| *step >= raw);
        let step = step.unwrap_or(raw);
        let (floor, ceiling) =
            (((low - span * 0.1) / step).floor() * step, ((high + span * 0.1) / step).ceil() * step);
        // Neither loss nor accuracy is ever negative.
        Self { low: if low >= 0.0 { floor.max(0.0) } else { floor }, high: ceiling, step }
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let count = ((self.high - self.low) / self.step).round() as u32;
        (0..=count).map(|index| self.low + f64::from(index) * self.step)
    }

    fn y(&self, value: f64) -> f64 {
        let fraction = (value - self.low) / (self.high - self.low);
        HEIGHT - BOTTOM - fraction * (HEIGHT - TOP - BOTTOM)
    }
}

impl Curve<'_> {
    /// The complete `<svg>` element.
    pub(super) fn render(&self) -> String {
        let axis = Axis::around(&self.values);
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-size=\"12\" role=\"img\" aria-label=\"{}\">",
            escape(self.description)
        );
        self.draw_axes(&axis, &mut svg);
        self.draw_line(&axis, &mut svg);
        self.draw_points(&axis, &mut svg);
        svg.push_str("</svg>");
        svg
    }

    fn x(&self, index: usize) -> f64 {
        let places = self.values.len().saturating_sub(1).max(1) as f64;
        // The points keep off the frame, so that their labels fit.
        let inset = 18.0;
        LEFT + inset + index as f64 / places * (WIDTH - LEFT - RIGHT - 2.0 * inset)
    }

    fn draw_axes(&self, axis: &Axis, svg: &mut String) {
        for tick in axis.ticks() {
            let y = axis.y(tick);
            let _ = write!(
                svg,
                "<line class=\"grid\" stroke=\"#ddd\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 4.0,
                escape(&tick_label(tick, axis.step, self.show)),
            );
        }
        let (every, bottom) = (self.labels.len().div_ceil(10), HEIGHT - BOTTOM);
        let _ = write!(
            svg,
            "<line class=\"axis\" stroke=\"#bbb\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{bottom}\" y2=\"{bottom}\"/>",
            WIDTH - RIGHT
        );
        for (index, label) in self.labels.iter().enumerate().step_by(every.max(1)) {
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                self.x(index),
                HEIGHT - 12.0,
                escape(label)
            );
        }
    }

    fn draw_line(&self, axis: &Axis, svg: &mut String) {
        let points: Vec<String> = self
            .values
            .iter()
            .enumerate()
            .map(|(index, value)| format!("{:.1},{:.1}", self.x(index), axis.y(*value)))
            .collect();
        if let Some(base) = self.base {
            let y = axis.y(base);
            let _ = write!(
                svg,
                "<line class=\"base\" stroke=\"#777\" stroke-dasharray=\"4 4\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>",
                WIDTH - RIGHT
            );
        }
        let floor = HEIGHT - BOTTOM;
        let last = self.x(self.values.len().saturating_sub(1));
        let line = points.join(" ");
        let _ = write!(
            svg,
            "<polygon class=\"area\" fill=\"#2a6fc9\" fill-opacity=\"0.08\" points=\"{:.1},{floor} {line} {last:.1},{floor}\"/>\
             <polyline class=\"curve\" fill=\"none\" stroke=\"#2a6fc9\" stroke-width=\"2\" points=\"{line}\"/>",
            self.x(0)
        );
    }

    fn draw_points(&self, axis: &Axis, svg: &mut String) {
        let last = self.values.len().saturating_sub(1);
        for (index, &value) in self.values.iter().enumerate() {
            let (x, y, text) = (self.x(index), axis.y(value), (self.show)(value));
            let label = self.labels.get(index).map(String::as_str).unwrap_or_default();
            let _ = write!(
                svg,
                "<circle class=\"point\" fill=\"#2a6fc9\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"><title>{}: {}</title></circle>",
                escape(label),
                escape(&text)
            );
            if self.values.len() <= LABELLED_POINTS || index == 0 || index == last {
                let _ = write!(
                    svg,
                    "<text class=\"value\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                    y - 11.0,
                    escape(&text)
                );
            }
        }
    }
}

/// A tick with as many decimals as its step needs, in the unit of the values.
fn tick_label(tick: f64, step: f64, show: fn(f64) -> String) -> String {
    if show(1.0).ends_with('%') {
        let decimals = decimals_for(step * 100.0);
        return format!("{:.decimals$} %", tick * 100.0);
    }
    let decimals = decimals_for(step);
    format!("{tick:.decimals$}")
}

fn decimals_for(step: f64) -> usize {
    (0..4).find(|decimals| (step * 10f64.powi(*decimals)).fract() < 1e-6).unwrap_or(4) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_is_round_and_contains_every_value() {
        let axis = Axis::around(&[5.87, 5.40, 5.05]);
        assert!(axis.low <= 5.05 && axis.high >= 5.87, "{axis:?}");
        assert!(axis.ticks().count() >= 3 && axis.ticks().count() <= 8, "{axis:?}");
        assert_eq!(axis.y(axis.low), HEIGHT - BOTTOM);
        assert!((axis.y(axis.high) - TOP).abs() < 1e-9);
    }

    #[test]
    fn odd_input_draws_without_panicking() {
        for values in [vec![], vec![1.0], vec![2.0, 2.0], vec![f64::NAN], vec![0.0, 0.0]] {
            let labels = values.iter().map(|_| "x".to_owned()).collect();
            let base = values.first().copied();
            let svg =
                Curve { description: "d", labels, values, base, show: |value| value.to_string() }.render();
            assert!(svg.ends_with("</svg>"));
        }
    }
}
