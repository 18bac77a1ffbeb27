use std::{collections::BTreeMap, os::unix::process::ExitStatusExt, process::ExitStatus};

use atoll_node::control::api::{JobRow, MessageRow, SubscribeFrom};
use atoll_protocol::identity::NodeId;
use clap::Parser;
use serde_json::{Value, json};

use super::{command::*, *};

fn job(fields: Value) -> JobRow {
    let mut message = json!({
        "topic": "jobs", "author": NodeId::from_public_key([7; 32]), "epoch": 1, "seq": 17,
        "at_unix_ms": 1_800_000_000_123_u64,
    });
    message.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    // From text, as it comes: JSON in it stays as it was written.
    let message: MessageRow = serde_json::from_str(&message.to_string()).unwrap();
    JobRow { number: 3, attempt: 2, time_left_ms: 20_000, message }
}

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    args: SubscribeArgs,
}

fn asked(line: &str) -> Result<WorkRequest, String> {
    let args = Program::try_parse_from(std::iter::once("subscribe").chain(line.split_whitespace()));
    let args = args.map_err(|error| error.to_string())?.args;
    let group = args.group.clone().unwrap();
    request(&args, &group).map_err(|error| error.to_string())
}

#[test]
fn what_is_not_given_is_left_to_the_group() {
    let plain =
        WorkRequest { topic: "jobs".to_owned(), group: "workers".to_owned(), room: Some(16), ..WorkRequest::default() };
    for (line, expected) in [
        ("jobs --group workers", plain.clone()),
        ("jobs --group workers --count 3", WorkRequest { room: Some(1), ..plain.clone() }),
        ("jobs --group workers --exec true", WorkRequest { room: Some(1), ..plain.clone() }),
        ("jobs --group workers --exec true --parallel 4", WorkRequest { room: Some(4), ..plain.clone() }),
        (
            "jobs --group workers --from earliest --ack-wait 2m --deliveries 3 --backoff 500ms --no-key-order",
            WorkRequest {
                from: Some(SubscribeFrom::Earliest),
                ack_wait_ms: Some(120_000),
                deliveries: Some(3),
                backoff_ms: Some(500),
                key_order: Some(false),
                ..plain
            },
        ),
    ] {
        assert_eq!(asked(line), Ok(expected), "{line}");
    }
}

#[test]
fn what_cannot_be_shared_is_refused_with_the_way_out() {
    for (line, words) in [
        ("rooms/* --group workers", &["workers", "'rooms/*'", "rooms/lobby"][..]),
        ("jobs --group Workers", &["'Workers'", "1 to 32 characters", "such as workers"]),
        ("jobs --group workers --session mine", &["--group", "--session"]),
        ("jobs --group workers --key a", &["--group", "--key"]),
        ("jobs --group workers --last-per-key", &["--group", "--last-per-key"]),
        ("jobs --ack-wait 5s", &["--group"]),
        ("jobs --exec true", &["--group"]),
        ("jobs --group workers --parallel 2", &["--exec"]),
        ("jobs --group workers --exec true --parallel 2 --count 1", &["--parallel", "--count"]),
        ("jobs --group workers --exec true --parallel 0", &["'0'", "1 to 1024", "such as 4"]),
        ("jobs --group workers --deliveries 0", &["'0'", "at least 1"]),
        ("jobs --group workers --ack-wait 5", &["'5'", "500ms, 2s or 1m"]),
        ("jobs --group workers --backoff soon", &["'soon'", "500ms, 2s or 1m"]),
    ] {
        let said = asked(line).unwrap_err();
        assert!(words.iter().all(|word| said.contains(word)), "{line}: {said}");
    }
}

#[test]
fn what_is_given_again_says_so() {
    let author = NodeId::from_public_key([7; 32]).short();
    let line = format!("2027-01-15T08:00:00.123Z  {author}  [k]  ahoy");
    let given = job(json!({ "key": "k", "text": "ahoy" }));
    assert_eq!(work::printed(&given), format!("{line}  (attempt 2)"));
    assert_eq!(work::printed(&JobRow { attempt: 1, ..given }), line);
}

