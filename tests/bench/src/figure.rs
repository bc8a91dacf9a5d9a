//! Figures: what was measured, beside what, printed as one JSON line each.
//!
//! A figure is a median. `ours` and `reference` are measured by turns in the same run, so that a machine that is busy
//! slows both; how busy it was stands beside them (`load`).

use std::time::Duration;

use serde_json::{Map, Value, json};

/// Values of one kind, in the figure's unit.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(crate) fn push_ms(&mut self, took: Duration) {
        self.push(took.as_secs_f64() * 1e3);
    }

    /// The value that so many percent lie below; `None` without values.
    fn percentile(&self, percent: usize) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied()
    }

    fn median(&self) -> Option<f64> {
        self.percentile(50)
    }
}

/// What a figure is held to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// It informs; nothing was promised.
    None,
    /// `ours` is at most this.
    AtMost(f64),
}

/// Prints figures, and knows whether all promises were kept.
#[derive(Debug, Default)]
pub(crate) struct Report {
    missed: bool,
}

impl Report {
    /// Prints one figure.
    ///
    /// # Panics
    /// Where nothing was measured.
    #[expect(clippy::print_stdout, reason = "figures are what this program prints")]
    pub(crate) fn figure(
        &mut self,
        figure: &str,
        unit: &str,
        ours: &Samples,
        reference: Option<&Samples>,
        target: Target,
    ) {
        let median = ours.median().expect("something was measured");
        let beside = reference.and_then(Samples::median);
        let (target, met) = match target {
            Target::None => (None, None),
            Target::AtMost(limit) => (Some(limit), Some(median <= limit)),
        };
        self.missed |= met == Some(false);
        let mut line = Map::new();
        line.insert("figure".to_owned(), json!(figure));
        line.insert("ours".to_owned(), json!(rounded(median)));
        line.insert("reference".to_owned(), json!(beside.map(rounded)));
        line.insert("ratio".to_owned(), json!(beside.map(|beside| rounded(median / beside))));
        line.insert("unit".to_owned(), json!(unit));
        line.insert("target".to_owned(), json!(target));
        line.insert("met".to_owned(), json!(met));
        line.insert("samples".to_owned(), json!(ours.0.len()));
        if ours.0.len() >= 20 {
            line.insert("p95".to_owned(), json!(ours.percentile(95).map(rounded)));
            line.insert("referenceP95".to_owned(), json!(reference.and_then(|all| all.percentile(95)).map(rounded)));
        }
        line.insert("load".to_owned(), json!(load()));
        println!("{}", Value::Object(line));
    }

    /// Whether every figure that has a target reached it.
    pub(crate) fn all_met(&self) -> bool {
        !self.missed
    }
}

/// Three significant digits: more would be noise.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the exponent of a measured value is small")]
    let digits = (2.0 - value.abs().log10().floor()) as i32;
    let scale = 10f64.powi(digits.max(0));
    (value * scale).round() / scale
}

/// Runnable processes on average over the last minute; `None` where the system does not tell.
fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_does_not_mind_the_order_or_an_outlier() {
        let samples = Samples(vec![9_000.0, 1.0, 3.0, 2.0, 2.5]);
        assert_eq!(samples.median(), Some(2.5));
        assert_eq!(Samples::default().median(), None);
    }

    #[test]
    fn values_keep_three_digits() {
        assert_eq!(rounded(0.123_456), 0.123);
        assert_eq!(rounded(12.345_6), 12.3);
        assert_eq!(rounded(123_456.0), 123_456.0);
        assert_eq!(rounded(0.0), 0.0);
    }
}
