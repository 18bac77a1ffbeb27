//! The command line of `node`: what there is, and what it is for.

use std::ffi::OsString;

use atoll_node::cli::{Output, RunArgs, text::program};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind};
use clap_complete::Shell;

use crate::{
    bench::BenchAction,
    call::CallArgs,
    config::ConfigAction,
    identity::IdentityAction,
    network::NetworkQuery,
    publish::PublishArgs,
    reputation::ReputationArgs,
    service::ServiceQuery,
    subscribe::SubscribeArgs,
    topic::TopicQuery,
    tunnel::{
        TunnelQuery,
        expose::ExposeArgs,
        forward::{ForwardArgs, OpenArgs},
        get::GetArgs,
        share::ShareArgs,
    },
};

/// Your node of an Atoll network: runs it, and asks it.
///
/// Nodes find each other and offer each other services, without a server in the middle. `node --peer` runs a node; the
/// commands ask the node that runs in the same data directory.
#[derive(Debug, Parser)]
#[command(name = "node", version, max_term_width = 100, after_help = EXAMPLES, subcommand_help_heading = "Commands")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  node --peer
      run a node of the network main, and find others by itself
  node --peer /ip4/192.0.2.7/udp/4077/quic-v1/p2p/12D3Koo…
      run a node that joins through this one
  node network services
      list the services it knows (in a second terminal)
  node service search adds numbers
      look for a service by what it does
  node service describe system
      show what a service can be asked
  node call system ping
      ask it
  node subscribe rooms/lobby
      print what is published there
  node publish rooms/lobby 'ahoy'
      publish something there (in a third terminal)
  node expose photos --http 3000
      let others use the web application on port 3000
  node forward photos 8080
      use it, on another node: http://127.0.0.1:8080/

Exit codes: 0 ok, 1 the call or the request failed, 2 the command line is wrong, 3 no node is running.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Look at the network: nodes, services, routes, connections
    Network {
        #[command(subcommand)]
        query: NetworkQuery,
    },
    /// Look at services: search, describe and watch them
    Service {
        #[command(subcommand)]
        query: ServiceQuery,
    },
    /// Call a method of a service and print its answer
    Call(Box<CallArgs>),
    /// Publish a message on a topic, or each line of stdin
    Publish(Box<PublishArgs>),
    /// Print what is published on a topic, or on all that fit a pattern
    Subscribe(Box<SubscribeArgs>),
    /// Look at topics, and decide about those that this node owns
    Topic {
        #[command(subcommand)]
        query: TopicQuery,
    },
    /// Expose an application of this machine: others find it by name and use it
    Expose(Box<ExposeArgs>),
    /// Forward a port of this machine to an application that somebody exposes
    Forward(Box<ForwardArgs>),
    /// Give others a ticket for what this node exposes or for files, and take it back
    Share(Box<ShareArgs>),
    /// Open what somebody has given you a ticket for
    Open(Box<OpenArgs>),
    /// Fetch the files that somebody has given you a ticket for
    Get(Box<GetArgs>),
    /// Look at what is exposed and forwarded here, and take it away
    Tunnel {
        #[command(subcommand)]
        query: TunnelQuery,
    },
    /// Measure calls and streams to nodes that run with --bench, and how fast this node publishes
    Bench {
        #[command(subcommand)]
        action: BenchAction,
    },
    /// How far this node trusts others, and why
    Reputation(ReputationArgs),
    /// Find out how this node is reached, and what can be done about it
    #[command(after_help = DOCTOR)]
    Doctor,
    /// Who this node is, and certificates for its services
    Identity {
        #[command(subcommand)]
        action: IdentityAction,
    },
    /// What this node is told
    Config {
        #[command(subcommand)]
        action: ConfigAction,
    },
    /// Print a script that lets your shell complete commands and options
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// The shell
        #[arg(value_name = "SHELL", value_enum)]
        shell: Shell,
    },
}

const DOCTOR: &str = "\
Looks at whether strangers can dial this node, what NAT it is behind, port mapping, relays, hole punching, IPv6 and the clock, \
and says what can be done about each.

Examples:
  node doctor
  node doctor --output json";

const COMPLETIONS: &str = "\
Examples:
  node completions bash > ~/.local/share/bash-completion/completions/node
  node completions zsh > ~/.zfunc/_node
  node completions fish > ~/.config/fish/completions/node.fish";

/// Reads the command line. What clap cannot express is checked here, in clap's own words.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let args: Vec<OsString> = args.into_iter().collect();
    let mut command = command();
    let silent = args.len() <= 1;
    let cli = Cli::from_arg_matches(&command.try_get_matches_from_mut(args)?)?;
    if let (Some(asked), Output::Dot) = (&cli.command, cli.run.global.output)
        && !matches!(asked, Command::Network { query: NetworkQuery::Graph { .. } })
    {
        let said = "--output dot is for `network graph` alone; use --output json or --output table here";
        return Err(command.error(ErrorKind::InvalidValue, said));
    }
    match (&cli.command, cli.run.config.given()) {
        (Some(Command::Config { .. }), Some(option)) => Err(command.error(
            ErrorKind::ArgumentConflict,
            format!("{option} stands before the command; write it behind, as in `config show {option} …`"),
        )),
        (Some(_), Some(option)) => Err(command.error(
            ErrorKind::ArgumentConflict,
            format!("{option} is for running a node; leave it out to ask the node that runs"),
        )),
        (None, Some(option)) if cli.run.config.peer.is_none() => {
            Err(command.error(ErrorKind::MissingRequiredArgument, format!("{option} needs --peer, which runs a node")))
        }
        (None, None) if !silent => Err(command.error(
            ErrorKind::MissingSubcommand,
            "neither --peer, which runs a node, nor a command that asks one is given",
        )),
        _ => Ok(cli),
    }
}

/// The command line, with the examples naming the program as it is called here.
pub(crate) fn command() -> clap::Command {
    let name = program();
    let usage = format!(
        "{name} --peer [ADDR]... [OPTIONS]    run a node\n       {name} COMMAND [OPTIONS]            ask the node that runs"
    );
    renamed(Cli::command(), &name).override_usage(usage)
}

fn renamed(command: clap::Command, name: &str) -> clap::Command {
    let command = match command.get_after_help().map(ToString::to_string) {
        Some(help) if name != "node" => command.after_help(rename_examples(&help, name)),
        _ => command,
    };
    command.mut_subcommands(|sub| renamed(sub, name))
}

/// Examples are the indented lines that begin with the program's name, also behind a pipe.
fn rename_examples(help: &str, name: &str) -> String {
    let rename = |line: &str| match line.strip_prefix("  ") {
        Some(example) => {
            let example = example.strip_prefix("node ").map_or(example.to_owned(), |rest| format!("{name} {rest}"));
            format!("  {}", example.replace("| node ", &format!("| {name} ")))
        }
        None => line.to_owned(),
    };
    help.lines().map(rename).collect::<Vec<_>>().join("\n")
}

/// What someone reads who typed only the program's name.
pub(crate) fn first_steps() -> String {
    let name = program();
    format!(
        "Atoll: an open network for services. This program is your node of it.\n\n\
         Try first:\n\
         \x20 {name} --peer              run a node and join the network; Ctrl-C stops it\n\
         \x20 {name} network services    in a second terminal: list the services it knows\n\n\
         Everything else: {name} --help"
    )
}

#[cfg(test)]
mod tests;
