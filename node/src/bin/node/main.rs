//! `node`: runs a node, and asks a running one.
//!
//! Everything but `node --peer` is a thin client of the control socket in the node's data directory; one file per
//! command. Nothing in here decides anything: it parses, asks and prints.

mod bench;
mod call;
mod client;
mod commands;
mod completions;
mod config;
mod describe;
mod doctor;
mod dot;
mod failure;
mod identity;
mod network;
mod progress;
mod publish;
mod reputation;
mod request;
mod search;
mod service;
mod session;
mod subscribe;
mod table;
mod topic;
mod tree;
mod tunnel;
mod units;
mod values;
mod watch;

use std::process::ExitCode;

use atoll_node::cli::{self, Role, text::complain};

use crate::{
    commands::{Cli, Command},
    failure::Failure,
    session::{Out, Session},
};

fn main() -> ExitCode {
    let cli = match commands::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let out = Out::new(cli.run.global.output);
    cli::execute(async {
        match dispatch(cli).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                if let (Some(object), true) = (failure.object(), out.is_json()) {
                    // Whether or not it can be printed, the exit code and stderr say the same.
                    let _ = out.json(&object);
                }
                if let Some(words) = failure.words() {
                    complain(&words);
                }
                ExitCode::from(failure.exit_code())
            }
        }
    })
}

async fn dispatch(cli: Cli) -> Result<(), Failure> {
    let Some(command) = cli.command else {
        return if cli.run.config.peer.is_some() {
            Ok(cli::run(cli.run, Role::Member).await?)
        } else {
            Session::new(&cli.run.global)?.out.text(&commands::first_steps())
        };
    };
    if let Command::Completions { shell } = command {
        return completions::print(shell);
    }
    let session = Session::new(&cli.run.global)?;
    match command {
        Command::Network { query } => network::run(query, &session).await,
        Command::Service { query } => service::run(query, &session).await,
        Command::Call(args) => call::run(*args, &session).await,
        Command::Publish(args) => publish::run(*args, &session).await,
        Command::Subscribe(args) => subscribe::run(*args, &session).await,
        Command::Topic { query } => topic::run(query, &session).await,
        Command::Expose(args) => tunnel::expose::run(*args, &session).await,
        Command::Forward(args) => tunnel::forward::run(*args, &session).await,
        Command::Share(args) => tunnel::share::run(*args, &session).await,
        Command::Open(args) => tunnel::forward::open(*args, &session).await,
        Command::Get(args) => tunnel::get::run(*args, &session).await,
        Command::Tunnel { query } => tunnel::run(query, &session).await,
        Command::Bench { action } => bench::run(action, &session).await,
        Command::Reputation(args) => reputation::run(args, &session).await,
        Command::Doctor => doctor::run(&session).await,
        Command::Identity { action } => identity::run(action, &session).await,
        Command::Config { action } => config::run(action, &cli.run.global, &session).await,
        Command::Completions { .. } => Ok(()),
    }
}
