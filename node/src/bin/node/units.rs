//! Numbers as people read them.

use std::time::Duration;

/// How long ago, in one unit: `3s`, `4m`, `2h`, `5d`.
pub(crate) fn age(millis: u64) -> String {
    let secs = Duration::from_millis(millis).as_secs();
    match secs {
        0..60 => format!("{secs}s"),
        60..3600 => format!("{}m", secs / 60),
        3600..86_400 => format!("{}h", secs / 3600),
        _ => format!("{}d", secs / 86_400),
    }
}

/// A round trip in milliseconds: one decimal where it matters, a dash where it is not known.
pub(crate) fn rtt(millis: Option<f64>) -> String {
    match millis {
        None => "-".to_owned(),
        Some(ms) if ms < 10.0 => format!("{ms:.2}"),
        Some(ms) if ms < 100.0 => format!("{ms:.1}"),
        Some(ms) => format!("{ms:.0}"),
    }
}

/// `1 peer`, `2 peers`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests;
