//! Plain aligned columns: no borders, sized to their content.

use atoll_node::cli::text::printable;

#[cfg(test)]
mod tests;

/// Rows of text under a header, or without one.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

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

/// Width on screen: names and addresses are one column a character.
fn length(text: &str) -> usize {
    text.chars().count()
}
