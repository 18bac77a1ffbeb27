//! Halving, the same on every machine.

use atoll_protocol::service::UnixMillis;

use super::HALF_LIFE;

/// Terms of the series for fractions: enough for every bit of the result.
const TERMS: i32 = 14;

/// 2^(−x) for x ≥ 0; 1 for what is less, or no number.
///
/// Of sums and products only, which are exact everywhere, so that a simulation gives the same everywhere: the standard
/// library's powers differ between platforms.
pub(super) fn halved(x: f64) -> f64 {
    if x.is_nan() || x <= 0.0 {
        return 1.0;
    }
    // Below 2^(−1100) there is nothing left.
    if x > 1100.0 {
        return 0.0;
    }
    let whole = x.floor();
    // e^(−y) for 0 ≤ y < ln 2, by Horner's rule.
    let y = (x - whole) * std::f64::consts::LN_2;
    let fraction = (1..=TERMS).rev().fold(1.0, |sum, n| 1.0 - sum * y / f64::from(n));
    (0..whole as u32).fold(fraction, |value, _| value / 2.0)
}

/// What is left at `now` of what was whole at `then`, with a half-life of [`HALF_LIFE`].
pub(super) fn faded(then: UnixMillis, now: UnixMillis) -> f64 {
    halved(now.0.saturating_sub(then.0) as f64 / HALF_LIFE.as_millis() as f64)
}
