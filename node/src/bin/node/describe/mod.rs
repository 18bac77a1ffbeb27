//! A service as a page to read.

use atoll_node::{
    cli::text::{printable, shell_word},
    control::api::{EndpointDescription, InstanceRow, ServiceDescription, VersionDescription},
};
use atoll_protocol::service::{EndpointKind, Protocol};
use serde_json::Value;

use crate::{
    table::{Table, wrapped},
    units::{age, rtt},
};

mod example;
mod schema;
#[cfg(test)]
mod tests;

/// How the examples call the node, so that they can be pasted where the page was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The program, as it was called.
    pub(crate) program: String,
    /// The options that lead to the node, with a blank before each.
    pub(crate) options: String,
    /// Whether only certain versions were asked for, so that there may be others.
    pub(crate) exact: bool,
}

/// Every version of a service, newest first; docs are wrapped at `width`.
pub(crate) fn page(service: &ServiceDescription, caller: &Caller, width: Option<usize>) -> String {
    if service.versions.is_empty() {
        return format!("{}: no version known yet", service.name);
    }
    let versions = service.versions.iter().map(|version| {
        // A call that names no version may go to any of them.
        let one = service.versions.len() == 1 && !caller.exact;
        let name = service.name.as_str();
        let target = if one { name.to_owned() } else { format!("{name}@={}", printable(&version.version)) };
        let call = Example { call: format!("{} call {target}", caller.program), options: &caller.options };
        let mut page = Page { text: String::new(), width };
        page.line(0, &format!("{name} {}", version.version));
        page.version(version, &call);
        page.text
    });
    versions.collect::<Vec<_>>().join("\n")
}

/// What stands before and behind the method and the request.
struct Example<'a> {
    call: String,
    options: &'a str,
}

/// Lines, each indented.
struct Page {
    text: String,
    /// Where the longer lines of docs are broken.
    width: Option<usize>,
}

impl Page {
    /// One line.
    fn line(&mut self, indent: usize, text: &str) {
        let line = format!("{:indent$}{}", "", printable(text));
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// Some lines.
    fn block(&mut self, indent: usize, text: &str) {
        text.trim().lines().for_each(|line| self.line(indent, line));
    }

    /// Somebody's words: lines that are too long are broken, between words.
    fn prose(&mut self, indent: usize, text: &str) {
        let text = wrapped(text.trim(), self.width.map(|width| width.saturating_sub(indent)));
        self.block(indent, &text);
    }

    fn version(&mut self, version: &VersionDescription, call: &Example<'_>) {
        self.prose(2, &version.doc);
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

    fn endpoint(&mut self, endpoint: &EndpointDescription, example: &Example<'_>) {
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
        self.prose(6, &endpoint.doc);
        self.body("request", endpoint.request.as_ref(), endpoint.request_missing.as_deref());
        self.body("response", endpoint.response.as_ref(), endpoint.response_missing.as_deref());
        if let Some(schema) = &endpoint.request {
            let stream = if endpoint.kind == EndpointKind::Unary { "" } else { " --stream" };
            let (Example { call, options }, request) = (example, argument(&example::of(schema)));
            self.line(6, "example");
            self.line(8, &format!("{call} {}{request}{stream}{options}", endpoint.name));
        }
    }

    /// What goes one way: its type, and below it the fields of an object.
    fn body(&mut self, way: &str, schema: Option<&Value>, missing: Option<&str>) {
        let Some(schema) = schema else {
            let what = missing.map_or("raw bytes".to_owned(), |why| format!("not known: {why}"));
            return self.line(6, &format!("{way}: {what}"));
        };
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
        let width = self.width.map(|width| width.saturating_sub(8));
        table.wrapped(width).lines().for_each(|line| self.line(8, line));
    }
}

fn instances(rows: &[InstanceRow]) -> Table {
    let mut table = Table::new(["INSTANCE", "NODE", "STATE", "PATH", "HOPS", "RTT_MS", "LEASE", "AGE"]);
    for row in rows {
        table.row([
            row.instance.to_string(),
            row.node.short(),
            if row.suspect { "suspect" } else { "ok" }.to_owned(),
            row.path.clone().unwrap_or_else(|| "unknown".to_owned()),
            row.hops.map(|hops| hops.to_string()).unwrap_or_default(),
            rtt(row.rtt_ms),
            row.lease_ms.map(age).unwrap_or_default(),
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
