//! `node service`: which services there are, and what each can be asked.

use atoll_node::control::api::ServiceDescription;
use atoll_protocol::names::ServiceName;
use clap::Subcommand;

use crate::{describe, failure::Failure, network, session::Session};

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceQuery {
    /// List the services that are offered, as `network services` does
    List,
    /// Show a service in full: its methods, what they take and give, and who offers it
    #[command(
        after_help = "Examples:\n  node service describe system\n  node service describe math.calc --output json"
    )]
    Describe {
        /// The service's name, such as math.calc
        #[arg(value_name = "NAME")]
        name: ServiceName,
    },
}

pub(crate) async fn run(query: ServiceQuery, session: &Session) -> Result<(), Failure> {
    match query {
        ServiceQuery::List => network::list_services(session).await,
        ServiceQuery::Describe { name } => {
            let found: ServiceDescription = session.client.get(&format!("/v1/services/{name}")).await?;
            session.out.value(&found, describe::page)
        }
    }
}
