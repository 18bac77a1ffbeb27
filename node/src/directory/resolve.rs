//! Finding a service that is outside the view: the DHT says who provides it, and the provider describes itself.

use std::time::Duration;

use atoll_protocol::names::ServiceQuery;
use atoll_registry::services::Instance;
use tokio::time::{Instant, timeout_at};

use super::{Directory, keys, sync};
use crate::net::LookUp;

/// How long to look.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the providers that are named first have to answer.
const FIRST: Duration = Duration::from_millis(1_500);

impl Directory {
    /// Asks the DHT, then the providers. Empty if nobody is found.
    ///
    /// The first providers to be named may all be gone, as their records outlive them: then the others are looked for.
    pub(crate) async fn resolve(&self, query: &ServiceQuery) -> Vec<Instance> {
        if self.net.connections.len() == 0 {
            return Vec::new();
        }
        let end = Instant::now() + PATIENCE;
        for look_up in [LookUp::Quick, LookUp::Thorough] {
            let providers = self.net.providers(keys::wanted(&self.network, query), look_up);
            let Ok(mut providers) = timeout_at(end, providers).await else { break };
            providers.retain(|p| *p != self.net.me);
            let until = if look_up == LookUp::Quick { end.min(Instant::now() + FIRST) } else { end };
            sync::describe_all(self, providers, until, || !self.find(query).is_empty()).await;
            let found = self.find(query);
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }
}
