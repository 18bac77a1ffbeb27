//! What was measured, and what it must reach.

use std::fmt::Write;

/// One figure.
#[derive(Debug)]
pub(crate) struct Figure {
    name: &'static str,
    value: f64,
    least: Option<f64>,
    most: Option<f64>,
}

impl Figure {
    /// One that has no target.
    pub(crate) fn told(name: &'static str, value: f64) -> Self {
        Self { name, value, least: None, most: None }
    }

    /// One that must be so much.
    pub(crate) fn at_least(name: &'static str, value: f64, least: f64) -> Self {
        Self { name, value, least: Some(least), most: None }
    }

    /// One that must not be more.
    pub(crate) fn at_most(name: &'static str, value: f64, most: f64) -> Self {
        Self { name, value, least: None, most: Some(most) }
    }

    pub(crate) fn ok(&self) -> bool {
        self.least.is_none_or(|least| self.value >= least) && self.most.is_none_or(|most| self.value <= most)
    }

    fn target(&self) -> String {
        let least = self.least.map(|least| format!("≥ {least}"));
        least.or(self.most.map(|most| format!("≤ {most}"))).unwrap_or_default()
    }
}

/// The figures in columns.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut text = format!("{:66} {:>12}  {:10} {}\n", "FIGURE", "VALUE", "TARGET", "REACHED");
    for figure in figures {
        let value = if figure.value < 10.0 { format!("{:.2}", figure.value) } else { format!("{:.0}", figure.value) };
        let target = figure.target();
        let reached = if target.is_empty() {
            ""
        } else if figure.ok() {
            "yes"
        } else {
            "NO"
        };
        // Writing into a string does not fail.
        let _ = writeln!(text, "{:66} {value:>12}  {target:10} {reached}", figure.name);
    }
    text
}
