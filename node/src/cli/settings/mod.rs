//! Options, configuration file and environment become one [`Config`].
//!
//! What is nearer to the person wins: an option, then (for the data directory and the bootstrap addresses) the
//! environment, then the file, then the default.

use std::{
    env, fs, path,
    path::{Path, PathBuf},
};

use atoll_protocol::names::NetworkName;
use directories::BaseDirs;
use libp2p::Multiaddr;

use super::{
    ConfigArgs, GlobalArgs, RunError,
    address::{check_peer, dial_address},
};
use crate::{
    cli::Role,
    config::{Config, GatewayConfig, WEBSOCKET_PORT},
};

#[cfg(test)]
mod tests;

/// The environment variable that names nodes to join through, separated by commas or spaces.
pub const BOOTSTRAP_VARIABLE: &str = "ATOLL_BOOTSTRAP";

/// The configuration that a node in this role would run with.
///
/// # Errors
/// [`RunError`] names the file or the variable, the value in it that is wrong, and what it should look like.
pub fn effective(config: &ConfigArgs, global: &GlobalArgs, role: Role) -> Result<Config, RunError> {
    let bootstrap = env::var_os(BOOTSTRAP_VARIABLE).map(|v| v.to_string_lossy().into_owned());
    patched(config, global, role, bootstrap.as_deref().unwrap_or_default())
}

/// As [`effective`], with the environment passed in.
fn patched(args: &ConfigArgs, global: &GlobalArgs, role: Role, environment: &str) -> Result<Config, RunError> {
    let mut config = base(args.config.as_deref(), role)?;
    if let Some(network) = &global.network {
        config.network = network.clone();
    }
    config.data_dir = Some(match (&global.data_dir, config.data_dir.take()) {
        (Some(dir), _) => absolute(dir)?,
        (None, Some(dir)) => absolute(&dir)?,
        (None, None) => default_data_dir(&config.network, role)?,
    });
    match args.peer.as_deref() {
        Some(peers @ [_, ..]) => config.bootstrap = peers.to_vec(),
        _ => add_new(&mut config.bootstrap, from_environment(environment)?),
    }
    if !args.listen.is_empty() {
        config.net.listen.clone_from(&args.listen);
        // Who says where to listen means there and nowhere else.
        config.net.websocket_port = None;
    }
    config.net.public_ranges = config.net.public_ranges.iter().chain(args.public_range.iter().copied()).collect();
    config.net.mdns &= !args.no_mdns;
    if !args.gateway.is_empty() {
        config.gateway.listen.clone_from(&args.gateway);
    }
    if args.no_gateway {
        config.gateway.listen.clear();
    }
    if let Some(file) = &args.gateway_token {
        (config.gateway.token, config.gateway.token_file) = (None, Some(absolute(file)?));
    }
    config.bench |= args.bench;
    config.topics.keep = args.keep.unwrap_or(config.topics.keep);
    if let Some(log) = &args.log {
        config.log.clone_from(log);
    }
    Ok(config)
}

/// The file, or the default of the role.
fn base(file: Option<&Path>, role: Role) -> Result<Config, RunError> {
    let mut config = file.map_or_else(|| Ok(Config::default()), Config::read)?;
    for address in &config.bootstrap {
        check_peer(address).map_err(|reason| RunError::Address {
            origin: format!("bootstrap of {}", file.unwrap_or(Path::new("")).display()),
            value: address.to_string(),
            reason,
        })?;
    }
    let says = |table, key| file.is_some_and(|file| sets(file, table, key));
    match role {
        // A node is somebody's door to the network; a seed is nobody's.
        Role::Member if !says("gateway", "listen") => config.gateway.listen = GatewayConfig::at_home(),
        Role::Member => {}
        Role::Seed => {
            config.net.mdns &= says("net", "mdns");
            if config.net.listen.is_empty() && !says("net", "websocket_port") {
                config.net.websocket_port = Some(WEBSOCKET_PORT);
            }
            config.net.relay |= !says("net", "relay");
        }
    }
    Ok(config)
}

/// Whether the file itself says something of this in that table, so that a role's default does not overrule it.
fn sets(file: &Path, table: &str, key: &str) -> bool {
    let all = fs::read_to_string(file).ok().and_then(|text| text.parse::<toml::Table>().ok());
    all.is_some_and(|all| all.get(table).is_some_and(|table| table.get(key).is_some()))
}

/// The addresses in [`BOOTSTRAP_VARIABLE`].
fn from_environment(text: &str) -> Result<Vec<Multiaddr>, RunError> {
    let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
    let parsed = words.map(|word| {
        dial_address(word).map_err(|reason| RunError::Address {
            origin: BOOTSTRAP_VARIABLE.to_owned(),
            value: word.to_owned(),
            reason,
        })
    });
    parsed.collect()
}

fn add_new(addresses: &mut Vec<Multiaddr>, more: Vec<Multiaddr>) {
    for address in more {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
}

impl GlobalArgs {
    /// The data directory of the node that is meant: the one given, or the default of the network given.
    ///
    /// # Errors
    /// [`RunError::NoHome`] where there is no default, [`RunError::DataDir`] for a path that cannot be completed.
    pub fn place(&self, role: Role) -> Result<PathBuf, RunError> {
        match &self.data_dir {
            Some(dir) => absolute(dir),
            None => default_data_dir(&self.network(), role),
        }
    }

    /// The network that is meant.
    #[must_use]
    pub fn network(&self) -> NetworkName {
        self.network.clone().unwrap_or_else(NetworkName::main)
    }
}

/// `…/atoll/<network>` in the user's data directory. A seed has one of its own beside it, so that a node and a seed can
/// run on one machine without being told where.
fn default_data_dir(network: &NetworkName, role: Role) -> Result<PathBuf, RunError> {
    let program = if role == Role::Seed { "atoll-bootstrap" } else { "atoll" };
    let dirs = BaseDirs::new().ok_or(RunError::NoHome)?;
    Ok(dirs.data_local_dir().join(program).join(network.as_str()))
}

fn absolute(dir: &Path) -> Result<PathBuf, RunError> {
    path::absolute(dir).map_err(|reason| RunError::DataDir { path: dir.to_owned(), reason })
}
