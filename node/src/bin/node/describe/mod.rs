//! A service as a page to read.

use atoll_node::{
    cli::text::{printable, program, shell_word},
    control::api::{EndpointDescription, InstanceRow, ServiceDescription, VersionDescription},
};
use atoll_protocol::service::{EndpointKind, Protocol};
use serde_json::Value;

use crate::{
    table::Table,
    units::{age, rtt},
};

mod example;
mod schema;
#[cfg(test)]
mod tests;

/// Every version of a service, newest first.
pub(crate) fn page(service: &ServiceDescription) -> String {
    page_for(service, &program())
}

/// As [`page`], with examples that call the program by this name.
fn page_for(service: &ServiceDescription, program: &str) -> String {
    if service.versions.is_empty() {
        return format!("{}: no version known yet", service.name);
    }
    let versions = service.versions.iter().enumerate().map(|(index, version)| {
        // Without a version one calls the newest; an older one has to be named.
        let name = service.name.as_str();
        let target = if index == 0 { name.to_owned() } else { format!("{name}@={}", printable(&version.version)) };
        let mut page = Page::default();
        page.line(0, &format!("{name} {}", version.version));
        page.version(version, &format!("{program} call {target}"));
        page.0
    });
    versions.collect::<Vec<_>>().join("\n")
}

/// Lines, each indented.
#[derive(Default)]
struct Page(String);

impl Page {
    /// One line.
    fn line(&mut self, indent: usize, text: &str) {
        let line = format!("{:indent$}{}", "", printable(text));
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    /// Some lines.
    fn block(&mut self, indent: usize, text: &str) {
        text.trim().lines().for_each(|line| self.line(indent, line));
    }

    fn version(&mut self, version: &VersionDescription, call: &str) {
        self.block(2, &version.doc);
        self.facts(version);
        self.line(0, "");
        self.line(2, "METHODS");
        if version.endpoints.is_empty() {
            self.line(4, "none");
        }
        for (index, endpoint) in version.endpoints.iter().enumerate() {
            if index > 0 {
                self.line(0, "");
            }
            self.endpoint(endpoint, call);
        }
        self.line(0, "");
        self.line(2, "INSTANCES");
        if version.instances.is_empty() {
            self.line(4, "none known now");
        } else {
            self.block(4, &instances(&version.instances).render(None));
        }
    }

    fn facts(&mut self, version: &VersionDescription) {
        let protocols: Vec<_> = version.protocols.iter().map(protocol).collect();
        let labels: Vec<_> = version.metadata.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let facts =
            [("protocols", protocols.join(", ")), ("topics", version.topics.join(", ")), ("labels", labels.join(", "))];
        let mut table = Table::default();
        for (name, value) in facts.into_iter().filter(|(_, value)| !value.is_empty()) {
            table.row([name.to_owned(), value]);
        }
        let facts = table.render(None);
        if !facts.is_empty() {
            self.line(0, "");
            self.block(2, &facts);
        }
    }

    fn endpoint(&mut self, endpoint: &EndpointDescription, call: &str) {
        let mut traits = Vec::new();
        match endpoint.kind {
            EndpointKind::Unary => {}
            EndpointKind::ServerStream => traits.push("answers with a stream".to_owned()),
            EndpointKind::ClientStream => traits.push("takes a stream".to_owned()),
            EndpointKind::Bidirectional => traits.push("streams both ways".to_owned()),
        }
        if endpoint.idempotent {
            traits.push("may be repeated".to_owned());
        }
        if let Some(millis) = endpoint.deadline_hint_ms {
            traits.push(format!("takes up to {millis} ms"));
        }
        let traits = if traits.is_empty() { String::new() } else { format!("  ({})", traits.join(", ")) };
        self.line(4, &format!("{}{traits}", endpoint.name));
        self.block(6, &endpoint.doc);
        self.body("request", endpoint.request.as_ref());
        self.body("response", endpoint.response.as_ref());
        if let (EndpointKind::Unary, Some(schema)) = (endpoint.kind, &endpoint.request) {
            self.line(6, "example");
            self.line(8, &format!("{call} {}{}", endpoint.name, argument(&example::of(schema))));
        }
    }

    /// What goes one way: its type, and below it the fields of an object.
    fn body(&mut self, way: &str, schema: Option<&Value>) {
        let Some(schema) = schema else { return self.line(6, &format!("{way}: raw bytes")) };
        let (kind, fields) = (schema::kind(schema), schema::fields(schema));
        match (kind.as_str(), fields.is_empty()) {
            ("object" | "object or null", true) if way == "request" => self.line(6, "request: nothing"),
            ("object", true) => self.line(6, &format!("{way}: an empty object")),
            ("object", false) => self.line(6, way),
            (kind, _) => self.line(6, &format!("{way}: {kind}")),
        }
        let mut table = Table::default();
        for field in fields {
            let name = format!("{:indent$}{}", "", field.name, indent = 2 * field.depth);
            table.blank_row([name, field.kind, field.need.to_owned(), field.doc]);
        }
        // Not `block`: the first field may be indented already.
        table.render(None).lines().for_each(|line| self.line(8, line));
    }
}

fn instances(rows: &[InstanceRow]) -> Table {
    let mut table = Table::new(["INSTANCE", "NODE", "STATE", "PATH", "RTT_MS", "AGE"]);
    for row in rows {
        table.row([
            row.instance.to_string(),
            row.node.short(),
            if row.suspect { "suspect" } else { "ok" }.to_owned(),
            row.path.clone().unwrap_or_default(),
            rtt(row.rtt_ms),
            age(row.age_ms),
        ]);
    }
    table
}

fn protocol(protocol: &Protocol) -> &'static str {
    match protocol {
        Protocol::Rpc => "rpc",
        Protocol::Http => "http",
        Protocol::Tcp => "tcp",
    }
}

/// The request as a shell's argument; nothing where nothing needs to be said.
fn argument(request: &Value) -> String {
    match request {
        Value::Object(fields) if fields.is_empty() => String::new(),
        request => format!(" {}", shell_word(&request.to_string())),
    }
}
