//! Work of a group through the control socket.

use tokio::io::{AsyncBufReadExt, BufReader};

use super::*;

/// Work under way: the request goes on for as long as this is held.
struct Working(BufReader<UnixStream>);

impl Working {
    async fn new(node: &Node, request: Value) -> Self {
        let mut socket = UnixStream::connect(socket_path(node.data_dir().unwrap())).await.unwrap();
        let head = format!("POST /v1/topics/work HTTP/1.0\r\ncontent-length: 999999999\r\n\r\n{request}\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut working = Self(BufReader::new(socket));
        while !working.line().await.trim().is_empty() {}
        working
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        within("a line", self.0.read_line(&mut line)).await.unwrap();
        line
    }

    async fn event(&mut self) -> WorkEvent {
        loop {
            let line = self.line().await;
            assert!(!line.is_empty(), "the answer has ended");
            if !line.trim().is_empty() {
                return serde_json::from_str(&line).unwrap();
            }
        }
    }

    async fn job(&mut self) -> JobRow {
        match self.event().await {
            WorkEvent::Job(job) => *job,
            other => panic!("no job, but {other:?}"),
        }
    }

    async fn say(&mut self, answer: Value) -> Option<String> {
        self.0.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
        match self.event().await {
            WorkEvent::Answered { error, .. } => error,
            other => panic!("no reply, but {other:?}"),
        }
    }
}

fn text(job: &JobRow) -> &str {
    job.message.json.as_ref().unwrap().get()
}

fn request() -> Value {
    json!({ "topic": "jobs", "group": "workers", "from": "earliest", "backoff_ms": 10 })
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_given_and_answered_line_by_line() {
    let dir = tempfile::tempdir().unwrap();
    let node = with_socket(dir.path(), Vec::new()).await;
    let topic = node.topic("jobs").unwrap();
    topic.publish(&json!({ "to": "ann" })).key("ann").header("kind", "mail").await.unwrap();
    topic.publish_raw(vec![0xff, 0x00]).await.unwrap();
    let mut working = Working::new(&node, request()).await;
    let first = working.job().await;
    let message = &first.message;
    assert_eq!((first.number, first.attempt, message.seq.0, message.author), (1, 1, 1, node.id()));
    assert_eq!((message.key.as_deref(), text(&first)), (Some("ann"), r#"{"to":"ann"}"#));
    assert_eq!(working.say(json!({ "job": 1, "answer": "extend" })).await, None);
    assert_eq!(working.say(json!({ "job": 1, "answer": "ack" })).await, None);
    let second = working.job().await;
    assert_eq!((second.number, second.message.base64.as_deref()), (2, Some("/wA=")));
    let unknown = working.say(json!({ "job": 1, "answer": "ack" })).await.unwrap();
    assert!(unknown.contains("there is no such job"), "{unknown}");
    assert_eq!(working.say(json!({ "job": 2, "answer": "nack", "reason": "not now" })).await, None);
    let again = working.job().await;
    assert_eq!((again.number, again.attempt, again.message.seq), (3, 2, second.message.seq));
    let groups: Vec<GroupReport> = get(&node, "/v1/groups").await;
    assert_eq!((groups[0].pending, groups[0].leased, groups[0].coordinator), (Some(1), Some(1), Some(node.id())));
    assert_eq!(groups[0].nodes[0].members, Some(1));
    // It is given again at once when the connection is gone.
    drop(working);
    let mut working = Working::new(&node, request()).await;
    assert_eq!((working.job().await.attempt, working.say(json!({ "job": 1, "answer": "reject" })).await), (3, None));
    working.0.write_all(b"nonsense\n").await.unwrap();
    let WorkEvent::End { error } = working.event().await else { panic!("it goes on") };
    assert!(error.starts_with("a line is no answer"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_nobody_answers_for_are_done_when_they_were_taken() {
    let dir = tempfile::tempdir().unwrap();
    let node = with_socket(dir.path(), Vec::new()).await;
    for number in 0..5 {
        node.topic("jobs").unwrap().publish(&number).await.unwrap();
    }
    let mut auto = request();
    auto["auto"] = json!(true);
    let mut working = Working::new(&node, auto).await;
    for number in 0..5 {
        assert_eq!(text(&working.job().await), number.to_string());
    }
    within("all of it is done", async {
        while get::<Vec<GroupReport>>(&node, "/v1/groups").await[0].pending != Some(0) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_cannot_be_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let node = with_socket(dir.path(), Vec::new()).await;
    let refused = async |body: &str| error(post(&node, "/v1/topics/work", body).await, 400);
    assert!(refused("").await.contains("its first line says which work"));
    assert!(refused(r#"{"topic": "jobs"}"#).await.contains("missing field `group`"));
    assert!(refused(r#"{"topic": "jobs", "group": "a/b"}"#).await.contains("is not a group name"));
    assert!(refused(r#"{"topic": "jobs", "group": "a", "room": 0}"#).await.contains("the setting room is 0"));
}