#[test]
fn exit_codes_say_what_has_come_of_it() {
    let exit = |code: i32| ExitStatus::from_raw(code << 8);
    assert_eq!(outcome(exit(0), "all is well"), Outcome::Done);
    assert_eq!(outcome(exit(3), ""), Outcome::Failed("exit code 3".to_owned()));
    assert_eq!(outcome(exit(1), "no such account"), Outcome::Failed("exit code 1: no such account".to_owned()));
    assert_eq!(outcome(exit(127), "not found"), Outcome::NoCommand("exit code 127: not found".to_owned()));
    assert_eq!(outcome(ExitStatus::from_raw(9), ""), Outcome::Failed("ended by signal 9".to_owned()));
}

#[test]
fn the_last_line_that_is_not_empty_is_kept() {
    let kept = |pieces: &[&str]| {
        let (mut line, mut is_over) = (Vec::new(), false);
        pieces.iter().for_each(|piece| keep(&mut line, &mut is_over, piece.as_bytes()));
        String::from_utf8(line).unwrap()
    };
    assert_eq!(kept(&["one\ntw", "o\n\n"]), "two");
    assert_eq!(kept(&["one\nand no end"]), "and no end");
    assert_eq!(kept(&["50 %\r", "100 %\r"]), "100 %");
    assert_eq!(kept(&[&"x".repeat(1000), "\n"]).len(), 256);
    assert_eq!(kept(&[]), "");
}

#[test]
fn a_command_is_told_of_its_message() {
    let given = job(json!({ "key": "k", "headers": { "colour": "red" }, "text": "ahoy" }));
    let told: BTreeMap<_, _> = environment(&given).into_iter().collect();
    let author = NodeId::from_public_key([7; 32]).to_string();
    for (name, value) in [
        ("ATOLL_TOPIC", "jobs"),
        ("ATOLL_AUTHOR", author.as_str()),
        ("ATOLL_EPOCH", "1"),
        ("ATOLL_SEQ", "17"),
        ("ATOLL_ATTEMPT", "2"),
        ("ATOLL_KEY", "k"),
        ("ATOLL_HEADERS", r#"{"colour":"red"}"#),
    ] {
        assert_eq!(told.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_eq!(told.get("ATOLL_ID"), None);
    let odd = environment(&job(json!({ "key": "a\0b", "text": "" })));
    assert!(odd.iter().all(|(name, _)| *name != "ATOLL_KEY"), "a variable cannot hold it");
}

#[tokio::test]
async fn a_command_reads_its_message_and_is_judged_by_how_it_ends() {
    let given = job(json!({ "json": { "to": "ann" } }));
    let large = job(json!({ "text": "x".repeat(200_000) }));
    for (command, job, expected) in [
        (r#"test "$(cat)" = '{"to":"ann"}'"#, &given, Outcome::Done),
        (r#"test "$(wc -c)" -eq 200000"#, &large, Outcome::Done),
        ("exit 0", &large, Outcome::Done),
        ("echo first >&2; echo no such account >&2; exit 4", &given, {
            Outcome::Failed("exit code 4: no such account".to_owned())
        }),
        (r#"test "$ATOLL_SEQ/$ATOLL_ATTEMPT" = 17/2"#, &given, Outcome::Done),
        ("kill -KILL $$", &given, Outcome::Failed("ended by signal 9".to_owned())),
    ] {
        assert_eq!(command::run(command, job, true).await, expected, "{command}");
    }
    let Outcome::NoCommand(said) = command::run("/no/such/program", &given, true).await else { panic!("it was run") };
    assert!(said.starts_with("exit code 127: ") && said.contains("/no/such/program"), "{said}");
}

#[tokio::test]
async fn a_command_that_takes_too_long_ends_with_all_that_it_has_started() {
    let mut given = job(json!({ "text": "" }));
    given.time_left_ms = 200;
    let dir = tempfile::tempdir().unwrap();
    let number = dir.path().join("number");
    // One that is started by it, and would go on by itself.
    let command = format!("sleep 600 & echo $! > {}; wait", number.display());
    let outcome = command::run(&command, &given, true).await;
    assert_eq!(outcome, Outcome::Failed("not done within 200 ms, and ended".to_owned()));
    let is_gone = || {
        // It was perhaps not even started.
        let Ok(number) = std::fs::read_to_string(&number) else { return true };
        let state = std::fs::read_to_string(format!("/proc/{}/stat", number.trim())).unwrap_or_default();
        // Nobody may have waited for it yet.
        state.is_empty() || state.contains(") Z ")
    };
    let gone = async {
        while !is_gone() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
}
