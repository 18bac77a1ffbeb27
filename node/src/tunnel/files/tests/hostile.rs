//! Nothing outside is served, and whoever fetches is led nowhere else.

use axum::{Json, Router, extract::Request, response::IntoResponse, routing::get};
use proptest::{collection, prelude::*};
use tokio::net::TcpListener;

use super::*;
use crate::tunnel::{
    Dialer,
    files::{
        place::{Folder, Names},
        share::Found,
    },
};

/// Pieces of paths that lead somewhere, or try to.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("..".to_owned()),
        Just("%2e%2e".to_owned()),
        Just(".%2E".to_owned()),
        Just(".".to_owned()),
        Just(String::new()),
        Just("%2f".to_owned()),
        Just("..%2foutside".to_owned()),
        Just("..%5coutside".to_owned()),
        Just("outside".to_owned()),
        Just("out".to_owned()),
        Just("up".to_owned()),
        Just("secret.txt".to_owned()),
        Just("link.txt".to_owned()),
        Just("sub".to_owned()),
        Just("deep".to_owned()),
        Just("a%20file.txt".to_owned()),
        Just("%00".to_owned()),
        Just("shared".to_owned()),
        "[ -~]{0,6}".prop_map(|text| text),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever path is asked for: what is served is what is beneath the folder, not reached over a link.
    #[test]
    fn nothing_outside_is_ever_served(pieces in collection::vec(piece(), 0..7), slash: bool) {
        thread_local! {
            static SHARED: (House, FileShare) = {
                let house = House::new();
                let share = FileShare::open(&house.shared(), None).unwrap();
                (house, share)
            };
        }
        let path = format!("/{}{}", pieces.join("/"), if slash { "/" } else { "" });
        SHARED.with(|(house, share)| {
            let found = Names::of_url(&path).map(|names| (share.find(&names), names));
            match found {
                Some((Ok(Found::File(mut file, _)), names)) => {
                    let mut content = Vec::new();
                    std::io::Read::read_to_end(&mut file, &mut content).unwrap();
                    prop_assert!(content != SECRET, "{path} leads out");
                    let place = names.as_slice().iter().fold(house.shared(), |path, name| path.join(name));
                    prop_assert_eq!(place.canonicalize().unwrap(), place.clone(), "{} goes over a link", path);
                    prop_assert!(place.starts_with(house.shared().canonicalize().unwrap()));
                }
                Some((Ok(Found::Folder(listing)), _)) => {
                    prop_assert!(listing.entries.iter().all(|entry| entry.name != "secret.txt"), "{path} leads out");
                }
                _ => {}
            }
            Ok(())
        })?;
    }

    /// Nor is anything written elsewhere, whatever names whoever shares tells.
    #[test]
    fn nothing_is_written_elsewhere(name in "[./\\\\a-z\u{0}]{0,8}") {
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("inside");
        std::fs::create_dir(&inside).unwrap();
        let folder = Folder::open(&inside).unwrap();
        if let Ok(file) = folder.partial(&name) {
            drop(file);
            let _ = folder.complete(&name);
        }
        let _ = folder.made(&[name]);
        prop_assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

/// Somebody who says these things instead of sharing files, and whoever asks them.
async fn liar(router: Router) -> (Node, Node, crate::tunnel::Exposed, Dialer) {
    let (server, client) = pair().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let target = crate::tunnel::Target::Http(address.into());
    let exposed = server.expose("files", target).begin().await.unwrap();
    let dialer = Dialer::new(client.0.rpc.clone(), "files".parse().unwrap(), Some(server.id()));
    (server, client, exposed, dialer)
}

fn listing(names: &[(&str, ListedKind)]) -> Json<Listing> {
    let entry =
        |(name, kind): &(&str, ListedKind)| Listed { name: (*name).to_owned(), kind: *kind, size: 5, modified_ms: 0 };
    Json(Listing { path: "/".to_owned(), single: false, upload: false, entries: names.iter().map(entry).collect() })
}

async fn fetched(dialer: Dialer, into: &Path) -> Result<Got, GetError> {
    within("an end", Getting::of(dialer).run(into, &Watched::default())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_lead_elsewhere_are_refused() {
    for name in ["../evil", "..", ".", "", "a/b", "/etc/evil", "a\\b", "a\u{0}b", "\u{1b}[2J", ".atoll-part-x"] {
        for kind in [ListedKind::File, ListedKind::Folder] {
            let owned = name.to_owned();
            let router = Router::new().fallback(get(async move || listing(&[(&owned, kind)])));
            let (_server, _client, _exposed, dialer) = liar(router).await;
            let dir = tempfile::tempdir().unwrap();
            let refused = fetched(dialer, &dir.path().join("into")).await.unwrap_err();
            assert!(matches!(refused, GetError::Refused { .. }), "{name:?}: {refused}");
            assert!(tree(dir.path()).is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_without_end_are_not_followed() {
    let router = Router::new().fallback(get(async || listing(&[("again", ListedKind::Folder)])));
    let (_server, _client, _exposed, dialer) = liar(router).await;
    let dir = tempfile::tempdir().unwrap();
    let refused = fetched(dialer, dir.path()).await.unwrap_err();
    assert!(refused.to_string().contains("too deep"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_bytes_are_noticed_and_nothing_is_made_of_them() {
    let hashes = {
        let house = House::new();
        let folder = Folder::open(&house.shared()).unwrap();
        let (mut file, facts) = folder.file("a file.txt").unwrap();
        Hashes::of(&mut file, &facts).unwrap()
    };
    let router = Router::new().route("/", get(async || listing(&[("a", ListedKind::File)]))).route(
        "/a",
        get(async move |request: Request| match request.uri().query() {
            Some(_) => Json(hashes.clone()).into_response(),
            None => {
                let head = [("content-range", "bytes 0-10/11")];
                (axum::http::StatusCode::PARTIAL_CONTENT, head, "hello, liar").into_response()
            }
        }),
    );
    let (_server, _client, _exposed, dialer) = liar(router).await;
    let dir = tempfile::tempdir().unwrap();
    let refused = fetched(dialer, dir.path()).await.unwrap_err();
    assert!(matches!(refused, GetError::Damaged { piece: 0, times: 3, .. }), "{refused}");
    assert!(!dir.path().join("a").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn hashes_that_make_no_sense_are_refused() {
    let nonsense = || async { "{\"size\": 5, \"piece\": 1, \"root\": \"00\", \"pieces\": [], \"etag\": \"x\"}" };
    let router = Router::new().route("/", get(async || listing(&[("a", ListedKind::File)]))).route("/a", get(nonsense));
    let (_server, _client, _exposed, dialer) = liar(router).await;
    let dir = tempfile::tempdir().unwrap();
    let refused = fetched(dialer, dir.path()).await.unwrap_err();
    assert!(matches!(refused, GetError::Refused { .. }), "{refused}");
}
