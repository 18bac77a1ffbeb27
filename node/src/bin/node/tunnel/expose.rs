//! `node expose`: an application of this machine as a service that others find and use.

use atoll_node::{
    control::api::{ExposeRequest, TunnelEvent},
    tunnel::AppAddress,
};
use atoll_protocol::{identity::NodeId, names::ServiceName};
use clap::{ArgGroup, Args};

use super::{held::hold, who};
use crate::{failure::Failure, session::Session};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("application").required(true).args(["http", "tcp"]))]
pub(crate) struct ExposeArgs {
    /// The name under which others find it: photos, wiki.family
    #[arg(value_name = "NAME")]
    pub(crate) name: ServiceName,
    /// It is a web application, and listens there: 3000, 127.0.0.1:3000, nas.local:80
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<AppAddress>,
    /// It speaks something else over TCP, and listens there: 22, 192.168.1.9:5432
    #[arg(long, value_name = "ADDR")]
    pub(crate) tcp: Option<AppAddress>,
    /// Only this node may use it, and who has a ticket; may be given several times
    #[arg(long, value_name = "NODE")]
    pub(crate) allow: Vec<NodeId>,
    /// Tell the network nothing of it: only who has a ticket may use it, and nodes that are allowed
    #[arg(long)]
    pub(crate) private: bool,
    /// What it is for, for those who look for services
    #[arg(long, value_name = "TEXT")]
    pub(crate) doc: Option<String>,
    /// Leave it to the node: it is exposed for as long as that runs, and after a restart, until it is taken away
    #[arg(long)]
    pub(crate) keep: bool,
}

const EXAMPLES: &str = "\
Everybody in the network finds it, and may use it, unless --allow or --private says otherwise. It is there until Ctrl-C, or with \
--keep until `node tunnel remove NAME`. It may be started later: until then users are told that it does not answer.

Examples:
  node expose photos --http 3000
  node expose wiki --http 127.0.0.1:8080 --keep --doc 'What the family knows'
  node expose desktop --tcp 22 --allow 12D3Koo…
      for this node alone, which then runs: node forward desktop 2222, and ssh -p 2222 localhost
  node expose diary --http 4000 --private
  node share diary --for 24h
      for those who have the ticket that this prints
  node tunnel list
      what is exposed, and how much it is used";

pub(crate) async fn run(args: ExposeArgs, session: &Session) -> Result<(), Failure> {
    let ExposeArgs { name, http, tcp, allow, private, doc, keep } = args;
    let request =
        ExposeRequest { name: name.to_string(), http, tcp, allow: allow.into_iter().collect(), private, doc, keep };
    hold(session, "/v1/tunnels/expose", &request, keep, |event| said(event, keep)).await
}

fn said(event: &TunnelEvent, keep: bool) -> String {
    let TunnelEvent::Exposed { app, .. } = event else { return String::new() };
    let until = if keep { "node tunnel remove takes it away" } else { "Ctrl-C takes it away" };
    format!("{} leads to {}, for {}; {until}", app.name, app.target, reach(app))
}

fn reach(app: &atoll_node::control::api::ExposedApp) -> String {
    match (app.private, app.allow.len()) {
        (true, 0) => format!("who has a ticket (node share {})", app.name),
        _ => who(app),
    }
}
