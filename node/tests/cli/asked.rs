//! Where a node answers: a control socket with canned answers stands in for it.

use std::{io::Write, process::Stdio};

use axum::{
    Json, Router,
    http::StatusCode,
    routing::{get, post},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::UnixListener, runtime::Runtime};

use super::{Said, node, said};

const ID: &str = "12D3KooWSrHuJBQ939P3AYEr1yuGRF32UUJUpht6sWLktYiCWaY9";

/// A node, as far as commands can tell.
struct Double {
    dir: TempDir,
    _runtime: Runtime,
}

impl Double {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let listener = {
            let _inside = runtime.enter();
            UnixListener::bind(dir.path().join("control.sock")).unwrap()
        };
        let graph = json!({ "node": ID, "services": ["system"], "rtt_ms": null, "peers": [] });
        let rows = json!([{ "name": "system", "version": "0.1.0", "instances": 1, "nodes": [ID], "age_ms": 3000 }]);
        let row = json!({ "name": "system", "version": "0.1.0", "doc": "What \u{1b}c", "methods": ["ping"],
                          "instances": 2, "nodes": [ID], "suspect": false, "rtt_ms": 1.5 });
        let found = json!({ "found": [row], "more": 7 });
        let refusal = (StatusCode::BAD_GATEWAY, Json(json!({ "error": "nobody\u{1b}[2J answers there" })));
        let app = Router::new()
            .route("/v1/call", post(call))
            .route("/v1/services", get(async || Json(rows)))
            .route("/v1/routes", get(async || Json(json!([]))))
            .route("/v1/graph", get(async || Json(graph)))
            .route("/v1/search", post(async || Json(found)))
            .route("/v1/watch", post(async || WATCHED))
            .route("/v1/connect", post(async || refusal));
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { dir, _runtime: runtime }
    }

    fn run(&self, line: &str) -> Said {
        said(node(self.dir.path(), line).output().unwrap())
    }

    fn fed(&self, line: &str, request: &str) -> Said {
        let mut command = node(self.dir.path(), line);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
        said(child.wait_with_output().unwrap())
    }
}

/// A watch that is told of a change, and then of something that this program does not know.
const WATCHED: &str = r#"{"at_unix_ms":0,"change":"ready"}

{"at_unix_ms":0,"change":"removed","reason":"expired","service":"a.b","version":"1.0.0","instance":"0000000000000007","node":"12D3KooWSrHuJBQ939P3AYEr1yuGRF32UUJUpht6sWLktYiCWaY9","suspect":true}
{"at_unix_ms":0,"change":"eaten"}
"#;

/// `echo` answers with the request; everything else is not there.
async fn call(Json(request): Json<Value>) -> Json<Value> {
    let found = request["service"] == "echo";
    let code = if found { "ok" } else { "not_found" };
    let message = if found { "" } else { "no service \"no.such.service\" is known" };
    let body = if found { request } else { Value::Null };
    Json(json!({ "code": code, "message": message, "retryable": false, "body": body, "micros": 7 }))
}

#[test]
fn an_answer_is_printed_spread_out_or_on_one_line() {
    let node = Double::start();
    let Said { code, out, err } = node.run("call echo say");
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("\n  \"body\": {},\n"), "{out}");
    let Said { code, out, .. } = node.run(&format!("call echo say [1] --deadline 2s --peer {ID} --output json"));
    assert_eq!((code, out.lines().count()), (0, 1));
    let sent: Value = serde_json::from_str(&out).unwrap();
    let expected = json!({ "service": "echo", "method": "say", "body": [1], "deadline_ms": 2000, "peer": ID });
    assert_eq!(sent, expected);
}

#[test]
fn a_request_can_come_from_a_pipe() {
    let node = Double::start();
    let out = node.fed("call echo say - --output json", "{\"a\": 1}").out;
    assert!(out.contains("\"body\":{\"a\":1}"), "{out}");
    // Nobody asked for stdin: a pipe that is held open must not be waited for.
    assert!(node.fed("call echo say --output json", "{\"a\": 1}").out.contains("\"body\":{}"));
    assert!(node.fed("call echo say [2] --output json", "{\"a\": 1}").out.contains("\"body\":[2]"));
}

