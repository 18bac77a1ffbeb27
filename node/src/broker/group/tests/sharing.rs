//! Work is shared.

use super::*;

#[tokio::test]
async fn each_job_is_given_to_one_member() {
    let node = node(&[]).await;
    let mut members = [join(group(&node)).await, join(group(&node)).await];
    agreed(&[&members[0], &members[1]], &[&node]).await;
    publish(&node, 0..20).await;
    let done = work(&mut members, 20).await;
    assert_eq!(done.iter().map(|(_, number)| *number).collect::<BTreeSet<_>>(), (0..20).collect());
    assert_eq!(done.iter().map(|(nth, _)| *nth).collect::<BTreeSet<_>>(), BTreeSet::from([0, 1]), "{done:?}");
    nothing(&mut members[0]).await;
    let reports = node.0.broker.groups(None).await;
    assert_eq!((reports[0].coordinator, reports[0].pending, reports[0].leased), (Some(node.id()), Some(0), Some(0)));
}

#[tokio::test]
async fn two_nodes_with_two_members_each_share_what_both_publish() {
    let (one, other) = pair().await;
    let mut members = Vec::new();
    for node in [&one, &one, &other, &other] {
        members.push(join(group(node)).await);
    }
    agreed(&members.iter().collect::<Vec<_>>(), &[&one, &other]).await;
    publish(&one, 0..40).await;
    publish(&other, 40..80).await;
    let done = work(&mut members, 80).await;
    let numbers: Vec<u32> = done.iter().map(|(_, number)| *number).collect();
    assert_eq!(numbers.iter().copied().collect::<BTreeSet<_>>(), (0..80).collect(), "and each once: {done:?}");
    assert_eq!(done.iter().map(|(nth, _)| *nth).collect::<BTreeSet<_>>(), (0..4).collect(), "everybody gets some");
    for node in [&one, &other] {
        let reports = node.0.broker.groups(None).await;
        let report = &reports[0];
        assert_eq!((report.pending, report.nodes.len()), (Some(0), 2), "{report:?}");
        assert_eq!(report.coordinator, members[0].coordinator());
    }
}

#[tokio::test]
async fn what_is_not_managed_comes_again() {
    let node = node(&[]).await;
    let mut member = join(group(&node)).await;
    publish(&node, [7]).await;
    let (_, first) = job(&mut member).await;
    assert_eq!((first.attempt(), first.topic().as_str(), first.author()), (1, TOPIC, node.id()));
    let began = tokio::time::Instant::now();
    first.nack(Duration::from_millis(200), "not now").await.unwrap();
    let (_, second) = job(&mut member).await;
    assert_eq!(second.attempt(), 2);
    assert!(began.elapsed() >= Duration::from_millis(200));
    drop(second);
    let (number, third) = job(&mut member).await;
    assert_eq!((number, third.attempt()), (7, 3), "it was dropped without a word");
    third.ack().await.unwrap();
    nothing(&mut member).await;
}

#[tokio::test]
async fn what_nobody_manages_becomes_a_dead_letter() {
    let (one, other) = pair().await;
    let mut member = join(group(&one).deliveries(2)).await;
    let mut dead = dead_letters(&other).await;
    let published = other.topic(TOPIC).unwrap().publish(&1).key("k").header("colour", "red").await.unwrap();
    for attempt in 1..=2 {
        let (_, job) = job(&mut member).await;
        assert_eq!(job.attempt(), attempt);
        job.nack(None, "no such account").await.unwrap();
    }
    let Some(Delivery::Message(letter)) = within("a dead letter", dead.next()).await else { panic!("no message") };
    let header = |name: &str| letter.headers().get(name).cloned().unwrap_or_default();
    assert_eq!(header("atoll-reason"), "given 2 times and not managed: no such account");
    assert_eq!((header("atoll-attempts"), header("colour")), ("2".to_owned(), "red".to_owned()));
    assert_eq!(
        (header("atoll-origin-topic"), header("atoll-origin-author")),
        (TOPIC.to_owned(), other.id().to_string())
    );
    assert_eq!(
        (header("atoll-origin-epoch"), header("atoll-origin-seq")),
        (published.epoch.to_string(), "1".to_owned())
    );
    assert_eq!((letter.json::<u32>().unwrap(), letter.key().unwrap().as_ref()), (1, &b"k"[..]));
    publish(&other, [2]).await;
    let (_, job) = job(&mut member).await;
    job.reject("nonsense").await.unwrap();
    let Some(Delivery::Message(letter)) = within("a dead letter", dead.next()).await else { panic!("no message") };
    assert_eq!(letter.headers()["atoll-reason"], "rejected: nonsense");
}

