//! Services for the tests to call.

use std::time::Duration;

use anyhow::Result;
use atoll_node::{Context, Node, Serving, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
