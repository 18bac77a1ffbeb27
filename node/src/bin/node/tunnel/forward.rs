//! `node forward` and `node open`: a port of this machine that leads to an application elsewhere.

use atoll_node::{
    control::api::{ForwardRequest, TunnelEvent},
    tunnel::LocalAddress,
};
use atoll_protocol::{identity::NodeId, names::ServiceQuery, ticket::TicketWord};
use clap::Args;

use super::held::hold;
use crate::{failure::Failure, session::Session};

#[derive(Debug, Args)]
#[command(after_help = FORWARD)]
pub(crate) struct ForwardArgs {
    /// The service, optionally with the versions that will do: photos, photos@1
    #[arg(value_name = "NAME[@VERSION]")]
    pub(crate) service: ServiceQuery,
    /// Where to take connections: a port of the loopback address, or an address and a port; 0 takes one that is free
    #[arg(value_name = "LOCAL", default_value = "0")]
    pub(crate) local: LocalAddress,
    /// Use the application on this node and no other
    #[arg(long, value_name = "NODE")]
    pub(crate) node: Option<NodeId>,
    /// Leave it to the node: it is forwarded for as long as that runs, and after a restart, until it is taken away
    #[arg(long)]
    pub(crate) keep: bool,
}

const FORWARD: &str = "\
As `ssh -L` does. If several nodes offer the service, each connection goes to the one with the least to do. Only this machine can use \
the port, unless LOCAL names an address that others reach. Ctrl-C ends it, or with --keep `node tunnel remove PORT`.

Examples:
  node forward photos 8080
      then open http://127.0.0.1:8080/
  node forward desktop 2222 --node 12D3Koo…
      then ssh -p 2222 localhost
  node forward wiki 0.0.0.0:8080 --keep
      for everybody who reaches this machine";

#[derive(Debug, Args)]
#[command(after_help = OPEN)]
pub(crate) struct OpenArgs {
    /// The ticket, as `node share` has printed it
    #[arg(value_name = "TICKET")]
    pub(crate) ticket: TicketWord,
    /// Where to take connections: a port of the loopback address, or an address and a port; 0 takes one that is free
    #[arg(value_name = "LOCAL", default_value = "0")]
    pub(crate) local: LocalAddress,
    /// Leave it to the node: it is forwarded for as long as that runs, and after a restart, until it is taken away
    #[arg(long)]
    pub(crate) keep: bool,
}

const OPEN: &str = "\
The ticket says where the node is that has issued it. Ctrl-C ends it, or with --keep `node tunnel remove PORT`.

Examples:
  node open atoll:2Ks9…
      prints the address to open in a browser
  node open atoll:2Ks9… 8080";

pub(crate) async fn run(args: ForwardArgs, session: &Session) -> Result<(), Failure> {
    let ForwardArgs { service, local, node, keep } = args;
    let request =
        ForwardRequest { service: Some(service.to_string()), peer: node, ticket: None, local: Some(local), keep };
    hold(session, "/v1/tunnels/forward", &request, keep, |event| said(event, keep)).await
}

pub(crate) async fn open(args: OpenArgs, session: &Session) -> Result<(), Failure> {
    let OpenArgs { ticket, local, keep } = args;
    let request = ForwardRequest { service: None, peer: None, ticket: Some(ticket), local: Some(local), keep };
    hold(session, "/v1/tunnels/forward", &request, keep, |event| said(event, keep)).await
}

fn said(event: &TunnelEvent, keep: bool) -> String {
    let TunnelEvent::Forwarded { port, .. } = event else { return String::new() };
    let here = port.url.clone().unwrap_or_else(|| port.local.to_string());
    let until = if keep { "node tunnel remove ends it" } else { "Ctrl-C ends it" };
    format!("{here} leads to {}; {until}", port.service)
}
