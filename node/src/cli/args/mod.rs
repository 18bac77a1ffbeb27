//! The options of the programs, as clap reads them.

use std::{net::SocketAddr, path::PathBuf};

use atoll_protocol::names::NetworkName;
use atoll_registry::topics::keepers::WEIGHT_MAX;
use clap::{Args, ValueEnum};
use libp2p::Multiaddr;
use tracing_subscriber::EnvFilter;

use super::address::{dial_address, listen_address};
use crate::config::PublicRange;

#[cfg(test)]
mod tests;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Output {
    /// For people: aligned columns, shortened ids.
    #[default]
    Table,
    /// For programs: JSON, one value a line, ids in full.
    Json,
    /// For Graphviz; only a graph can be printed like this.
    #[value(hide = true)]
    Dot,
}

/// Options that every command takes, before or after its name.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options for every command")]
pub struct GlobalArgs {
    /// Where the node keeps its identity and state; by default atoll/NETWORK in your own data directory (env:
    /// ATOLL_DATA_DIR)
    #[arg(long, global = true, value_name = "DIR", env = "ATOLL_DATA_DIR", hide_env = true)]
    pub data_dir: Option<PathBuf>,
    /// The network; nodes of different networks do not see each other [default: main]
    #[arg(long, global = true, value_name = "NAME")]
    pub network: Option<NetworkName>,
    /// Print tables for people (table), or JSON for programs, one value a line (json) [default: table]
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t)]
    #[arg(hide_possible_values = true, hide_default_value = true)]
    pub output: Output,
}

/// Options that patch the configuration of a node.
#[derive(Debug, Clone, PartialEq, Default, Args)]
#[command(next_help_heading = "Options to run with")]
pub struct ConfigArgs {
    /// Join through these nodes, and only these. Without an address: through the peers of the last run, the
    /// configuration's `bootstrap`, those in ATOLL_BOOTSTRAP, and whoever is on the local network
    #[arg(long, value_name = "ADDR", num_args = 0.., value_parser = dial_address)]
    pub peer: Option<Vec<Multiaddr>>,
    /// Listen here; may be given several times [default: QUIC and TCP on port 4077, IPv4 and IPv6]
    #[arg(long, value_name = "ADDR", value_parser = listen_address)]
    pub listen: Vec<Multiaddr>,
    /// Read the configuration from this TOML file; options win over it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Count these addresses as public, too, such as 10.0.0.0/8 in a network that has no other internet; may be given
    /// several times
    #[arg(long, value_name = "CIDR")]
    pub public_range: Vec<PublicRange>,
    /// Neither look for nodes on the local network nor be found there
    #[arg(long)]
    pub no_mdns: bool,
    /// Serve HTTP, for browsers and programs in any language, here instead of 127.0.0.1:4080; may be given several times. An
    /// address that other machines can reach needs --gateway-token
    #[arg(long, value_name = "ADDR", value_parser = gateway_address, conflicts_with = "no_gateway")]
    pub gateway: Vec<SocketAddr>,
    /// Ask everybody who uses the gateway for the token in this file; it is made if it is not there
    #[arg(long, value_name = "FILE")]
    pub gateway_token: Option<PathBuf>,
    /// Serve no HTTP
    #[arg(long)]
    pub no_gateway: bool,
    /// Offer the service `bench`, so that others can measure calls to this node (`node bench`)
    #[arg(long)]
    pub bench: bool,
    /// Keep others' topics, so that what is published there can be had while its publisher is away; WEIGHT is how much, in
    /// comparison with other keepers, from 1 to 16 [default: 1]
    #[arg(long, value_name = "WEIGHT", num_args = 0..=1, default_missing_value = "1", value_parser = weight)]
    pub keep: Option<u8>,
    /// What to log on stderr, such as debug or atoll_node=trace [default: warn,atoll_node=info]
    #[arg(long, value_name = "FILTER", value_parser = log_filter)]
    pub log: Option<String>,
}

impl ConfigArgs {
    /// The first of these options that was given, as one writes it.
    #[must_use]
    pub fn given(&self) -> Option<&'static str> {
        let given = [
            (self.peer.is_some(), "--peer"),
            (!self.listen.is_empty(), "--listen"),
            (self.config.is_some(), "--config"),
            (!self.public_range.is_empty(), "--public-range"),
            (self.no_mdns, "--no-mdns"),
            (!self.gateway.is_empty(), "--gateway"),
            (self.gateway_token.is_some(), "--gateway-token"),
            (self.no_gateway, "--no-gateway"),
            (self.bench, "--bench"),
            (self.keep.is_some(), "--keep"),
            (self.log.is_some(), "--log"),
        ];
        given.into_iter().find_map(|(is, name)| is.then_some(name))
    }
}

/// Everything that running a node takes.
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// What patches the configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What every command takes.
    #[command(flatten)]
    pub global: GlobalArgs,
}

/// A keeper's weight; 0 for none, whatever the file says.
fn weight(text: &str) -> Result<u8, String> {
    match text.parse() {
        Ok(weight) if weight <= WEIGHT_MAX => Ok(weight),
        _ => Err(format!("it takes a number from 1 to {WEIGHT_MAX}, such as 4; 0 keeps nothing")),
    }
}

/// An address and a port.
fn gateway_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "it takes an IP address and a port, such as 127.0.0.1:4080 or [::1]:4080".to_owned())
}

/// A filter in `tracing`'s syntax, checked.
fn log_filter(text: &str) -> Result<String, String> {
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(e) => Err(format!("{e}; a filter looks like info or warn,atoll_node=debug")),
    }
}
