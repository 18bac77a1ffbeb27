use super::*;

#[tokio::test(start_paused = true)]
async fn an_author_is_followed_while_it_is_fast() {
    let mut window = Window::new();
    for _ in 0..100 {
        tokio::time::advance(WINDOW / 10).await;
        assert!(window.goes_on(2), "two a second");
    }
    let mut slow = Window::new();
    assert!(slow.goes_on(FAST - 1));
    tokio::time::advance(WINDOW).await;
    assert!(!slow.goes_on(0), "less than one a second");
}
