//! `node reputation`: how far this node trusts others, and why.

use atoll_node::control::api::{NextTier, Reputation};
use atoll_protocol::identity::NodeId;
use clap::Args;

use crate::{
    failure::Failure,
    session::Session,
    table::Table,
    units::{count, thousands},
};

#[cfg(test)]
mod tests;

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ReputationArgs {
    /// The node, by its full id; without it, all of which anything is known
    #[arg(value_name = "PEER")]
    peer: Option<NodeId>,
    /// Say what the score is made of, and what it follows from
    #[arg(long)]
    why: bool,
}

const HELP: &str = "\
SCORE is from 0 to 1: 0.10 of a stranger, more for each call that is answered well, less for what goes wrong. QUALITY is how \
calls of this node have ended, CALLS how many, WORD how far others speak for it. TIER is what it may do here; LACKS is what is \
missing for the next one. Being out of reach counts against nobody.

Examples:
  node reputation
  node reputation 12D3KooWFppSuubWzyRmtQuVt4bnbCHNfdhyP7wYLJ3qL1EvW477 --why
  node reputation --output json";

pub(crate) async fn run(args: ReputationArgs, session: &Session) -> Result<(), Failure> {
    match args.peer {
        Some(peer) => {
            let one: Reputation = session.client.get(&format!("/v1/reputation/{peer}")).await?;
            session.out.value(&one, |one| page(one, args.why))
        }
        None => {
            let all: Vec<Reputation> = session.client.get("/v1/reputation").await?;
            if args.why && !session.out.is_json() && !all.is_empty() {
                let pages: Vec<String> = all.iter().map(|one| page(one, true)).collect();
                return session.out.text(&pages.join("\n\n"));
            }
            session.out.list(&all, NOBODY, table)
        }
    }
}

const NOBODY: &str = "nothing is known of anybody yet: no calls were made";

fn table(all: &[Reputation]) -> Table {
    let mut table = Table::new(["NODE", "TIER", "SCORE", "QUALITY", "CALLS", "WORD", "DAYS", "LACKS"]);
    for one in all {
        table.row([
            one.node.short(),
            one.tier.to_string(),
            format!("{:.2}", one.score),
            if one.calls == 0 { String::new() } else { format!("{:.2}", one.quality) },
            thousands(one.calls),
            if one.hearsay > 0.0 { format!("{:.2}", one.hearsay) } else { String::new() },
            format!("{:.0}", one.days),
            one.next.as_ref().map(lacks).unwrap_or_default(),
        ]);
    }
    table
}

/// `0.12 of score, 2 days, 48 successes, 2 counterparties`.
fn lacks(next: &NextTier) -> String {
    let NextTier { score, days, successes, counterparties, .. } = next;
    let number = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let whole = |days: f64| days.ceil() as usize;
    let parts = [
        (*score > 0.0, format!("{score:.2} of score")),
        (*days > 0.0, count(whole(*days), "day", "days")),
        (*successes > 0, count(number(*successes), "success", "successes")),
        (*counterparties > 0, count(number((*counterparties).into()), "counterparty", "counterparties")),
    ];
    parts.into_iter().filter(|(is, _)| *is).map(|(_, text)| text).collect::<Vec<_>>().join(", ")
}

fn page(one: &Reputation, why: bool) -> String {
    let mut table = Table::default();
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("node", one.node.to_string());
    row("tier", one.tier.to_string() + if one.friend { ", since the owner of this node trusts it" } else { "" });
    row("score", format!("{:.2}", one.score));
    if let Some(next) = &one.next {
        row(&format!("for {}", next.tier), format!("it lacks {}", lacks(next)));
    }
    if why {
        reasons(one).into_iter().for_each(|(name, value)| row(name, value));
    }
    table.render(None)
}

/// What the score is made of.
fn reasons(one: &Reputation) -> Vec<(&'static str, String)> {
    if one.convicted {
        let said = "it has signed two things where only one can be true; that is proved, and its score is 0 for good";
        return vec![("fraud", said.to_owned())];
    }
    let Reputation { quality, confidence, success, fault, hearsay, .. } = one;
    let assumed = 0.10 + 0.60 * hearsay;
    let calls = if one.calls == 0 {
        "none, so nothing but what is assumed counts".to_owned()
    } else {
        format!(
            "{}; of late {success:.1} successes and {fault:.2} faults (half of each fades in a week)",
            thousands(one.calls)
        )
    };
    let mut rows = vec![("calls", calls)];
    if one.calls > 0 {
        rows.push((
            "quality",
            format!("{quality:.2}: a fault counts four times what a success does, and so do the last calls"),
        ));
        rows.push((
            "certainty",
            format!("{:.0} %: so far the score goes from what is assumed to the quality", confidence * 100.0),
        ));
    }
    let vouched = count(usize::try_from(one.counterparties).unwrap_or(usize::MAX), "peer vouches", "peers vouch");
    rows.push(("word", format!("{hearsay:.2} of 1: {vouched} for it, this node included")));
    rows.push(("assumed", format!("{assumed:.2}: 0.10 of anybody, and up to 0.60 for what others say")));
    rows.push(("active", format!("on {:.0} days, {} successes known of", one.days, thousands(one.successes))));
    if one.witness > 0.0 {
        rows.push(("as witness", format!("{:.1} % of what is believed of others is its word", one.witness * 100.0)));
    }
    rows
}
