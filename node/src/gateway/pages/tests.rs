//! That the pages are whole, and ask nobody but their own node.

use super::*;
use crate::gateway::tests::{get, node_with_gateway};

#[tokio::test(flavor = "multi_thread")]
async fn every_page_and_all_that_it_names_is_there_under_a_strict_policy() {
    let node = node_with_gateway(&[]).await;
    let mut named = Vec::new();
    for path in ["/", "/docs"] {
        let page = get(&node, path).await;
        assert_eq!((page.status, page.header("content-type")), (200, HTML));
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        named.extend(page.text().split('"').filter(|part| part.starts_with("/assets/")).map(str::to_owned));
    }
    for (name, media, text) in ASSETS {
        let imported = text.split('"').filter_map(|part| part.strip_prefix("./"));
        named.extend(imported.map(|part| format!("/assets/{part}")));
        let asset = get(&node, &format!("/assets/{name}")).await;
        assert_eq!((asset.status, asset.header("content-type")), (200, media), "{name}");
    }
    for path in named {
        assert_eq!(get(&node, &path).await.status, 200, "{path}");
    }
    get(&node, "/assets/../mod.rs").await.problem(404);
}

#[test]
fn nothing_is_asked_of_anybody_else_and_no_text_becomes_code() {
    for (name, _, text) in ASSETS {
        for address in text.split("http").skip(1).filter(|rest| rest.starts_with("://") || rest.starts_with("s://")) {
            // The name of SVG is none that is asked for.
            assert!(address.starts_with("://www.w3.org/2000/svg"), "{name}: {address:.60}");
        }
        for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "document.write", "style="] {
            assert!(!text.contains(word), "{name} has {word}");
        }
    }
}
