//! `node service`: which services there are, and what each can be asked.

use atoll_node::{cli::text::invocation, control::api::ServiceDescription};
use atoll_protocol::names::ServiceQuery as Wanted;
use clap::Subcommand;

use crate::{
    client::segment,
    describe::{self, Caller},
    failure::Failure,
    network,
    search::{self, SearchArgs},
    session::Session,
    watch::{self, WatchArgs},
};

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceQuery {
    /// List the services that are offered, as `network services` does
    List,
    /// Look for services by what they are called, what they do and what they are labelled
    Search(SearchArgs),
    /// Show a service in full: its methods, what they take and give, and who offers it
    #[command(after_help = DESCRIBE)]
    Describe {
        /// The service, optionally with the versions that are meant: math.calc, math.calc@1, math.calc@=1.2.3
        #[arg(value_name = "NAME[@VERSION]")]
        service: Wanted,
    },
    /// Print services as they come and go, beginning with those that are there
    Watch(WatchArgs),
}

const DESCRIBE: &str = "\
An example that the page shows can be pasted as it is. Of the instances, PATH is local, direct, relayed or unknown (not \
connected now), HOPS counts the connections on the way, RTT_MS is the measured round trip, and LEASE how long the instance \
stays listed unless its node says that it is still there.

Examples:
  node service describe system
  node service describe math.calc@^1.2
  node service describe math.calc --output json";

pub(crate) async fn run(query: ServiceQuery, session: &Session) -> Result<(), Failure> {
    match query {
        ServiceQuery::List => network::list_services(session).await,
        ServiceQuery::Search(args) => search::run(args, session).await,
        ServiceQuery::Watch(args) => watch::run(args, session).await,
        ServiceQuery::Describe { service } => {
            let path = format!("/v1/services/{}", segment(&service.to_string()));
            let found: ServiceDescription = session.client.get(&path).await?;
            let exact = service != Wanted::any(service.name.clone());
            let caller = Caller { program: invocation(), options: session.options.clone(), exact };
            session.out.value(&found, |found| describe::page(found, &caller, session.out.width()))
        }
    }
}
