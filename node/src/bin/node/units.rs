//! Numbers as people read them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// The end of the year 9999, behind which RFC 3339 has no times.
const LAST_MOMENT: u64 = 253_402_300_799_999;

/// A moment, in milliseconds since 1970, as RFC 3339 writes it, to the second.
pub(crate) fn moment(unix_ms: u64) -> String {
    humantime::format_rfc3339_seconds(time_of(unix_ms)).to_string()
}

/// The same to the millisecond.
pub(crate) fn precise_moment(unix_ms: u64) -> String {
    humantime::format_rfc3339_millis(time_of(unix_ms)).to_string()
}

fn time_of(unix_ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(unix_ms.min(LAST_MOMENT))
}

/// How long ago a moment of the past is, by this machine's clock.
pub(crate) fn ago(unix_ms: u64) -> String {
    let now = u64::try_from(UNIX_EPOCH.elapsed().unwrap_or_default().as_millis()).unwrap_or(u64::MAX);
    format!("{} ago", age(now.saturating_sub(unix_ms)))
}

/// A time in the largest unit that it is a whole number of: `7 days`, `36 hours`.
pub(crate) fn span(secs: u64) -> String {
    let units = [(86_400, "day", "days"), (3_600, "hour", "hours"), (60, "minute", "minutes")];
    let whole = units.into_iter().find(|(unit, ..)| secs > 0 && secs.is_multiple_of(*unit));
    let (unit, one, many) = whole.unwrap_or((1, "second", "seconds"));
    count(usize::try_from(secs / unit).unwrap_or(usize::MAX), one, many)
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

/// How long to wait: `30 ms`, `1.5 s`.
pub(crate) fn wait(millis: u64) -> String {
    if millis < 1000 { format!("{millis} ms") } else { format!("{} s", millis as f64 / 1000.0) }
}

/// A latency in the unit that makes it short: `412 µs`, `1.20 ms`, `3.05 s`.
pub(crate) fn latency(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.2} ms", micros as f64 / 1e3),
        _ => format!("{:.2} s", micros as f64 / 1e6),
    }
}

/// Bytes: in a binary unit where they are a whole number of them, in a decimal one otherwise.
pub(crate) fn size(bytes: u64) -> String {
    let binary = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let whole = binary.iter().find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit));
    match (whole, bytes) {
        (Some((name, unit)), _) => format!("{} {name}", bytes / unit),
        (None, 0..10_000) => format!("{bytes} B"),
        (None, 10_000..1_000_000) => format!("{:.1} kB", bytes as f64 / 1e3),
        (None, 1_000_000..1_000_000_000) => format!("{:.1} MB", bytes as f64 / 1e6),
        (None, _) => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// A number with its thousands apart: `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
