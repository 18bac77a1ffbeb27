//! `node tunnel`: what is exposed and forwarded here; and the commands by which that comes about.

pub(crate) mod expose;
pub(crate) mod forward;
pub(crate) mod get;
mod held;
pub(crate) mod share;
#[cfg(test)]
mod tests;

use atoll_node::control::api::{ExposedApp, ForwardedPort, Origin, RemoveRequest, TunnelsReport};
use clap::Subcommand;

use crate::{
    failure::Failure,
    session::Session,
    table::Table,
    units::{count, size},
};

#[derive(Debug, Subcommand)]
pub(crate) enum TunnelQuery {
    /// List what this node exposes, and the ports that it forwards
    #[command(after_help = LIST)]
    List,
    /// Take away what is exposed under a name, or forwarded on a port, and forget it
    #[command(after_help = REMOVE)]
    Remove {
        /// The name, or the port, or the address and the port
        #[arg(value_name = "NAME|PORT")]
        what: String,
    },
}

const LIST: &str = "\
WHO is everybody, listed (--allow) or by ticket (--private). SINCE is session (as long as the command runs that has asked for it), \
kept (--keep) or config (the configuration says so). OPEN counts the connections that are open, ALL those that were; IN and OUT are \
bytes to and from the application.

Examples:
  node tunnel list
  node tunnel list --output json";

const REMOVE: &str = "\
Connections that are open are broken. What stands in the configuration is taken out there.

Examples:
  node tunnel remove photos
  node tunnel remove 8080";

pub(crate) async fn run(query: TunnelQuery, session: &Session) -> Result<(), Failure> {
    match query {
        TunnelQuery::List => {
            let report: TunnelsReport = session.client.get("/v1/tunnels").await?;
            session.out.value(&report, |report| page(report, session.out.width()))
        }
        TunnelQuery::Remove { what } => {
            let request = RemoveRequest { what };
            session.client.post::<()>("/v1/tunnels/remove", &request, None).await?;
            session.out.value(&serde_json::Value::Null, |_| format!("{} is taken away", request.what))
        }
    }
}

fn page(report: &TunnelsReport, width: Option<usize>) -> String {
    let mut parts = Vec::new();
    if !report.exposed.is_empty() {
        parts.push(exposed(&report.exposed).render(width));
    }
    if !report.forwarded.is_empty() {
        parts.push(forwarded(&report.forwarded).render(width));
    }
    if parts.is_empty() {
        return "nothing is exposed or forwarded; node expose and node forward do that".to_owned();
    }
    parts.join("\n\n")
}

fn exposed(apps: &[ExposedApp]) -> Table {
    let mut table = Table::new(["EXPOSED", "APPLICATION", "WHO", "SINCE", "OPEN", "ALL", "IN", "OUT"]);
    for app in apps {
        let kind = if app.protocol == atoll_protocol::service::Protocol::Http { "http" } else { "tcp" };
        table.row([
            app.name.to_string(),
            format!("{kind} {}", app.target),
            who(app),
            origin(app.origin).to_owned(),
            app.connections.to_string(),
            app.connections_total.to_string(),
            size(app.bytes_in),
            size(app.bytes_out),
        ]);
    }
    table
}

fn forwarded(ports: &[ForwardedPort]) -> Table {
    let mut table = Table::new(["PORT", "SERVICE", "NODE", "SINCE", "OPEN", "ALL", "IN", "OUT"]);
    for port in ports {
        table.row([
            port.local.to_string(),
            port.service.clone(),
            port.peer.map(|peer| peer.short()).unwrap_or_default(),
            origin(port.origin).to_owned(),
            port.connections.to_string(),
            port.connections_total.to_string(),
            size(port.bytes_out),
            size(port.bytes_in),
        ]);
    }
    table
}

/// Who may use an application, in a word or two.
pub(super) fn who(app: &ExposedApp) -> String {
    match (app.private, app.allow.len()) {
        (false, 0) => "everybody".to_owned(),
        (true, 0) => "by ticket".to_owned(),
        (false, nodes) => count(nodes, "node", "nodes"),
        (true, nodes) => format!("{}, private", count(nodes, "node", "nodes")),
    }
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Session => "session",
        Origin::Kept => "kept",
        Origin::Config => "config",
    }
}
