//! What every command needs: the node to ask, and where to print.

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
};

use atoll_node::cli::{GlobalArgs, Output, Role, text::printable_json};
use atoll_protocol::names::NetworkName;
use serde::Serialize;

use crate::{client::Client, failure::Failure, table::Table};

/// One run of one command.
pub(crate) struct Session {
    /// The node that is meant.
    pub(crate) client: Client,
    /// Where results go.
    pub(crate) out: Out,
    /// The node's data directory.
    pub(crate) data_dir: PathBuf,
    /// The network that was named, or the default.
    pub(crate) network: NetworkName,
}

impl Session {
    pub(crate) fn new(global: &GlobalArgs) -> Result<Self, Failure> {
        let data_dir = global.place(Role::Member)?;
        let client = Client::new(&data_dir, global);
        Ok(Self { client, out: Out::new(global.output), data_dir, network: global.network() })
    }
}

/// Standard output, in the form that was asked for.
pub(crate) struct Out {
    output: Output,
    width: Option<usize>,
}

impl Out {
    pub(crate) fn new(output: Output) -> Self {
        let width = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
        Self { output, width: width.filter(|_| io::stdout().is_terminal()) }
    }

    /// Whether programs read it.
    pub(crate) fn is_json(&self) -> bool {
        self.output == Output::Json
    }

    /// Prints `value` as one line of JSON, or what `page` makes of it.
    pub(crate) fn value<T: Serialize>(&self, value: &T, page: impl FnOnce(&T) -> String) -> Result<(), Failure> {
        if self.is_json() { self.json(value) } else { self.text(&page(value)) }
    }

    /// Prints `rows` as one line of JSON or as a table; no rows in words.
    pub(crate) fn list<T: Serialize>(
        &self,
        rows: &[T],
        none: &str,
        table: impl FnOnce(&[T]) -> Table,
    ) -> Result<(), Failure> {
        if self.is_json() {
            self.json(&rows)
        } else if rows.is_empty() {
            self.text(none)
        } else {
            self.text(&table(rows).render(self.width))
        }
    }

    /// Prints `value` as one line of JSON.
    pub(crate) fn json<T: Serialize>(&self, value: &T) -> Result<(), Failure> {
        let line = serde_json::to_string(value).map_err(|e| Failure::Unprintable(e.to_string()))?;
        self.text(&printable_json(&line))
    }

    /// Prints text, and ends the line.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush()).map_err(Failure::Output)
    }
}
