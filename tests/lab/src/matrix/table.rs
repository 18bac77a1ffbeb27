//! The matrix as people read it.

use std::{fmt::Write as _, time::Duration};

use super::Cell;
use crate::nat::{Nat, Path};

/// How wide the names in the first column are.
const NAMES: usize = 20;
/// How wide a cell is.
const WIDTH: usize = 10;

/// Rows are those who start, columns those who are reached. A cell that came out as it must is one word; any other
/// says how often it did, and is listed below with the reason.
#[must_use]
pub fn table(cells: &[Cell]) -> String {
    let columns: Vec<Nat> = Nat::ALL.into_iter().filter(|nat| cells.iter().any(|cell| cell.b == *nat)).collect();
    let mut text = format!("{:NAMES$}", "");
    for nat in &columns {
        let _ = write!(text, "{:WIDTH$}", short(*nat));
    }
    text.push('\n');
    for a in Nat::ALL.into_iter().filter(|nat| cells.iter().any(|cell| cell.a == *nat)) {
        let _ = write!(text, "{a:NAMES$}");
        for b in &columns {
            let cell = cells.iter().find(|cell| cell.a == a && cell.b == *b);
            let _ = write!(text, "{:WIDTH$}", cell.map(word).unwrap_or_default());
        }
        // No blanks at the ends of lines.
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    for cell in cells.iter().filter(|cell| !cell.holds()) {
        let _ = writeln!(text, "{}", complaint(cell));
    }
    text
}

/// How long it took, in words: until the two could talk, and from then until the path was direct.
#[must_use]
pub fn times(cells: &[Cell]) -> String {
    let outcomes = || cells.iter().flat_map(Cell::outcomes);
    let of = |name: &str, mut times: Vec<Duration>| {
        times.sort_unstable();
        let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
        let seconds = |time: Option<&Duration>| time.map_or(f64::NAN, Duration::as_secs_f64);
        format!(
            "{name}: median {:.2} s, 95 % within {:.2} s, slowest {:.2} s, of {}\n",
            seconds(at(50)),
            seconds(at(95)),
            seconds(times.last()),
            times.len()
        )
    };
    let talked = outcomes().map(|outcome| outcome.talked).collect();
    let direct = outcomes().filter_map(|outcome| outcome.direct_after).collect();
    of("first call answered", talked) + &of("direct path after that", direct)
}

/// What fits into a column's head.
fn short(nat: Nat) -> &'static str {
    match nat {
        Nat::None => "none",
        Nat::Firewall => "firewall",
        Nat::FullCone => "full",
        Nat::AddressRestricted => "address",
        Nat::PortRestricted => "port",
        Nat::PortShift => "shift",
        Nat::Symmetric => "symmetric",
        Nat::CgnatCone => "cgnat-c",
        Nat::CgnatSymmetric => "cgnat-s",
        Nat::UdpBlocked => "blocked",
    }
}

fn word(cell: &Cell) -> String {
    if !cell.holds() {
        return format!("{}/{} !", cell.right(), cell.attempts.len());
    }
    let direct = cell.outcomes().filter(|outcome| outcome.path == Path::Direct).count();
    match direct {
        0 => "relayed".to_owned(),
        all if all == cell.attempts.len() => "direct".to_owned(),
        _ => "either".to_owned(),
    }
}

fn complaint(cell: &Cell) -> String {
    let Cell { a, b, attempts, .. } = cell;
    let expected = cell.expected.map_or_else(|| "any path".to_owned(), |path| path.to_string());
    let why = match cell.error() {
        Some(error) => format!("; {error}"),
        None => String::new(),
    };
    format!("! {a} and {b}: {expected} was expected, and came {} of {} times{why}", cell.right(), attempts.len())
}
