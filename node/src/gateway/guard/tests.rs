use axum::http::Request;

use super::*;

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const HERE: Way = Way { local: LOOPBACK, peer: LOOPBACK, secure: false };

fn rules(config: GatewayConfig) -> Rules {
    let token = config.token.clone();
    Rules::new(&config, token.as_ref())
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Parts {
    let request = Request::builder().method(method).uri(path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(()).unwrap().into_parts().0
}

/// The status with which it is refused; 200 if it passes.
fn outcome(rules: &Rules, parts: &Parts, way: Way) -> u16 {
    use axum::response::IntoResponse;
    match rules.check(parts, way) {
        Ok(_) => 200,
        Err(problem) => problem.into_response().status().as_u16(),
    }
}

fn reached_as(rules: &Rules, host: &str, way: Way) -> u16 {
    outcome(rules, &request("GET", "/", &[("host", host)]), way)
}

#[test]
fn only_known_names_are_answered_to() {
    let config = GatewayConfig { hosts: vec!["Node.Example.Org".to_owned()], ..GatewayConfig::default() };
    let rules = rules(config);
    for host in [
        "localhost",
        "LOCALHOST:4080",
        "127.0.0.1:4080",
        "127.0.0.2",
        "[::1]:4080",
        "photos.localhost:1",
        "node.example.org",
    ] {
        assert_eq!(reached_as(&rules, host, HERE), 200, "{host}");
    }
    for host in
        ["evil.example", "localhost.evil.example", "evillocalhost", "192.0.2.7", "[2001:db8::1]", "", "example.org:80"]
    {
        assert_eq!(reached_as(&rules, host, HERE), 421, "{host}");
    }
}

#[test]
fn an_address_that_the_request_came_to_is_a_name_of_the_gateway() {
    let lan = Way { local: "192.0.2.7".parse().unwrap(), ..HERE };
    assert_eq!(reached_as(&rules(GatewayConfig::default()), "192.0.2.7:4080", lan), 200);
    assert_eq!(reached_as(&rules(GatewayConfig::default()), "192.0.2.8:4080", lan), 421);
    let mapped = Way { local: "::ffff:192.0.2.7".parse().unwrap(), ..HERE };
    assert_eq!(reached_as(&rules(GatewayConfig::default()), "192.0.2.7", mapped), 200);
}

#[test]
fn a_request_names_one_host_once() {
    let rules = rules(GatewayConfig::default());
    assert_eq!(outcome(&rules, &request("GET", "/", &[]), HERE), 400);
    assert_eq!(outcome(&rules, &request("GET", "/", &[("host", "localhost"), ("host", "localhost")]), HERE), 400);
    assert_eq!(outcome(&rules, &request("GET", "http://evil.example/", &[("host", "localhost")]), HERE), 400);
    assert_eq!(outcome(&rules, &request("GET", "http://localhost/", &[("host", "localhost")]), HERE), 200);
}

#[test]
fn pages_from_elsewhere_may_do_nothing_unless_they_are_allowed() {
    let config = GatewayConfig { origins: vec!["https://app.example.org".to_owned()], ..GatewayConfig::default() };
    let rules = rules(config);
    let from = |origin| request("POST", "/v1/call/a/b", &[("host", "localhost:4080"), ("origin", origin)]);
    assert_eq!(outcome(&rules, &from("http://localhost:4080"), HERE), 200);
    for origin in [
        "http://evil.example",
        "null",
        "https://localhost:4080",
        "http://localhost:4081",
        "http://photos.localhost:4080",
        "",
    ] {
        assert_eq!(outcome(&rules, &from(origin), HERE), 403, "{origin}");
    }
    let passed = rules.check(&from("https://app.example.org"), HERE).unwrap();
    assert_eq!(passed.foreign.unwrap(), "https://app.example.org");
    let secure = Way { secure: true, ..HERE };
    assert_eq!(outcome(&rules, &from("https://localhost:4080"), secure), 200);
}

#[test]
fn what_a_page_from_elsewhere_has_a_browser_load_is_refused_and_a_link_is_followed() {
    let rules = rules(GatewayConfig::default());
    let with = |method, site, mode| {
        let headers = [("host", "localhost"), ("sec-fetch-site", site), ("sec-fetch-mode", mode)];
        outcome(&rules, &request(method, "/v1/status", &headers), HERE)
    };
    assert_eq!(with("GET", "cross-site", "no-cors"), 403);
    assert_eq!(with("GET", "same-site", "no-cors"), 403);
    assert_eq!(with("POST", "cross-site", "navigate"), 403);
    assert_eq!(with("GET", "cross-site", "navigate"), 200);
    assert_eq!(with("GET", "same-origin", "cors"), 200);
    assert_eq!(with("GET", "none", "navigate"), 200);
}

#[test]
fn a_token_is_asked_of_everybody_but_those_who_ask_whether_it_is_alive() {
    let token = Token::new("correct-horse-battery").unwrap();
    let rules = rules(GatewayConfig { token: Some(token), ..GatewayConfig::default() });
    let with = |authorization: &str| {
        outcome(&rules, &request("GET", "/v1/status", &[("host", "localhost"), ("authorization", authorization)]), HERE)
    };
    assert_eq!(with("Bearer correct-horse-battery"), 200);
    assert_eq!(with(&format!("Basic {}", BASE64_STANDARD.encode("anyone:correct-horse-battery"))), 200);
    assert_eq!(with(&format!("Basic {}", BASE64_STANDARD.encode("correct-horse-battery"))), 401);
    for wrong in ["Bearer correct-horse", "Bearer ", "correct-horse-battery", "Basic ???", "Digest x", ""] {
        assert_eq!(with(wrong), 401, "{wrong}");
    }
    assert_eq!(outcome(&rules, &request("GET", "/v1/status", &[("host", "localhost")]), HERE), 401);
    assert_eq!(outcome(&rules, &request("GET", "/healthz", &[("host", "localhost")]), HERE), 200);
    // A stranger is not even told that there is a token.
    assert_eq!(outcome(&rules, &request("GET", "/healthz", &[("host", "evil.example")]), HERE), 421);
}
