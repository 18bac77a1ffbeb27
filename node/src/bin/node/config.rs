//! `node config`: what the node is told, all sources taken together.

use atoll_node::{
    cli::{ConfigArgs, GlobalArgs, Role, settings::effective},
    config::Config,
};
use clap::Subcommand;

use crate::{failure::Failure, session::Session};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigAction {
    /// Show the configuration in effect, as TOML that --config reads
    #[command(after_help = EXAMPLES)]
    Show(Box<ConfigArgs>),
}

const EXAMPLES: &str = "\
Shows what the running node was told. With none running, or with options of a run, shows what a node started like that
would be told: options, then environment, then file, then defaults.

Examples:
  node config show
  node config show --config atoll.toml --no-mdns
  node config show > atoll.toml";

pub(crate) async fn run(action: ConfigAction, global: &GlobalArgs, session: &Session) -> Result<(), Failure> {
    let ConfigAction::Show(args) = action;
    let hypothetical = || Ok::<_, Failure>((effective(&args, global, Role::Member)?, "of a node started like this"));
    let (config, whose): (Config, _) = if args.given().is_some() {
        hypothetical()?
    } else {
        match session.client.get("/v1/config").await {
            Ok(config) => (config, "of the running node"),
            Err(Failure::NoNode { .. }) => hypothetical()?,
            Err(other) => return Err(other),
        }
    };
    if session.out.is_json() {
        return session.out.json(&config);
    }
    let text = toml::to_string(&config).map_err(|e| Failure::Unprintable(e.to_string()))?;
    session.out.text(&format!("# The configuration {whose}.\n{text}"))
}
