//! Tests of finding a handler.

use atoll_protocol::rpc::{Code, ContentType, Metadata};

use super::*;

/// A service whose methods answer with their version, once somebody runs them.
fn service(name: &str, version: &str, instance: u64, methods: &[&str]) -> LocalService {
    let handler = |version: &str| -> Handler {
        let version = version.to_owned();
        Handler::Unary(Arc::new(move |_, _| std::future::ready(Ok(Body::raw(version.clone().into_bytes()))).boxed()))
    };
    let handlers = methods.iter().map(|m| (m.parse().unwrap(), handler(version))).collect();
    let (name, version) = (name.parse().unwrap(), version.parse().unwrap());
    LocalService::new(name, version, InstanceId(instance), handlers, Admission::new(1, 0))
}

fn head<'a>(service: &'a str, version: &'a str, method: &'a str) -> RequestHead<'a> {
    RequestHead {
        service: service.into(),
        version: version.into(),
        method: method.into(),
        deadline_ms: 0,
        content: ContentType::Json,
        metadata: Metadata::new(),
        extensions: atoll_protocol::service::Extensions::new(),
    }
}

fn services() -> Services {
    let services = Services::default();
    services.insert(service("math.calc", "1.2.0", 1, &["add"]));
    services.insert(service("math.calc", "2.0.0", 2, &["add", "subtract"]));
    services.insert(service("math.calc", "1.9.1", 3, &["add", "old"]));
    services
}

fn refused(services: &Services, head: &RequestHead<'_>) -> Status {
    match services.find(head) {
        Ok(_) => panic!("{head:?} was found"),
        Err(status) => status,
    }
}

#[test]
fn the_newest_version_that_will_do_is_chosen() {
    let services = services();
    // Which one it is shows in what it can do: `old` is in 1.9.1 alone, `subtract` in 2.0.0 alone.
    for (version, method) in [("", "subtract"), ("2", "subtract"), ("^1.2", "old"), ("1", "old"), ("=1.9.1", "old")] {
        assert!(services.find(&head("math.calc", version, method)).is_ok(), "{version:?} {method}");
    }
    let status = refused(&services, &head("math.calc", "=1.2.0", "old"));
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(services.find(&head("math.calc", ">=1, <2", "old")).is_ok());
}

#[test]
fn an_unknown_method_lists_those_that_there_are() {
    let status = refused(&services(), &head("math.calc", "2", "multiply"));
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("multiply") && status.message().contains("add, subtract"), "{status}");
}

#[test]
fn a_version_that_is_not_here_lists_those_that_are() {
    let status = refused(&services(), &head("math.calc", "3", "add"));
    assert_eq!(status.code(), Code::NotFound);
    assert!(status.message().contains("2.0.0, 1.9.1, 1.2.0"), "{status}");
}

#[test]
fn an_unknown_service_is_not_found() {
    let status = refused(&services(), &head("math.calk", "", "add"));
    assert_eq!(status.code(), Code::NotFound);
    assert!(status.message().contains("math.calk"), "{status}");
}

#[test]
fn nonsense_from_strangers_is_refused_and_cut_short() {
    let long = "x".repeat(16_000);
    let services = services();
    assert_eq!(refused(&services, &head("math.calc", "one or two", "add")).code(), Code::InvalidArgument);
    for head in [head(&long, "", "add"), head("math.calc", &long, "add"), head("math.calc", "", &long)] {
        let status = refused(&services, &head);
        assert!(status.message().len() < 600, "{} bytes", status.message().len());
    }
}

#[test]
fn a_service_that_was_removed_is_no_longer_found() {
    let services = services();
    services.remove(InstanceId(2));
    assert_eq!(refused(&services, &head("math.calc", "2", "add")).code(), Code::NotFound);
    assert!(services.find(&head("math.calc", "", "old")).is_ok(), "1.9.1 is the newest now");
    services.remove(InstanceId(1));
    services.remove(InstanceId(3));
    services.remove(InstanceId(3));
    assert!(refused(&services, &head("math.calc", "", "add")).message().contains("no service"));
    assert!(services.0.read().is_empty());
}

#[test]
fn two_instances_of_one_version_are_removed_one_by_one() {
    let services = Services::default();
    services.insert(service("a.b", "1.0.0", 1, &["x"]));
    services.insert(service("a.b", "1.0.0", 2, &["x"]));
    services.remove(InstanceId(1));
    assert!(services.find(&head("a.b", "1", "x")).is_ok());
}
