//! `node doctor`: how this node is reached, and what can be done about it.

use atoll_node::control::api::{DoctorReport, Finding, Health};

use crate::{failure::Failure, session::Session, table::Table};

pub(crate) async fn run(session: &Session) -> Result<(), Failure> {
    let report: DoctorReport = session.client.get("/v1/doctor").await?;
    session.out.value(&report, page)
}

/// A line for each finding, what to do about it below.
fn page(report: &DoctorReport) -> String {
    let mut table = Table::default();
    for Finding { subject, health, says, advice } in &report.findings {
        table.row([mark(*health).to_owned(), subject.clone(), says.clone()]);
        if let Some(advice) = advice {
            table.blank_row([String::new(), String::new(), format!("→ {advice}")]);
        }
    }
    if let Some(relaying) = &report.relaying {
        let says = format!(
            "{} reservations, {} circuits now; {} circuits and {} bytes since the start",
            relaying.reservations, relaying.circuits, relaying.circuits_total, relaying.bytes_total
        );
        table.row([mark(Health::Good).to_owned(), "relaying".to_owned(), says]);
    }
    table.render(None)
}

const fn mark(health: Health) -> &'static str {
    match health {
        Health::Good => "ok",
        Health::Fair => "could be better",
        Health::Bad => "PROBLEM",
        Health::Unknown => "not known",
    }
}
