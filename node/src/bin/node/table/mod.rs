//! Plain aligned columns: no borders, sized to their content.

use atoll_node::cli::text::printable;

#[cfg(test)]
mod tests;

/// Rows of text under a header, or without one.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

/// A text column narrower than this is harder to read than lines that the terminal breaks.
const NARROWEST: usize = 20;

/// What stands between columns.
const GAP: &str = "  ";

impl Table {
    /// A table with this first row.
    pub(crate) fn new<const N: usize>(header: [&str; N]) -> Self {
        Self { rows: vec![header.map(str::to_owned).to_vec()] }
    }

    /// Adds a row. An empty cell shows a dash, so that columns stay columns for whoever cuts them.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        let cell = |text: String| if text.is_empty() { "-".to_owned() } else { printable(&text).into_owned() };
        self.rows.push(cells.map(cell).to_vec());
    }

    /// Adds a row whose cells may stay blank.
    pub(crate) fn blank_row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|text| printable(&text).into_owned()).to_vec());
    }

    /// The lines, with the last column broken into lines of its own where it would pass `width`.
    pub(crate) fn wrapped(&self, width: Option<usize>) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let last = columns.saturating_sub(1);
        let size = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|c| length(c)).max();
        let before: usize = (0..last).map(|column| size(column).unwrap_or_default() + GAP.len()).sum();
        let room = width.map(|width| width.saturating_sub(before)).filter(|room| *room >= NARROWEST);
        let mut broken = Self::default();
        for row in &self.rows {
            let text = wrapped(row.get(last).map(String::as_str).unwrap_or_default(), room);
            let mut row = row.clone();
            for line in text.lines().chain(text.is_empty().then_some("")) {
                if let Some(cell) = row.get_mut(last) {
                    line.clone_into(cell);
                }
                broken.rows.push(row.clone());
                row.iter_mut().for_each(String::clear);
            }
        }
        broken.render(None)
    }

    /// The lines, cut at `width` where there is a terminal with an edge.
    pub(crate) fn render(&self, width: Option<usize>) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let size = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|c| length(c)).max();
        let sizes: Vec<usize> = (0..columns).map(|column| size(column).unwrap_or_default()).collect();
        let lines = self.rows.iter().map(|row| {
            let cells = row.iter().zip(&sizes).map(|(cell, size)| format!("{cell:size$}"));
            let line = cells.collect::<Vec<_>>().join(GAP);
            cut(line.trim_end(), width)
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// `line` if it fits, or its beginning and an ellipsis.
pub(crate) fn cut(line: &str, width: Option<usize>) -> String {
    match width {
        Some(width) if width > 0 && length(line) > width => {
            line.chars().take(width - 1).chain(std::iter::once('…')).collect()
        }
        _ => line.to_owned(),
    }
}

/// `text` with its lines broken between words where they would pass `width`; a word that is longer stays whole.
pub(crate) fn wrapped(text: &str, width: Option<usize>) -> String {
    let Some(width) = width.filter(|width| *width >= NARROWEST) else { return text.to_owned() };
    let mut lines = Vec::new();
    for line in text.lines() {
        if length(line) <= width {
            lines.push(line.to_owned());
            continue;
        }
        // What is indented goes on below its own beginning.
        let indent = " ".repeat((length(line) - length(line.trim_start())).min(width / 2));
        let mut now = indent.clone();
        for word in line.split_whitespace() {
            let begun = now.len() > indent.len();
            if begun && length(&now) + 1 + length(word) > width {
                lines.push(std::mem::replace(&mut now, indent.clone()));
            } else if begun {
                now.push(' ');
            }
            now.push_str(word);
        }
        lines.push(now);
    }
    lines.join("\n")
}

/// Width on screen: names and addresses are one column a character.
fn length(text: &str) -> usize {
    text.chars().count()
}
