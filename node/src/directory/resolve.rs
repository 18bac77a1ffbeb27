//! Finding a service that is outside the view: the DHT says who provides it, and the provider describes itself.

use std::time::Duration;

use atoll_protocol::names::ServiceQuery;
use atoll_registry::services::Instance;
use tokio::time::Instant;

use super::{Directory, keys, sync};
use crate::net::LookUp;

/// How long to look.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the providers that are named first have to answer.
const FIRST: Duration = Duration::from_millis(1_500);

impl Directory {
    /// Asks the DHT, then the providers. Empty if nobody is found.
    ///
    /// The first providers to be named may all be gone, as their records outlive them: then the others are looked for, and each
    /// is asked as soon as it is named, for the look-up goes on until all those have been waited for that do not answer.
    pub(crate) async fn resolve(&self, query: &ServiceQuery) -> Vec<Instance> {
        if self.net.connections.len() == 0 {
            return Vec::new();
        }
        let end = Instant::now() + PATIENCE;
        for look_up in [LookUp::Quick, LookUp::Thorough] {
            let named = self.net.named(keys::wanted(&self.network, query), look_up).await;
            let patience = if look_up == LookUp::Quick { FIRST } else { PATIENCE };
            sync::describe_all(self, named, patience, end, || !self.find(query).is_empty()).await;
            let found = self.find(query);
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }
}
