//! Values as people type them: times, sizes, pairs.

use std::{collections::BTreeMap, time::Duration};

use crate::failure::Failure;

#[cfg(test)]
mod tests;

/// A time with its unit, of at least a millisecond.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if time < Duration::from_millis(1) => Err("less than 1ms is no time; try 2s".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(format!("{error}; a time looks like 500ms, 2s or 1m")),
    }
}

/// Whole milliseconds.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Units of bytes: the powers of 1000 of the SI, the powers of 1024 of IEC 80000-13.
const UNITS: [(&str, u64); 12] = [
    ("", 1),
    ("B", 1),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("kB", 1_000),
    ("KB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

/// A number of bytes, with or without a unit.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let unit = unit.trim_start();
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| factor);
    let bytes = digits.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(*factor));
    bytes.ok_or_else(|| "a size is a whole number of bytes, or has a unit: 100, 64KiB, 512MiB, 1GB".to_owned())
}

/// How many at a time: at least one.
pub(crate) fn concurrency(text: &str) -> Result<usize, String> {
    let limit = atoll_node::control::api::BENCH_CONCURRENCY;
    match text.parse::<usize>() {
        Ok(number) if (1..=limit).contains(&number) => Ok(number),
        _ => Err(format!("it takes a number from 1 to {limit}, such as 64")),
    }
}

/// Pairs as a map; `option` is where they were given.
pub(crate) fn map(pairs: &[(String, String)], option: &str) -> Result<BTreeMap<String, String>, Failure> {
    let mut map = BTreeMap::new();
    for (key, value) in pairs {
        if let Some(other) = map.insert(key.clone(), value.clone()) {
            return Err(Failure::Usage(format!("{option} gives {key:?} twice, as {other:?} and as {value:?}")));
        }
    }
    Ok(map)
}

/// `KEY=VALUE`; the value may be empty.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a pair looks like KEY=VALUE, such as zone=eu".to_owned()),
    }
}
