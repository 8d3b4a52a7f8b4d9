//! Medians, quantiles and spreads.

use serde::Serialize;

/// A figure from several rounds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self {
            least: values.first().copied().unwrap_or(f64::NAN),
            median: quantile(&values, 0.5),
            most: values.last().copied().unwrap_or(f64::NAN),
        }
    }
}

/// Of values in order.
pub(crate) fn quantile(sorted: &[f64], at: f64) -> f64 {
    let place = (sorted.len().saturating_sub(1) as f64 * at).round();
    sorted.get(place as usize).copied().unwrap_or(f64::NAN)
}
