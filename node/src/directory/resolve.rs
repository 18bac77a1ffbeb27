//! Finding a service that is outside the view: the DHT says who provides it, and the provider describes itself.

use std::time::Duration;

use atoll_protocol::names::ServiceQuery;
use atoll_registry::services::Instance;
use tokio::time::Instant;

use super::{Directory, keys, sync};

/// How long to look.
const PATIENCE: Duration = Duration::from_secs(5);

impl Directory {
    /// Asks the DHT, then the providers. Empty if nobody is found.
    pub(crate) async fn resolve(&self, query: &ServiceQuery) -> Vec<Instance> {
        if self.net.connections.len() == 0 {
            return Vec::new();
        }
        let until = Instant::now() + PATIENCE;
        let providers = self.net.providers(keys::wanted(&self.network, query));
        let Ok(mut providers) = tokio::time::timeout_at(until, providers).await else { return Vec::new() };
        providers.retain(|p| *p != self.net.me);
        sync::describe_all(self, providers, until, || !self.find(query).is_empty()).await;
        self.find(query)
    }
}
