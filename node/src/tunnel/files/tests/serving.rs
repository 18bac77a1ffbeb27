//! What browsers and programs are answered.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_listed_for_people_and_for_programs() {
    let house = House::new();
    fs::write(house.shared().join("<b>&'\".html"), "x").unwrap();
    let stage = Stage::sharing(&house.shared(), None).await;
    let (code, head, body) = stage.request("GET", "/", "Accept: text/html,application/json\r\n").await;
    let page = String::from_utf8(body).unwrap();
    assert!(code == 200 && head.contains("content-type: text/html; charset=utf-8"), "{head}");
    assert!(
        page.contains("<a href=\"./a%20file.txt\">a file.txt</a>") && page.contains("<a href=\"./sub/\">sub/</a>"),
        "{page}"
    );
    assert!(page.contains("&lt;b&gt;&amp;&#39;&quot;.html") && !page.contains("<b>"), "{page}");
    assert!(head.contains("default-src 'none'") && head.contains("x-content-type-options: nosniff"), "{head}");
    assert!(!page.contains("<form"), "nothing can be put here");
    let (_, head, body) = stage.request("GET", "/", "Accept: application/json\r\n").await;
    assert!(head.contains("application/json"), "{head}");
    let listing: Listing = serde_json::from_slice(&body).unwrap();
    let names: Vec<_> = listing.entries.iter().map(|entry| (entry.name.as_str(), entry.kind, entry.size)).collect();
    let expected = [
        ("sub", ListedKind::Folder, 0),
        ("<b>&'\".html", ListedKind::File, 1),
        ("a file.txt", ListedKind::File, 11),
        ("empty", ListedKind::File, 0),
    ];
    assert_eq!((names.as_slice(), listing.single, listing.upload), (expected.as_slice(), false, false));
    let (code, head, _) = stage.request("GET", "/sub", "").await;
    assert!(code == 308 && head.contains("location: /sub/"), "{head}");
    let (code, _, body) = stage.request("GET", "/sub/", "").await;
    assert!(code == 200 && String::from_utf8(body).unwrap().contains("../"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_whole_or_in_part() {
    let house = House::new();
    let stage = Stage::sharing(&house.shared(), None).await;
    let (code, head, body) = stage.request("GET", "/a%20file.txt", "").await;
    assert!(code == 200 && body == b"hello, file", "{head}");
    assert!(
        head.contains("content-length: 11") && head.contains("accept-ranges: bytes") && head.contains("text/plain"),
        "{head}"
    );
    assert!(head.contains("content-security-policy: sandbox") && head.contains("last-modified: "), "{head}");
    let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let (code, head, body) =
        stage.request("GET", "/a%20file.txt", &format!("Range: bytes=7-\r\nIf-Range: {etag}\r\n")).await;
    assert!(code == 206 && body == b"file" && head.contains("content-range: bytes 7-10/11"), "{head}");
    let (code, _, body) = stage.request("GET", "/a%20file.txt", "Range: bytes=7-\r\nIf-Range: \"other\"\r\n").await;
    assert!(code == 200 && body == b"hello, file");
    let (code, head, _) = stage.request("GET", "/a%20file.txt", "Range: bytes=11-\r\n").await;
    assert!(code == 416 && head.contains("content-range: bytes */11"), "{head}");
    let (code, _, body) = stage.request("GET", "/a%20file.txt", &format!("If-None-Match: {etag}\r\n")).await;
    assert!(code == 304 && body.is_empty());
    let (code, head, body) = stage.request("HEAD", "/a%20file.txt", "").await;
    assert!(code == 200 && body.is_empty() && head.contains("content-length: 11"), "{head}");
    let (code, _, body) = stage.request("GET", "/sub/deep/b.bin", "Range: bytes=1000000-2999999\r\n").await;
    assert!(code == 206 && body == bytes(3_000_000)[1_000_000..]);
    let (code, _, body) = stage.request("GET", "/a%20file.txt?hashes", "").await;
    let hashes: Hashes = serde_json::from_slice(&body).unwrap();
    assert_eq!((code, hashes.size, hashes.etag), (200, 11, etag));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_not_meant_is_refused() {
    let house = House::new();
    let stage = Stage::sharing(&house.shared(), None).await;
    let absent = [
        "/nothing",
        "/sub/nothing",
        "/a%20file.txt/",
        "/a%20file.txt/x",
        "/out/",
        "/out/secret.txt",
        "/secret.txt",
        "/up/",
        "/link.txt",
    ];
    for path in absent.into_iter().chain([
        "/../outside/secret.txt",
        "/%2e%2e/outside/secret.txt",
        "/sub/../../outside/secret.txt",
    ]) {
        let (code, head, body) = stage.request("GET", path, "").await;
        let served = path == "/a%20file.txt/" && code == 200;
        assert!(code == 404 || served, "{path}: {head}");
        assert!(body != SECRET);
    }
    for method in ["POST", "DELETE", "MKCOL"] {
        assert_eq!(stage.request(method, "/a%20file.txt", "").await.0, 405);
    }
    assert_eq!(stage.request("PUT", "/new.txt", "Content-Length: 0\r\n").await.0, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_single_file_nothing_else_is_shown() {
    let house = House::new();
    let stage = Stage::sharing(&house.shared().join("a file.txt"), None).await;
    let (_, _, body) = stage.request("GET", "/", "Accept: application/json\r\n").await;
    let listing: Listing = serde_json::from_slice(&body).unwrap();
    assert!(listing.single && listing.entries.len() == 1, "{listing:?}");
    assert_eq!(stage.request("GET", "/a%20file.txt", "").await.2, b"hello, file");
    for path in ["/empty", "/sub/", "/sub/deep/b.bin", "/a%20file.txt/x"] {
        assert_eq!(stage.request("GET", path, "").await.0, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_shared_is_named() {
    let house = House::new();
    let node = listening(builder()).await;
    let error = async |path: &Path, upload| node.share(path, HOUR, upload).await.unwrap_err().to_string();
    let nothing = error(&house.shared().join("nothing"), None).await;
    assert!(nothing.contains("nothing") && nothing.contains("cannot share"), "{nothing}");
    let file = error(&house.shared().join("a file.txt"), Some(1)).await;
    assert!(file.contains("it is a file"), "{file}");
    let fifo = error(Path::new("/dev/null"), None).await;
    assert!(fifo.contains("neither a file nor a folder"), "{fifo}");
    assert!(node.tunnels().exposed.is_empty() && node.tickets().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_end_with_their_last_ticket_and_outlive_the_node() {
    let (house, dir) = (House::new(), tempfile::tempdir().unwrap());
    let start = async || loop {
        match builder().data_dir(dir.path()).spawn().await {
            Ok(node) => break node,
            Err(crate::error::SpawnError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(error) => panic!("{error}"),
        }
    };
    let server = start().await;
    let (issued, _) = server.share(&house.shared(), HOUR, None).await.unwrap();
    let (ending, _) = server.share(&house.shared(), Duration::from_millis(1), None).await.unwrap();
    server.shutdown().await;
    drop(server);
    let server = within("it starts again", start()).await;
    let exposed = server.tunnels().exposed;
    assert_eq!((exposed.len(), exposed[0].name.clone()), (1, issued.service.clone()), "{ending:?}");
    assert_eq!(exposed[0].target, house.shared().canonicalize().unwrap().to_str().unwrap());
    server.revoke_ticket(issued.id).await.unwrap();
    assert!(server.tunnels().exposed.is_empty());
    let kept = fs::read_to_string(dir.path().join("tunnels.json")).unwrap();
    assert!(!kept.contains("shared"), "{kept}");
}
