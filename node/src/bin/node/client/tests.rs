use axum::{
    Json, Router,
    http::StatusCode as Code,
    routing::{get, post},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::UnixListener;

use super::*;

fn client(dir: &TempDir) -> Client {
    let global = GlobalArgs { data_dir: Some(dir.path().to_owned()), ..GlobalArgs::default() };
    Client::new(dir.path(), &global)
}

/// A node's control socket, as far as these tests need one.
fn serve(dir: &TempDir) {
    let slow = || async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        "late"
    };
    let app = Router::new()
        .route("/v1/status", get(|| async { Json(json!({ "pid": 7 })) }))
        .route("/v1/echo", post(|Json(body): Json<Value>| async { Json(body) }))
        .route("/v1/refuses", get(|| async { (Code::NOT_FOUND, Json(json!({ "error": "no such service" }))) }))
        .route("/v1/fails", get(|| async { (Code::INTERNAL_SERVER_ERROR, "oops") }))
        .route("/v1/text", get(|| async { "not json" }))
        .route("/v1/slow", post(slow));
    let listener = UnixListener::bind(socket_path(dir.path())).unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
}

#[tokio::test]
async fn asks_and_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    serve(&dir);
    let status: Value = client(&dir).get("/v1/status").await.unwrap();
    assert_eq!(status, json!({ "pid": 7 }));
    let body = json!({ "text": "ä".repeat(300_000), "list": [1, 2.5, null] });
    let echoed: Value = client(&dir).post("/v1/echo", &body, None).await.unwrap();
    assert_eq!(echoed, body);
}

#[tokio::test]
async fn a_refusal_is_told_in_the_nodes_words() {
    let dir = tempfile::tempdir().unwrap();
    serve(&dir);
    let failure = client(&dir).get::<Value>("/v1/refuses").await.unwrap_err();
    assert!(matches!(&failure, Failure::Refused(words) if words == "no such service"), "{failure}");
    assert_eq!(failure.exit_code(), 1);
    let failure = client(&dir).get::<Value>("/v1/fails").await.unwrap_err();
    assert!(failure.to_string().contains("500") && failure.to_string().contains("/v1/fails"), "{failure}");
    let failure = client(&dir).get::<Value>("/v1/of-the-future").await.unwrap_err();
    assert!(failure.to_string().contains("another version"), "{failure}");
}

#[tokio::test]
async fn an_answer_of_another_shape_is_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    serve(&dir);
    for failure in [
        client(&dir).get::<Vec<u8>>("/v1/status").await.unwrap_err(),
        client(&dir).get::<Vec<u8>>("/v1/text").await.unwrap_err(),
    ] {
        assert!(matches!(failure, Failure::NoAnswer(_)), "{failure}");
    }
}

#[tokio::test]
async fn patience_ends() {
    let dir = tempfile::tempdir().unwrap();
    serve(&dir);
    let failure =
        client(&dir).post::<Value>("/v1/slow", &json!({}), Some(Duration::from_millis(50))).await.unwrap_err();
    assert!(failure.to_string().contains("did not answer within"), "{failure}");
}

#[tokio::test]
async fn no_socket_is_no_node() {
    let dir = tempfile::tempdir().unwrap();
    let failure = client(&dir).get::<Value>("/v1/status").await.unwrap_err();
    assert_eq!(failure.exit_code(), 3);
    let words = failure.words().unwrap();
    let place = dir.path().display();
    assert!(words.starts_with(&format!("no node is running in {place}; start one with: ")), "{words}");
    assert!(words.ends_with(&format!(" --peer --data-dir {place}")), "{words}");
    assert_eq!(words.lines().count(), 1);
}

#[tokio::test]
async fn a_socket_that_a_killed_node_left_is_no_node() {
    let dir = tempfile::tempdir().unwrap();
    drop(std::os::unix::net::UnixListener::bind(socket_path(dir.path())).unwrap());
    assert_eq!(client(&dir).get::<Value>("/v1/status").await.unwrap_err().exit_code(), 3);
}

#[tokio::test]
async fn a_data_directory_with_too_long_a_name_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let long = dir.path().join("x".repeat(120));
    let failure = Client::new(&long, &GlobalArgs::default()).get::<Value>("/v1/status").await.unwrap_err();
    assert_eq!(failure.exit_code(), 2);
    assert!(failure.to_string().contains("--data-dir"), "{failure}");
}

#[tokio::test]
async fn a_node_that_goes_away_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(socket_path(dir.path())).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    let failure = client(&dir).get::<Value>("/v1/status").await.unwrap_err();
    assert!(failure.to_string().contains("went away"), "{failure}");
}
