//! Figures: what was measured, beside what, printed as one JSON line each.
//!
//! A figure is a median. `ours` and `reference` are measured by turns in the same run, so that a machine that is busy
//! slows both; how busy it was stands beside them (`load`).

use std::time::Duration;

use serde::Serialize;

/// Fewer values have no tail worth printing.
const TAIL_SAMPLES_MIN: usize = 20;

/// Values of one kind, in the figure's unit.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl From<f64> for Samples {
    /// One measurement that cannot be repeated within a run.
    fn from(value: f64) -> Self {
        Self(vec![value])
    }
}

impl Samples {
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(crate) fn push_ms(&mut self, took: Duration) {
        self.push(took.as_secs_f64() * 1e3);
    }

    /// The value that so many percent lie below; `None` without values.
    pub(crate) fn percentile(&self, percent: usize) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied()
    }

    fn median(&self) -> Option<f64> {
        self.percentile(50)
    }

    fn p95(&self) -> Option<f64> {
        (self.0.len() >= TAIL_SAMPLES_MIN).then(|| self.percentile(95).map(rounded)).flatten()
    }
}

/// What was promised of a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// Nothing: it informs.
    None,
    /// At most this much, in the figure's unit.
    AtMost(f64),
    /// At least this much.
    AtLeast(f64),
    /// At most so many times the reference.
    RatioAtMost(f64),
    /// At least so many times the reference.
    RatioAtLeast(f64),
}

/// One line of output. `target` and `met` say what was promised and whether it was kept.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    figure: &'a str,
    ours: f64,
    reference: Option<f64>,
    ratio: Option<f64>,
    unit: &'a str,
    target: Option<f64>,
    met: Option<bool>,
    samples: usize,
    /// Where there are enough values for it to mean something.
    p95: Option<f64>,
    reference_p95: Option<f64>,
    load: Option<f64>,
}

/// Prints one figure of which nothing was promised.
///
/// # Panics
/// Where nothing was measured.
pub(crate) fn print(figure: &str, unit: &str, ours: &Samples, reference: Option<&Samples>) {
    let _ = print_beside(figure, unit, ours, reference, Target::None);
}

/// Prints one figure beside what was promised; `false` where that was not kept.
///
/// # Panics
/// Where nothing was measured.
#[must_use]
#[expect(clippy::print_stdout, reason = "figures are what this program prints")]
pub(crate) fn print_beside(
    figure: &str,
    unit: &str,
    ours: &Samples,
    reference: Option<&Samples>,
    target: Target,
) -> bool {
    let median = ours.median().expect("something was measured");
    let beside = reference.and_then(Samples::median);
    let (target, met) = match target {
        Target::None => (None, None),
        Target::AtMost(most) => (Some(most), Some(median <= most)),
        Target::AtLeast(least) => (Some(least), Some(median >= least)),
        Target::RatioAtLeast(least) => (Some(least), Some(beside.is_some_and(|beside| median >= beside * least))),
        Target::RatioAtMost(most) => (Some(most), Some(beside.is_some_and(|beside| median <= beside * most))),
    };
    let line = Line {
        figure,
        ours: rounded(median),
        reference: beside.map(rounded),
        ratio: beside.map(|beside| rounded(median / beside)),
        unit,
        target,
        met,
        samples: ours.0.len(),
        p95: ours.p95(),
        reference_p95: reference.and_then(Samples::p95),
        load: load(),
    };
    println!("{}", serde_json::to_string(&line).expect("numbers and text"));
    met != Some(false)
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
    fn a_promise_is_held_against_what_was_measured() {
        let (ours, reference) = (Samples::from(3.0), Samples::from(2.0));
        assert!(print_beside("a test's", "ms", &ours, Some(&reference), Target::RatioAtMost(1.5)));
        assert!(!print_beside("a test's", "ms", &ours, Some(&reference), Target::RatioAtMost(1.4)));
        assert!(!print_beside("a test's", "ms", &ours, None, Target::AtMost(2.9)));
        assert!(print_beside("a test's", "ms", &ours, None, Target::AtMost(3.0)));
        assert!(
            !print_beside("a test's", "ms", &ours, None, Target::RatioAtMost(9.0)),
            "beside nothing, nothing is kept"
        );
    }

    #[test]
    fn values_keep_three_digits() {
        assert_eq!(rounded(0.123_456), 0.123);
        assert_eq!(rounded(12.345_6), 12.3);
        assert_eq!(rounded(123_456.0), 123_456.0);
        assert_eq!(rounded(0.0), 0.0);
    }
}
