use clap::Parser;

use super::*;

#[derive(Parser)]
struct Program {
    #[command(subcommand)]
    bench: BenchAction,
}

fn read(line: &str) -> Result<BenchAction, clap::Error> {
    Program::try_parse_from(std::iter::once("bench").chain(line.split_whitespace())).map(|program| program.bench)
}

fn id(key: u8) -> NodeId {
    NodeId::from_public_key([key; 32])
}

#[test]
fn there_are_defaults() {
    let Ok(BenchAction::Rpc(args)) = read("rpc") else { panic!("no rpc") };
    assert_eq!((args.target.service.to_string().as_str(), args.target.peer), ("bench", None));
    assert_eq!((args.concurrency, args.duration, args.size), (64, Duration::from_secs(10), 100));
    let Ok(BenchAction::Stream(args)) = read("stream") else { panic!("no stream") };
    assert_eq!((args.concurrency, args.size), (1, 512 << 20));
    let Ok(BenchAction::Publish(args)) = read("publish") else { panic!("no publish") };
    assert_eq!((args.topic, args.count, args.ack), (None, None, AckLevel::Local));
    assert_eq!((args.duration, args.size, args.in_flight), (Duration::from_secs(10), 100, 256));
}

#[test]
fn every_option_arrives() {
    let line = format!("rpc --service my.bench@1 --peer {} --concurrency 1 --duration 500ms --size 64KiB", id(7));
    let Ok(BenchAction::Rpc(args)) = read(&line) else { panic!("no rpc") };
    assert_eq!((args.target.service.name.as_str(), args.target.peer), ("my.bench", Some(id(7))));
    assert_eq!((args.concurrency, args.duration, args.size), (1, Duration::from_millis(500), 65_536));
    let Ok(BenchAction::Stream(args)) = read("stream --size 1GB --concurrency 16") else { panic!("no stream") };
    assert_eq!((args.concurrency, args.size), (16, 1_000_000_000));
    let line = "publish --topic rooms/lobby --count 500 --size 1KiB --in-flight 8 --ack kept:2";
    let Ok(BenchAction::Publish(args)) = read(line) else { panic!("no publish") };
    assert_eq!((args.topic.unwrap().as_str(), args.count, args.ack), ("rooms/lobby", Some(500), AckLevel::Kept(2)));
    assert_eq!((args.size, args.in_flight), (1_024, 8));
}

#[test]
fn bad_values_are_refused_with_the_way_out() {
    let cases = [
        ("rpc --concurrency 0", "from 1 to 65536"),
        ("rpc --duration 0s", "try 2s"),
        ("rpc --duration 10", "500ms"),
        ("rpc --duration 2days", "1day"),
        ("rpc --size 17MiB", "at most 16 MiB"),
        ("rpc --size big", "64KiB"),
        ("rpc --peer me", "12D3Koo…"),
        ("rpc --service A!", "math.calc"),
        ("stream --concurrency 0", "from 1 to 65536"),
        ("stream --size 1.5GiB", "512MiB"),
        ("publish --size 257KiB", "at most 256 KiB"),
        ("publish --ack kept", "kept:2"),
        ("publish --ack kept:0", "kept:2"),
        ("publish --in-flight 0", "from 1 to 65536"),
        ("publish --count 1 --duration 1s", "cannot be used with"),
        ("publish --topic Rooms", "rooms/lobby"),
    ];
    for (line, way_out) in cases {
        let said = read(line).expect_err(line).to_string();
        assert!(said.contains(way_out), "{line}: {said}");
    }
    assert!(read("rpc --size 16MiB").is_ok());
}

fn report(answered: u64, errors: u64) -> EchoReport {
    EchoReport {
        requests: answered + errors,
        errors,
        requests_per_second: answered as f64 / 10.0,
        p50_us: 412,
        p99_us: 1_204,
        max_us: 12_345,
        seconds: 10.004,
        first_error: (errors > 0).then(|| "unavailable: the connection\u{1b}[2J was lost".to_owned()),
        instances: vec![
            InstanceReport { node: id(1), calls: 617_283, errors: 0, last_call_ms: 10_500 },
            InstanceReport { node: id(2), calls: 3, errors, last_call_ms: 10_500 },
        ],
    }
}

#[test]
fn calls_are_summed_up_for_people() {
    let load = EchoLoad { peer: None, concurrency: 64, duration_ms: 10_000, size: 100 };
    let expected = format!(
        "\
calls     64 at a time, 100 B each way
answered  1,234,567 in 10.0 s, 2 failed
rate      123,457 calls/s
latency   p50 412 µs, p99 1.20 ms, max 12.35 ms
called    {}  617,283 calls
          {}  3 calls, 2 failed
failed    first with unavailable: the connection\u{fffd}[2J was lost",
        id(1).short(),
        id(2).short()
    );
    assert_eq!(rpc_page(&report(1_234_567, 2), &load), expected);
    let well = rpc_page(&report(10, 0), &load);
    assert!(well.contains("10 in 10.0 s, 0 failed") && !well.contains("first with"), "{well}");
}

#[test]
fn streams_are_summed_up_for_people() {
    let report = FlowReport {
        bytes: 512 << 20,
        streams: 1,
        opening_seconds: 0.001_204,
        seconds: 1.5,
        megabytes_per_second: 1_357.9,
    };
    let service = "bench".parse().unwrap();
    let expected = "\
received  512 MiB in 1.50 s from bench
on        1 stream, opened in 1.20 ms
rate      1,358 MB/s";
    assert_eq!(stream_page(&report, &service, None), expected);
    assert!(stream_page(&report, &service, Some(id(1))).contains(&format!("from bench at {}", id(1).short())));
}

#[test]
fn publishing_is_summed_up_for_people() {
    let topic = Some("rooms/lobby".parse().unwrap());
    let load =
        PublishLoad { topic, amount: Amount::DurationMs(10_000), size: 100, ack: AckLevel::Local, in_flight: 256 };
    let mut report = PublishReport {
        topic: "rooms/lobby".parse().unwrap(),
        messages: 1_234_567,
        errors: 2,
        messages_per_second: 123_456.7,
        p50_us: 412,
        p99_us: 1_204,
        max_us: 12_345,
        seconds: 10.004,
        first_error: Some("this node is stopping".to_owned()),
    };
    let expected = "\
messages   100 B each on rooms/lobby, 256 in flight
published  1,234,567 in 10.0 s, 2 failed
rate       123,457 messages/s
latency    p50 412 µs, p99 1.20 ms, max 12.35 ms
failed     first with: this node is stopping";
    assert_eq!(publish_page(&report, &load), expected);
    assert!(acknowledged(&report).is_ok());
    report.messages = 0;
    assert!(!publish_page(&report, &load).contains("latency"));
    assert!(acknowledged(&report).unwrap_err().words().unwrap().contains("stopping"));
    report.first_error = None;
    assert!(acknowledged(&report).unwrap_err().words().unwrap().contains("longer"));
}

#[test]
fn no_answer_is_no_measurement() {
    assert!(measured(&report(1, 5)).is_ok());
    for (errors, why) in [(5, "unavailable: "), (0, "longer")] {
        let failure = measured(&report(0, errors)).unwrap_err();
        assert_eq!(failure.exit_code(), 1);
        assert!(failure.words().unwrap().contains(why) && failure.object().is_none(), "{failure}");
    }
}
