//! The JSON of a request: from the command line or from stdin, with the place of a mistake.

use std::io::{self, BufRead, Read};

use serde_json::{Deserializer, Value};

use crate::failure::Failure;

#[cfg(test)]
mod tests;

/// A request longer than this is shown without an arrow to the mistake.
const SHOWABLE: usize = 100;

/// All of stdin.
pub(crate) fn stdin() -> Result<Vec<u8>, Failure> {
    let mut request = Vec::new();
    io::stdin().lock().read_to_end(&mut request).map_err(Failure::Input)?;
    Ok(request)
}

/// One value.
pub(crate) fn one(text: &[u8], origin: &str) -> Result<Value, Failure> {
    serde_json::from_slice(text).map_err(|error| no_json(text, origin, &error))
}

/// Any number of values, one behind the other.
pub(crate) fn many(text: &[u8], origin: &str) -> Result<Vec<Value>, Failure> {
    let values: Result<Vec<Value>, _> = Deserializer::from_slice(text).into_iter().collect();
    values.map_err(|error| no_json(text, origin, &error))
}

/// The values of `input`, one a line, as they come. Blank lines are none.
pub(crate) fn lines(input: impl BufRead) -> impl Iterator<Item = Result<Value, Failure>> {
    let lines = input.split(b'\n').enumerate();
    lines.filter_map(|(index, line)| match line {
        Err(error) => Some(Err(Failure::Input(error))),
        Ok(line) if line.trim_ascii().is_empty() => None,
        Ok(line) => Some(one(&line, &format!("line {} of stdin", index + 1))),
    })
}

fn no_json(text: &[u8], origin: &str, error: &serde_json::Error) -> Failure {
    let mut said = format!("the request from {origin} is not JSON: {error}");
    if let Some(shown) = std::str::from_utf8(text).ok().and_then(|text| arrow(text, error.line(), error.column())) {
        said.push_str(&shown);
    }
    Failure::Usage(said)
}

/// The line with the mistake and an arrow below it, where it is short and the arrow would hit.
fn arrow(text: &str, line: usize, column: usize) -> Option<String> {
    let line = text.lines().nth(line.checked_sub(1)?)?;
    let plain = line.len() <= SHOWABLE && line.bytes().all(|b| (b' '..=b'~').contains(&b));
    plain.then(|| format!("\n  {line}\n  {:>column$}", '^', column = column.max(1)))
}
