//! `node share`: tickets, which let in who shows them.

use std::{
    path::{self, Path},
    time::Duration,
};

use atoll_node::control::api::{IssuedTicket, RevokeRequest, ShareRequest, TicketReply, TicketRequest, TunnelsReport};
use atoll_protocol::ticket::{Opens, TicketId};
use clap::{ArgGroup, Args};

use crate::{failure::Failure, session::Session, table::Table, units::moment};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("asked").required(true).args(["what", "list", "revoke"]))]
pub(crate) struct ShareArgs {
    /// What this node exposes, or a file or folder: what has a slash in it, or is no name of what is exposed, is a path
    #[arg(value_name = "NAME|PATH")]
    pub(crate) what: Option<String>,
    /// How long the ticket is good, such as 30m, 24h or 7d; a year at most
    #[arg(long = "for", value_name = "TIME", value_parser = life, default_value = "24h", conflicts_with_all = ["list", "revoke"])]
    pub(crate) life: Duration,
    /// Let those who have the ticket put files into the folder, so much in all
    #[arg(long, value_name = "SIZE", value_parser = crate::values::size, num_args = 0..=1, default_missing_value = "1GiB", conflicts_with_all = ["list", "revoke"])]
    pub(crate) upload: Option<u64>,
    /// List the tickets that are good now
    #[arg(long)]
    pub(crate) list: bool,
    /// Let nobody in with this ticket any more, and break the connections that were opened with it
    #[arg(long, value_name = "ID")]
    pub(crate) revoke: Option<TicketId>,
}

const EXAMPLES: &str = "\
Whoever has the ticket may use the application, or fetch the files, until its time is over, from any node of the network: give it to \
those who are to, and to nobody else. It is one word; `node open` takes it, and for files `node get`. Files are shared as they are then, \
also after the node was started anew; links are not followed, and nothing outside of the folder is shown.

Examples:
  node share photos --for 24h
  node share ./holiday --for 7d
  node share report.pdf
  node share ./inbox --upload 2GiB
      others may put files there, and nobody may change one
  node share photos --for 7d --output json | jq -r .ticket
  node share --list
  node share --revoke 9f86d081884c7d65";

pub(crate) async fn run(args: ShareArgs, session: &Session) -> Result<(), Failure> {
    if args.list {
        let tickets: Vec<IssuedTicket> = session.client.get("/v1/tickets").await?;
        return session.out.list(&tickets, "no ticket of this node is good now", table);
    }
    if let Some(id) = args.revoke {
        let request = RevokeRequest { id };
        let revoked: IssuedTicket = session.client.post("/v1/tickets/revoke", &request, None).await?;
        return session
            .out
            .value(&revoked, |revoked| format!("the ticket for {} lets nobody in any more", revoked.service));
    }
    let Some(what) = args.what else { return Err(Failure::Usage("nothing is named that is to be shared".to_owned())) };
    let for_secs = args.life.as_secs();
    let reply: TicketReply = if is_path(&what, session).await? {
        let path = path::absolute(&what).map_err(|e| Failure::Usage(format!("{what:?} is no path: {e}")))?;
        let request = ShareRequest { path, for_secs, upload_bytes: args.upload };
        session.client.post("/v1/shares", &request, None).await?
    } else if args.upload.is_some() {
        return Err(Failure::Usage(
            "--upload is for folders; leave it out, or write the folder with a slash".to_owned(),
        ));
    } else {
        session.client.post("/v1/tickets", &TicketRequest { service: what, for_secs }, None).await?
    };
    session.out.value(&reply, said)
}

fn said(reply: &TicketReply) -> String {
    let TicketReply { ticket, issued } = reply;
    let how = if issued.opens == Opens::Files { "node get TICKET, or node open TICKET" } else { "node open TICKET" };
    let until = moment(issued.expires.0);
    format!(
        "{ticket}\n\nGood until {until}. Whoever has it runs: {how}\nTo take it back: node share --revoke {}",
        issued.id
    )
}

/// Whether a path is meant: anything with a slash in it, and what is no name of something that is exposed but is there.
async fn is_path(what: &str, session: &Session) -> Result<bool, Failure> {
    if what.contains('/') || what == "." || what == ".." {
        return Ok(true);
    }
    let report: TunnelsReport = session.client.get("/v1/tunnels").await?;
    Ok(report.exposed.iter().all(|app| app.name.as_str() != what) && Path::new(what).exists())
}

fn table(tickets: &[IssuedTicket]) -> Table {
    let mut table = Table::new(["TICKET", "SERVICE", "OPENS", "ISSUED", "GOOD UNTIL"]);
    for ticket in tickets {
        let opens = match ticket.opens {
            Opens::Http => "http",
            Opens::Tcp => "tcp",
            Opens::Files => "files",
        };
        table.row([
            ticket.id.to_string(),
            ticket.service.to_string(),
            opens.to_owned(),
            moment(ticket.issued.0),
            moment(ticket.expires.0),
        ]);
    }
    table
}

fn life(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(life) if life >= Duration::from_secs(1) => Ok(life),
        _ => Err("it takes a time of at least a second, such as 30m, 24h or 7d".to_owned()),
    }
}
