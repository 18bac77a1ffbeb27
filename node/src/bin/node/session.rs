//! What every command needs: the node to ask, and where to print.

use std::{
    env,
    io::{self, IsTerminal, Write},
    path::PathBuf,
};

use atoll_node::cli::{
    GlobalArgs, Output, Role,
    text::{printable_json, shell_word},
};
use atoll_protocol::names::NetworkName;
use serde::Serialize;

use crate::{client::Client, failure::Failure, table::Table};

/// Where the data directory is, unless an option says so.
const DATA_DIR: &str = "ATOLL_DATA_DIR";

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
    /// The options that lead to the node, as they would have to be typed again; with a blank before each.
    pub(crate) options: String,
}

impl Session {
    pub(crate) fn new(global: &GlobalArgs) -> Result<Self, Failure> {
        let data_dir = global.place(Role::Member)?;
        let client = Client::new(&data_dir, global);
        let (out, options) = (Out::new(global.output), options(global));
        Ok(Self { client, out, data_dir, network: global.network(), options })
    }
}

fn options(global: &GlobalArgs) -> String {
    let mut options = String::new();
    // What is in the environment is there for the next command as well.
    let given = |dir: &&PathBuf| env::var_os(DATA_DIR).is_none_or(|set| set != dir.as_os_str());
    if let Some(dir) = global.data_dir.as_ref().filter(given) {
        options.push_str(&format!(" --data-dir {}", shell_word(&dir.to_string_lossy())));
    }
    if let Some(network) = &global.network {
        options.push_str(&format!(" --network {network}"));
    }
    options
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

    /// Whether Graphviz reads it.
    pub(crate) fn is_dot(&self) -> bool {
        self.output == Output::Dot
    }

    /// How wide the terminal is, if it is one.
    pub(crate) fn width(&self) -> Option<usize> {
        self.width
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
        self.text(&json_line(value)?)
    }

    /// Prints text, and ends the line.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush()).map_err(Failure::Output)
    }
}

/// `value` as one line of JSON that can be printed.
pub(crate) fn json_line<T: Serialize>(value: &T) -> Result<String, Failure> {
    let line = serde_json::to_string(value).map_err(|e| Failure::Unprintable(e.to_string()))?;
    Ok(printable_json(&line).into_owned())
}
