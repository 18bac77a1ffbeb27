//! `atoll-bootstrap`: a node that others join through, on a public host.
//!
//! A thin program: the options, the events and the exit codes are those of `node --peer`; only the role differs.

use std::process::ExitCode;

use atoll_node::cli::{self, Role, RunArgs, text::complain};
use clap::Parser;

/// Run a seed of an Atoll network: a node with a stable address that others join through.
#[derive(Debug, Parser)]
#[command(name = "atoll-bootstrap", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    run: RunArgs,
}

const EXAMPLES: &str = "\
A seed is not looked for on the local network unless its configuration says `net.mdns = true`.
It stops at SIGINT or SIGTERM within 2 s; a second signal stops it at once.

Examples:
  atoll-bootstrap
      the first seed of the network main: it prints the addresses that others join with
  atoll-bootstrap --network home --data-dir /var/lib/atoll --listen /ip4/0.0.0.0/udp/4077/quic-v1
      a seed of the network home, on one address
  atoll-bootstrap --peer /dns4/seed.example.org/udp/4077/quic-v1/p2p/12D3Koo…
      a further seed, joined to the first";

fn main() -> ExitCode {
    let args = Cli::parse();
    cli::execute(async {
        match cli::run(args.run, Role::Seed).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain(&format!("error: {error}"));
                ExitCode::from(error.exit_code())
            }
        }
    })
}
