//! Who gets in, who waits, who is sent away.

use futures::FutureExt;

use super::*;

#[tokio::test]
async fn beyond_its_places_and_its_queue_a_service_refuses_at_once() {
    let admission = Admission::new(2, 1);
    let first = admission.enter().await.unwrap();
    let _second = admission.enter().await.unwrap();
    let mut third = Box::pin(admission.enter());
    assert!(third.as_mut().now_or_never().is_none(), "it waits");
    let refused = admission.enter().now_or_never().unwrap().unwrap_err();
    assert_eq!(refused.code(), atoll_protocol::rpc::Code::ResourceExhausted);
    assert!(refused.is_retryable() && refused.wait().is_some(), "{refused:?}");
    assert!(refused.message().contains("2 calls") && refused.message().contains("1 wait"), "{refused}");

    drop(first);
    let third = third.await.unwrap();
    let mut fourth = Box::pin(admission.enter());
    assert!(fourth.as_mut().now_or_never().is_none(), "one may wait again");
    drop(third);
    drop(fourth.await.unwrap());
}

#[tokio::test]
async fn who_gives_up_waiting_leaves_the_queue() {
    let admission = Admission::new(1, 1);
    let _first = admission.enter().await.unwrap();
    for _ in 0..3 {
        let mut waiting = Box::pin(admission.enter());
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(admission.enter().now_or_never().unwrap().is_err());
    }
}

#[test]
fn the_hint_grows_with_the_waiting_and_has_bounds() {
    let admission = Admission::new(1, 1);
    let hint = || admission.refusal().wait().unwrap();
    assert_eq!(hint(), HINT[0]);
    (0..40).for_each(|_| admission.has_waited(Duration::from_millis(800)));
    assert!((Duration::from_millis(700)..=Duration::from_millis(800)).contains(&hint()), "{:?}", hint());
    (0..40).for_each(|_| admission.has_waited(Duration::from_secs(800)));
    assert_eq!(hint(), HINT[1]);
}

#[tokio::test]
async fn who_had_to_wait_counts() {
    let admission = Admission::new(1, 1);
    let first = admission.enter().await.unwrap();
    let (second, ()) = tokio::join!(admission.enter(), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(first);
    });
    drop(second.unwrap());
    assert!(admission.waited.load(Ordering::Relaxed) >= 20, "an eighth of 200 ms");
}
