//! Text that is safe to print, and how this program is called.

use std::{
    borrow::Cow,
    env,
    io::{self, Write},
    path::Path,
};

#[cfg(test)]
mod tests;

/// `text` with everything replaced that would move a terminal's cursor, change its state or turn the direction of
/// writing. Names are checked where they are parsed; docs, agents and messages are strangers' words.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_unprintable) {
        Cow::Owned(text.chars().map(|c| if is_unprintable(c) { '\u{fffd}' } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// JSON as it is, but with the characters escaped that [`printable`] would replace; line breaks stay.
#[must_use]
pub fn printable_json(json: &str) -> Cow<'_, str> {
    let harmful = |c: char| c != '\n' && is_unprintable(c);
    if !json.chars().any(harmful) {
        return Cow::Borrowed(json);
    }
    // Outside of strings JSON is ASCII without control characters but white space, so these stand in strings.
    let escape = |c: char| if harmful(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    Cow::Owned(json.chars().map(escape).collect())
}

/// Control characters (C0, C1 and DEL), and the marks that override the direction of text (UAX #9, section 2).
fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What this program is called here: it may be installed under another name.
#[must_use]
pub fn program() -> String {
    let called = env::args_os().next();
    let name = called.as_deref().map(Path::new).and_then(Path::file_name);
    name.map_or_else(|| "node".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// How this program was called here, as the shell would call it again: with the path, if one was typed.
#[must_use]
pub fn invocation() -> String {
    let called = env::args_os().next();
    called.map_or_else(|| "node".to_owned(), |called| shell_word(&called.to_string_lossy()).into_owned())
}

/// `text` as one word of a POSIX shell: as it is where that is safe, in single quotes otherwise.
#[must_use]
pub fn shell_word(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@,%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
    }
}

/// Says something on stderr. That nobody listens there is no reason to fail.
pub fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
