//! Which part of a file is wanted (RFC 9110, 13 and 14). Pure.

use std::ops::Range;

/// What a request makes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that it does not have.
    Beyond,
    /// Nothing: the asker has it already.
    Known,
}

/// What a request says of what it wants, as far as it does.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Conditions<'a> {
    pub(super) range: Option<&'a str>,
    pub(super) if_range: Option<&'a str>,
    pub(super) if_none_match: Option<&'a str>,
}

impl Conditions<'_> {
    /// What is wanted of a file of this size, of which this tag is the present one's.
    pub(super) fn wanted(&self, size: u64, etag: &str) -> Wanted {
        if self.if_none_match.is_some_and(|tags| names(tags, etag)) {
            return Wanted::Known;
        }
        // A date is no strong validator here, and another tag means another content: then all of it is wanted.
        if self.if_range.is_some_and(|tag| tag.trim() != etag) {
            return Wanted::Whole;
        }
        self.range.map_or(Wanted::Whole, |range| part(range, size))
    }
}

/// Whether the present one is among these tags. This comparison is weak (13.1.2).
fn names(tags: &str, etag: &str) -> bool {
    tags.trim() == "*" || tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag)
}

/// The bytes that are meant. What is no range, or several, is ignored, as 14.2 allows.
fn part(range: &str, size: u64) -> Wanted {
    let Some(spec) = range.trim().strip_prefix("bytes=").map(str::trim) else { return Wanted::Whole };
    let Some((first, last)) = spec.split_once('-').filter(|_| !spec.contains(',')) else { return Wanted::Whole };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        // More than any file has is as good as the largest number.
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    match (first.is_empty(), number(first), last.is_empty(), number(last)) {
        // The last so many.
        (true, _, _, Some(0)) => Wanted::Beyond,
        (true, _, _, Some(_)) if size == 0 => Wanted::Beyond,
        (true, _, _, Some(count)) => Wanted::Part(size.saturating_sub(count)..size),
        (_, Some(first), true, _) if first < size => Wanted::Part(first..size),
        (_, Some(first), _, Some(last)) if first > last => Wanted::Whole,
        (_, Some(first), _, Some(last)) if first < size => Wanted::Part(first..last.saturating_add(1).min(size)),
        (_, Some(_), true, _) | (_, Some(_), _, Some(_)) => Wanted::Beyond,
        _ => Wanted::Whole,
    }
}
