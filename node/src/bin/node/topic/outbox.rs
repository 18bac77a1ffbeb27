//! What is not kept elsewhere yet, as a page to read.

use atoll_node::control::api::{OutboxKeeper, OutboxReport, OutboxRow};

use super::describe::path;
use crate::{
    table::{Table, wrapped},
    units::{count, precise_moment, rtt, thousands},
};

pub(super) fn page(report: &OutboxReport, width: Option<usize>) -> String {
    if !report.published {
        return "this node has published nothing".to_owned();
    }
    let words = wrapped(&in_words(report), width);
    if report.pending.is_empty() {
        return words;
    }
    format!("{words}\n\n{}", table(&report.pending).render(None))
}

fn in_words(report: &OutboxReport) -> String {
    let (wanted, known) = (report.keepers_wanted, report.keepers_known);
    let keepers = |number| count(number, "keeper", "keepers");
    if report.pending.is_empty() {
        return format!("everything that this node has published is kept by {}", keepers(wanted));
    }
    if known == 0 && report.pending.iter().all(|row| row.keepers.is_empty()) {
        return format!(
            "no keepers are known: what this node has published is with itself and with those who have subscribed. Nodes keep topics \
             that run with --keep; {wanted} are wanted for each topic"
        );
    }
    if report.pending.iter().all(is_with_all) {
        return format!(
            "everything that this node has published is kept by all keepers that are known, {known}; {wanted} are wanted for each topic"
        );
    }
    format!(
        "not everything that this node has published is with {} yet; {} known",
        keepers(wanted),
        if known == 1 { "1 is".to_owned() } else { format!("{known} are") }
    )
}

/// Whether there is nobody who could keep more of it.
fn is_with_all(row: &OutboxRow) -> bool {
    !row.keepers.is_empty() && row.keepers.iter().all(|keeper| keeper.kept_to_seq >= Some(row.to_seq))
}

fn table(rows: &[OutboxRow]) -> Table {
    let mut table = Table::new(["TOPIC", "EPOCH", "POSITIONS", "WAITED_FOR", "KEEPER", "PATH", "RTT_MS", "HAS"]);
    for row in rows {
        let positions = match row.from_seq == row.to_seq {
            true => row.to_seq.to_string(),
            false => format!("{} to {}", row.from_seq, row.to_seq),
        };
        let mut cells = [row.topic.to_string(), precise_moment(row.epoch.0), positions, waited_for(row.waiting)];
        if row.keepers.is_empty() {
            let [topic, epoch, positions, waiting] = cells;
            table.row([
                topic,
                epoch,
                positions,
                waiting,
                "none known".to_owned(),
                String::new(),
                String::new(),
                String::new(),
            ]);
            continue;
        }
        for keeper in &row.keepers {
            let [topic, epoch, positions, waiting] = cells;
            let [node, way, round_trip, has] = of(keeper);
            table.blank_row([topic, epoch, positions, waiting, node, way, round_trip, has]);
            cells = [const { String::new() }; 4];
        }
    }
    table
}

fn waited_for(waiting: u64) -> String {
    if waiting == 0 { "-".to_owned() } else { thousands(waiting) }
}

fn of(keeper: &OutboxKeeper) -> [String; 4] {
    let has = match (keeper.kept_from_seq, keeper.kept_to_seq) {
        (Some(from), Some(to)) if from == to => to.to_string(),
        (Some(from), Some(to)) => format!("{from} to {to}"),
        _ => "nothing yet".to_owned(),
    };
    [keeper.node.short(), path(keeper.path.as_deref()), rtt(keeper.rtt_ms), has]
}
