//! Pages for people, at `/`: plain HTML, CSS and JavaScript that are part of the program. They ask the gateway's own API for
//! everything, and nobody else for anything.
//!
//! The content security policy lets a page run only what comes from here, so a stranger's text that got into one as code would not run;
//! and the pages put such text nowhere but between tags.

use axum::{
    extract::Path,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};

use super::problem::Problem;

#[cfg(test)]
mod tests;

/// What a page may do (W3C Content Security Policy, level 3).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// What the pages are made of.
const ASSETS: [(&str, &str, &str); 15] = [
    ("app.js", SCRIPT, include_str!("assets/app.js")),
    ("api.js", SCRIPT, include_str!("assets/api.js")),
    ("call.js", SCRIPT, include_str!("assets/call.js")),
    ("docs.js", SCRIPT, include_str!("assets/docs.js")),
    ("doctor.js", SCRIPT, include_str!("assets/doctor.js")),
    ("dom.js", SCRIPT, include_str!("assets/dom.js")),
    ("form.js", SCRIPT, include_str!("assets/form.js")),
    ("graph.js", SCRIPT, include_str!("assets/graph.js")),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
    ("nodes.js", SCRIPT, include_str!("assets/nodes.js")),
    ("overview.js", SCRIPT, include_str!("assets/overview.js")),
    ("schema.js", SCRIPT, include_str!("assets/schema.js")),
    ("services.js", SCRIPT, include_str!("assets/services.js")),
    ("style.css", "text/css; charset=utf-8", include_str!("assets/style.css")),
    ("topics.js", SCRIPT, include_str!("assets/topics.js")),
];

/// `/`: the overview, and all that can be reached from it.
pub(super) async fn index() -> Response {
    page(HTML, include_str!("assets/index.html"))
}

/// `/docs`: what can be called, and how.
pub(super) async fn docs() -> Response {
    page(HTML, include_str!("assets/docs.html"))
}

/// `/assets/{name}`.
pub(super) async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    let found = ASSETS.iter().find(|(known, _, _)| *known == name);
    found.map(|(_, media, text)| page(media, text)).ok_or_else(|| Problem::not_found("there is no such part of a page"))
}

fn page(media: &'static str, text: &'static str) -> Response {
    let mut response = text.into_response();
    let said: [(HeaderName, &'static str); 4] = [
        (header::CONTENT_TYPE, media),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        // The next version of the program has other pages at the same address.
        (header::CACHE_CONTROL, "no-cache"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in said {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
