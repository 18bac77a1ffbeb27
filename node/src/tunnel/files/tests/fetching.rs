//! Fetching files: whole, again, and after it was broken off.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_fetched_with_all_that_is_in_it() {
    let house = House::new();
    let stage = Stage::sharing(&house.shared(), None).await;
    let into = tempfile::tempdir().unwrap();
    let at = into.path().join("new/folder");
    let got = stage.get(&at).await.unwrap();
    let all = tree(&at);
    let names: Vec<&str> = all.keys().map(String::as_str).collect();
    assert_eq!(names, ["a file.txt", "empty", "sub/deep/b.bin"], "links are not files");
    assert_eq!((all["a file.txt"].as_slice(), &all["sub/deep/b.bin"]), (b"hello, file".as_slice(), &bytes(3_000_000)));
    let expected = Progress { files_done: 3, files: 3, bytes_done: 3_000_011, bytes: 3_000_011, bytes_kept: 0 };
    assert_eq!((got.progress, &got.path), (expected, &at));
    // What is there is not fetched again.
    let again = stage.get(&at).await.unwrap();
    assert_eq!(again.progress, Progress { bytes_kept: 3_000_011, ..expected });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_file_is_put_into_the_folder() {
    let house = House::new();
    let stage = Stage::sharing(&house.shared().join("a file.txt"), None).await;
    let into = tempfile::tempdir().unwrap();
    let got = stage.get(into.path()).await.unwrap();
    assert_eq!(
        (got.path.clone(), fs::read(&got.path).unwrap()),
        (into.path().join("a file.txt"), b"hello, file".to_vec())
    );
}

/// Where the incomplete file of a folder is.
fn partial(folder: &Path) -> std::path::PathBuf {
    let is_partial =
        |path: &std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(".atoll-part-");
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).find(is_partial).expect("an incomplete file")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_broken_off_is_gone_on_with_and_checked() {
    let house = House::new();
    let size = 40_000_000;
    let content = bytes(size);
    fs::write(house.shared().join("big"), &content).unwrap();
    let stage = Stage::sharing(&house.shared().join("big"), None).await;
    let into = tempfile::tempdir().unwrap();
    let watched = Watched::default();
    // It is given up somewhere in the middle.
    tokio::select! {
        got = stage.client.get(&stage.ticket, into.path(), &watched) => panic!("all has come at once: {got:?}"),
        () = crate::testing::eventually("some has come", || watched.progress().bytes_done > 5_000_000) => {}
    }
    let part = partial(into.path());
    assert!(!into.path().join("big").exists());
    // What the disk has done to it meanwhile is noticed: from there on it is fetched anew.
    let mut had = fs::read(&part).unwrap();
    assert!(had.len() > 4 << 20, "{}", had.len());
    had[(3 << 20) + 17] ^= 1;
    fs::write(&part, &had).unwrap();
    let got = stage.get(into.path()).await.unwrap();
    assert!(fs::read(&got.path).unwrap() == content);
    assert_eq!(got.progress.bytes_kept, 3 << 20);
    assert_eq!(tree(into.path()).len(), 1, "nothing else is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_overwritten() {
    let house = House::new();
    let stage = Stage::sharing(&house.shared().join("a file.txt"), None).await;
    let into = tempfile::tempdir().unwrap();
    let own = into.path().join("a file.txt");
    fs::write(&own, "my own words").unwrap();
    let refused = stage.get(into.path()).await.unwrap_err();
    assert!(matches!(&refused, GetError::InTheWay { path } if *path == own), "{refused}");
    assert_eq!(fs::read(&own).unwrap(), b"my own words");
    // Nor through a link.
    fs::remove_file(&own).unwrap();
    let elsewhere = house.outside().join("new");
    std::os::unix::fs::symlink(&elsewhere, &own).unwrap();
    assert!(matches!(stage.get(into.path()).await, Err(GetError::InTheWay { .. })));
    assert!(!elsewhere.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_has_changed_is_fetched_as_it_is_then() {
    let house = House::new();
    fs::write(house.shared().join("big"), bytes(20_000_000)).unwrap();
    let stage = Stage::sharing(&house.shared().join("big"), None).await;
    let into = tempfile::tempdir().unwrap();
    let watched = Watched::default();
    tokio::select! {
        got = stage.client.get(&stage.ticket, into.path(), &watched) => panic!("all has come at once: {got:?}"),
        () = crate::testing::eventually("some has come", || watched.progress().bytes_done > 2_000_000) => {}
    }
    let mut other = bytes(20_000_000);
    other.reverse();
    fs::write(house.shared().join("big"), &other).unwrap();
    let got = stage.get(into.path()).await.unwrap();
    assert!(fs::read(&got.path).unwrap() == other);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_tickets_for_files_are_fetched() {
    let (server, client) = pair().await;
    let _exposed =
        server.expose("app", crate::tunnel::Target::Tcp("127.0.0.1:9".parse().unwrap())).begin().await.unwrap();
    let (_, ticket) = server.issue_ticket("app", HOUR).await.unwrap();
    let into = tempfile::tempdir().unwrap();
    let refused = client.get(&ticket, into.path(), &Watched::default()).await.unwrap_err();
    assert!(matches!(refused, GetError::NoFiles), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_ticket_fetches_nothing() {
    let house = House::new();
    let stage = Stage::sharing(&house.shared(), None).await;
    stage.server.revoke_ticket(stage.server.tickets()[0].id).await.unwrap();
    let into = tempfile::tempdir().unwrap();
    let refused = stage.get(into.path()).await.unwrap_err();
    assert!(matches!(refused, GetError::Status(_)), "{refused}");
}