#[tokio::test]
async fn one_key_is_worked_on_in_order() {
    let node = node(&[]).await;
    let mut members = [join(group(&node).room(4)).await, join(group(&node).room(4)).await];
    agreed(&[&members[0], &members[1]], &[&node]).await;
    let topic = node.topic(TOPIC).unwrap();
    for number in 0..12_u32 {
        topic.publish(&number).key(if number % 2 == 0 { "even" } else { "odd" }).await.unwrap();
    }
    let (mut given, mut failed) = (Vec::new(), false);
    within("all of it is done", async {
        while given.len() < 12 {
            let next = members.iter_mut().map(|member| member.next().boxed());
            let (job, ..) = futures::future::select_all(next).await;
            let job = job.unwrap();
            let number = job.json::<u32>().unwrap();
            if number == 4 && !std::mem::replace(&mut failed, true) {
                job.nack(None, "once more").await.unwrap();
                continue;
            }
            given.push(number);
            job.ack().await.unwrap();
        }
    })
    .await;
    for parity in 0..2 {
        let of_key: Vec<u32> = given.iter().copied().filter(|number| number % 2 == parity).collect();
        assert_eq!(of_key, (0..6).map(|nth| 2 * nth + parity).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn the_largest_jobs_are_given_over_the_network() {
    let (one, other) = pair().await;
    let here = join(group(&one)).await;
    let there = join(group(&other)).await;
    agreed(&[&here, &there], &[&one, &other]).await;
    let largest = vec![7; 256 * 1024];
    let topic = one.topic(TOPIC).unwrap();
    for _ in 0..4 {
        topic.publish_raw(largest.clone()).await.unwrap();
    }
    // None of them leaves meanwhile: one may coordinate, and then what the other has in hand would be given again.
    let mut members = [here, there];
    for member in &mut members {
        let given = within("a job", member.next()).await.unwrap();
        assert_eq!(given.payload(), &largest);
        given.ack().await.unwrap();
    }
}

#[tokio::test]
async fn a_new_group_begins_where_it_is_told_to() {
    let node = node(&[]).await;
    publish(&node, [1, 2]).await;
    let topic = node.topic(TOPIC).unwrap();
    let mut latest = join(topic.group("latest").unwrap()).await;
    let mut second = join(topic.group("second").unwrap().from(From::Seq(2))).await;
    eventually("it coordinates", || latest.coordinator().is_some()).await;
    publish(&node, [3]).await;
    assert_eq!(job(&mut latest).await.0, 3);
    let (number, first) = job(&mut second).await;
    first.ack().await.unwrap();
    assert_eq!((number, job(&mut second).await.0), (2, 3));
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused_in_words() {
    let node = node(&[]).await;
    let refused = async |group: Group| group.join().await.unwrap_err().to_string();
    assert_eq!(refused(group(&node).room(0)).await, "the setting room is 0; it takes a number from 1 to 1024");
    assert_eq!(refused(group(&node).deliveries(0)).await, "the setting deliveries is 0; a job is given at least once");
    let long = node.topic(&"x".repeat(120)).unwrap().group(WORKERS).unwrap_err().to_string();
    assert!(long.contains("128 bytes at most"), "{long}");
}
