//! Services for the tests to call.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use atoll_node::{Context, Node, Receiver, Sender, Serving, Status};
use atoll_tests::{NodeProcess, PATIENCE, until};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Add {
    /// The first summand.
    pub(crate) a: i64,
    /// The second summand.
    pub(crate) b: i64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Sum {
    /// The sum.
    pub(crate) sum: i64,
}

/// A request without arguments.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Nothing {}

/// Who answered.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Who {
    pub(crate) node: String,
    pub(crate) version: String,
}

/// `math.calc`, with `add` and `who`.
pub(crate) async fn calc(node: &Node, version: &'static str) -> Result<Serving> {
    let service = node
        .service("math.calc", version)?
        .doc("Simple arithmetic.")
        .method("add", |_: Context, r: Add| async move { Ok(Sum { sum: r.a + r.b }) })
        .documented("add", "Adds two whole numbers.")
        .method("who", move |context: Context, _: Nothing| async move {
            Ok(Who { node: context.node().to_string(), version: version.to_owned() })
        });
    Ok(service.register().await?)
}

/// `trouble.maker`: answers late, fails, echoes bytes, and panics when it divides by zero: in the handler's future, or
/// before there is one.
pub(crate) async fn trouble(node: &Node) -> Result<Serving> {
    let service =
        node.service("trouble.maker", "1.0.0")?
            .method("sleep", |_: Context, _: Nothing| async move {
                tokio::time::sleep(Duration::from_secs(60)).await;
                Ok(())
            })
            .method("fail", |_: Context, _: Nothing| async move {
                Err::<(), _>(Status::failed_precondition("not on a Sunday"))
            })
            .method("divide", |_: Context, divisor: i64| async move { Ok(1 / divisor) })
            .method("divide-early", |_: Context, divisor: i64| {
                let quotient = 1 / divisor;
                async move { Ok(quotient) }
            })
            .raw_method("echo", |_, bytes| async move { Ok(bytes) });
    Ok(service.register().await?)
}

/// How many handlers of [`talk`] are at work.
#[derive(Clone, Default)]
pub(crate) struct Talkers(Arc<AtomicUsize>);

/// One handler at work.
struct Talker(Talkers);

impl Talkers {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn enter(&self) -> Talker {
        self.0.fetch_add(1, Ordering::SeqCst);
        Talker(self.clone())
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// `talk`: counts, without end if it is told so; sums; gives back what it is told, until that is "fail".
pub(crate) async fn talk(node: &Node, talkers: &Talkers) -> Result<Serving> {
    let (counting, echoing) = (talkers.clone(), talkers.clone());
    let service = node
        .service("talk", "1.0.0")?
        .metadata("zone", "eu")
        .server_stream("count", move |_: Context, to: Option<u64>, mut out: Sender<u64>| {
            let work = counting.enter();
            async move {
                let _work = work;
                for number in 1..=to.unwrap_or(u64::MAX) {
                    out.send(&number).await?;
                }
                Ok(())
            }
        })
        .client_stream("sum", |_: Context, mut numbers: Receiver<i64>| async move {
            let mut sum = 0;
            while let Some(number) = numbers.next().await? {
                sum += number;
            }
            Ok(Sum { sum })
        })
        .bidirectional("echo", move |_: Context, mut from: Receiver<String>, mut to: Sender<String>| {
            let work = echoing.enter();
            async move {
                let _work = work;
                while let Some(said) = from.next().await? {
                    if said == "fail" {
                        return Err(Status::resource_exhausted("enough").retry_after(Duration::from_millis(30)));
                    }
                    to.send(&said).await?;
                }
                Ok(())
            }
        })
        .method("ask", |context: Context, _: Nothing| async move { Ok(context.metadata().get("user").cloned()) });
    Ok(service.register().await?)
}

/// Waits until a node lists so many instances of a service.
pub(crate) async fn listed(node: &NodeProcess, service: &str, instances: u64) -> Result<()> {
    until(&format!("{instances} instances of {service} are listed"), PATIENCE, async || {
        let rows: Vec<Value> = node.ask(&["network", "services"]).await?;
        let found: u64 = rows.iter().filter(|r| r["name"] == service).filter_map(|r| r["instances"].as_u64()).sum();
        Ok((found == instances).then_some(()))
    })
    .await
}
