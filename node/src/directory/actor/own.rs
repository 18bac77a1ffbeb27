//! This node's own services: into the exchange, and into the DHT.

use std::collections::BTreeSet;

use atoll_protocol::{
    limits,
    names::{InstanceId, ServiceName},
    service::ServiceRecord,
};
use semver::Version;
use tokio::sync::oneshot;

use super::Actor;
use crate::{directory::keys, error::RegisterError};

impl Actor {
    pub(super) async fn register(&mut self, record: ServiceRecord, reply: oneshot::Sender<Result<(), RegisterError>>) {
        let service = format!("{}@{}", record.name, record.version);
        let keys = keys::provided(&self.directory.network, &record.name, &record.version);
        let added = self.with(|exchange, view, at| exchange.register(view, record, at));
        let added = added.map_err(|rule| RegisterError::Rule { service, rule });
        let offered = added.is_ok();
        let _ = reply.send(added);
        if offered {
            // Here, and not in a task of its own, so that a withdrawal cannot overtake it.
            for key in keys {
                self.directory.net.provide(key).await;
            }
        }
    }

    pub(super) fn addresses_changed(&mut self) {
        let addresses = self.directory.net.addresses().iter().map(ToString::to_string).collect();
        let told = self.with(|exchange, view, at| exchange.introduce(view, addresses, crate::AGENT, at));
        if let Err(error) = told {
            tracing::error!("this node's addresses cannot be told: {error}");
        }
    }

    pub(super) async fn withdraw_dropped(&mut self) {
        let dropped: Vec<InstanceId> = self.directory.dropped.instances.lock().drain().collect();
        let named = |instance: &InstanceId| {
            self.exchange.service(*instance).map(|record| (record.name.clone(), record.version.clone()))
        };
        let gone: BTreeSet<(ServiceName, Version)> = dropped.iter().filter_map(named).collect();
        for some in dropped.chunks(limits::WITHDRAWN_INSTANCES) {
            let withdrawn = self.with(|exchange, view, at| exchange.withdraw(view, some.iter().copied(), at));
            if let Err(error) = withdrawn {
                tracing::error!("a service cannot be withdrawn: {error}");
            }
        }
        self.carry_out().await;
        for (name, version) in gone {
            self.unprovide(&name, &version).await;
        }
    }

    /// Tells the DHT again: what was told before there was a neighbour has reached nobody.
    pub(super) async fn provide_again(&self) {
        let network = &self.directory.network;
        let keys: BTreeSet<Vec<u8>> =
            self.exchange.services().flat_map(|r| keys::provided(network, &r.name, &r.version)).collect();
        for key in keys {
            self.directory.net.provide(key).await;
        }
    }

    /// Takes a service out of the DHT, except for the keys that another instance here still needs.
    async fn unprovide(&self, name: &ServiceName, version: &Version) {
        let network = &self.directory.network;
        let needed: Vec<Vec<u8>> = self
            .exchange
            .services()
            .filter(|r| r.name == *name)
            .flat_map(|r| keys::provided(network, &r.name, &r.version))
            .collect();
        for key in keys::provided(network, name, version) {
            if !needed.contains(&key) {
                self.directory.net.unprovide(key).await;
            }
        }
    }
}
