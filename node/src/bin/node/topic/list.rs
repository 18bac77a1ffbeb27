//! Topics as a table.

use atoll_node::control::api::TopicRow;

use crate::{
    network::some,
    table::Table,
    units::{ago, size, thousands},
};

pub(super) fn table(rows: &[TopicRow]) -> Table {
    let mut table = Table::new(["TOPIC", "AUTHORS", "MESSAGES", "SIZE", "LAST", "HERE", "OWNER", "KEEPERS"]);
    for row in rows {
        table.row([
            row.topic.to_string(),
            row.authors.to_string(),
            thousands(row.messages),
            size(row.bytes),
            row.last_at_unix_ms.map(ago).unwrap_or_default(),
            here(row),
            owner(row),
            some(row.keepers.iter().map(|keeper| keeper.short())),
        ]);
    }
    table
}

/// What the topic is to this node.
pub(super) fn here(row: &TopicRow) -> String {
    let all = [(row.subscribed, "subscribed"), (row.published, "published"), (row.kept, "kept")];
    all.into_iter().filter_map(|(is, word)| is.then_some(word)).collect::<Vec<_>>().join(", ")
}

fn owner(row: &TopicRow) -> String {
    match row.owner {
        Some(_) if row.owned => "this node".to_owned(),
        Some(owner) => owner.short(),
        None => String::new(),
    }
}