#[test]
fn an_error_of_the_call_is_exit_code_1() {
    let node = Double::start();
    let Said { code, out, err } = node.run("call no.such.service hello");
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(err, "not_found: no service \"no.such.service\" is known\n");
    let Said { code, out, err } = node.run("call no.such.service hello --output json");
    let told: Value = serde_json::from_str(&out).unwrap();
    let expected =
        json!({ "code": "not_found", "message": "no service \"no.such.service\" is known", "retryable": false });
    assert_eq!((code, told), (1, expected));
    assert!(err.starts_with("not_found: "), "{err}");
}

#[test]
fn a_refusal_is_exit_code_1() {
    let node = Double::start();
    let Said { code, out, err } = node.run("network connect /ip4/127.0.0.1/tcp/1");
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(err, "error: nobody\u{fffd}[2J answers there\n");
    let Said { code, out, .. } = node.run("network connect /ip4/127.0.0.1/tcp/1 --output json");
    assert_eq!(code, 1);
    assert_eq!(out, "{\"error\":\"nobody\\u001b[2J answers there\"}\n");
}

#[test]
fn lists_are_tables_or_json() {
    let node = Double::start();
    let table = "NAME    VERSION  INSTANCES  NODES      AGE\nsystem  0.1.0    1          …tYiCWaY9  3s\n";
    for line in ["network services", "service list"] {
        assert_eq!(node.run(line).out, table);
    }
    let json = node.run("network services --output json").out;
    assert!(json.lines().count() == 1 && json.contains("\"system\"") && json.contains(ID), "{json}");
    assert_eq!(node.run("network routes").out, "no routes known yet\n");
    assert_eq!(node.run("network routes --output json").out, "[]\n");
    assert_eq!(node.run("network graph").out, "…tYiCWaY9  this node  system\n");
}

#[test]
fn a_search_is_a_table_or_json() {
    let node = Double::start();
    let table = "NAME    VERSION  INSTANCES  STATE  METHODS  ABOUT\nsystem  0.1.0    2          ok     ping     What \u{fffd}c\n\
                 7 more; narrow the search with another word, --prefix, --meta or --version\n";
    assert_eq!(node.run("service search ping").out, table);
    let json = node.run("service search ping --output json").out;
    assert!(json.lines().count() == 1 && json.contains("\"more\":7") && json.contains("What \\u001bc"), "{json}");
    let Said { code, err, .. } = node.run("service search");
    assert_eq!(code, 2);
    assert!(err.contains("nothing to look for") && err.contains("service list"), "{err}");
    let Said { code, err, .. } = node.run("service search x --meta a=1 --meta a=2");
    assert_eq!(code, 2);
    assert!(err.contains("--meta gives \"a\" twice"), "{err}");
}

#[test]
fn a_watch_is_a_line_for_each_change() {
    let node = Double::start();
    let Said { code, out, err } = node.run("service watch --count 1");
    assert_eq!((code, out.as_str()), (0, "1970-01-01T00:00:00Z  removed    …tYiCWaY9  a.b 1.0.0  (expired)\n"));
    assert_eq!(err, "0 instances are there; watching for changes, Ctrl-C ends it\n");
    let Said { code, out, err } = node.run("service watch a.* --count 1 --output json");
    assert_eq!((code, out.lines().count(), err.as_str()), (0, 2, ""), "{out}");
    let Said { code, err, .. } = node.run("service watch");
    assert_eq!(code, 1);
    assert!(err.contains("another version"), "{err}");
}

#[test]
fn a_graph_is_also_drawn_for_graphviz() {
    let node = Double::start();
    let dot = node.run("network graph --output dot").out;
    assert!(dot.starts_with("graph atoll {\n") && dot.ends_with("}\n") && dot.contains(ID), "{dot}");
    let Said { code, err, .. } = node.run("network nodes --output dot");
    assert_eq!(code, 2);
    assert!(err.contains("network graph"), "{err}");
    let Said { code, err, .. } = node.run("--peer --no-mdns --output dot");
    assert_eq!(code, 2);
    assert!(err.contains("--output json"), "{err}");
}
