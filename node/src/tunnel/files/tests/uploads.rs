//! Files that others put into a folder.

use super::*;

fn put(path: &str, len: usize) -> Vec<u8> {
    let head = format!("PUT {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {len}\r\n\r\n");
    [head.as_bytes(), &bytes(len)].concat()
}

async fn code(stage: &Stage, request: &[u8]) -> u16 {
    let (head, _) = stage.ask(request).await;
    head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("{head}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_is_taken_within_bounds() {
    let house = House::new();
    let stage = Stage::sharing(&house.shared(), Some(1_000_000)).await;
    assert_eq!(code(&stage, &put("/sub/new%20one.bin", 600_000)).await, 201);
    assert!(fs::read(house.shared().join("sub/new one.bin")).unwrap() == bytes(600_000));
    // Neither is anything overwritten, nor more taken than was allowed.
    assert_eq!(code(&stage, &put("/a%20file.txt", 5)).await, 409);
    assert_eq!(fs::read(house.shared().join("a file.txt")).unwrap(), b"hello, file");
    assert_eq!(code(&stage, &put("/sub", 5)).await, 409);
    assert_eq!(code(&stage, &put("/huge", 2_000_000)).await, 413);
    assert_eq!(code(&stage, &put("/too-much", 500_000)).await, 413);
    assert_eq!(code(&stage, &put("/just-right", 400_000)).await, 201);
    assert_eq!(code(&stage, &put("/one-more", 1)).await, 413);
    let names: Vec<String> = tree(&house.shared()).into_keys().filter(|name| name.contains(".atoll-part-")).collect();
    assert!(names.is_empty(), "what was refused leaves nothing: {names:?}");
    let (_, _, body) = stage.request("GET", "/", "Accept: text/html\r\n").await;
    assert!(String::from_utf8(body).unwrap().contains("<form"), "people can put files there");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_put_outside() {
    let house = House::new();
    let stage = Stage::sharing(&house.shared(), Some(1_000_000)).await;
    for path in
        ["/../x", "/%2e%2e/x", "/out/x", "/up/x", "/secret.txt", "/nowhere/x", "/sub/", "/", "/.atoll-part-x", "/a%2fb"]
    {
        let code = code(&stage, &put(path, 5)).await;
        assert!((400..500).contains(&code), "{path}: {code}");
    }
    assert_eq!(fs::read(house.outside().join("secret.txt")).unwrap(), SECRET);
    assert_eq!(tree(&house.outside()).len(), 1);
    assert!(!house.dir.path().join("x").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_off_leaves_nothing_and_costs_nothing() {
    let house = House::new();
    let stage = Stage::sharing(&house.shared(), Some(1_000_000)).await;
    let mut request = put("/half", 900_000);
    request.truncate(500_000);
    let mut stream = within("it opens", stage.client.connect_by(&stage.ticket)).await.unwrap();
    stream.write_all(&request).await.unwrap();
    stream.flush().await.unwrap();
    let has_partial = || {
        fs::read_dir(house.shared())
            .unwrap()
            .any(|e| e.unwrap().file_name().to_str().unwrap().starts_with(".atoll-part-"))
    };
    crate::testing::eventually("it is being put", has_partial).await;
    drop(stream);
    crate::testing::eventually("it is gone", || !has_partial()).await;
    assert_eq!(code(&stage, &put("/whole", 1_000_000)).await, 201);
}
