//! `node service search`.

use atoll_node::{
    SearchQuery,
    control::api::{FoundRow, SEARCH_LIMIT, SearchReply, SearchRequest},
};
use atoll_protocol::names::parse_requirement;
use clap::Args;
use semver::VersionReq;

use crate::{
    failure::Failure,
    network::some,
    session::Session,
    table::Table,
    values::{map, pair},
};

#[cfg(test)]
mod tests;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SearchArgs {
    /// What to look for, whatever the case; every word must be somewhere: anywhere in the names of the service, its
    /// methods and topics, or at the beginning of a word of its docs and metadata
    #[arg(value_name = "WORDS")]
    pub(crate) words: Vec<String>,
    /// Only services whose name begins like this
    #[arg(long, value_name = "PREFIX", value_parser = prefix)]
    pub(crate) prefix: Option<String>,
    /// Only instances with exactly this metadata, as `call --where` takes it; may be given several times
    #[arg(long = "meta", value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) labels: Vec<(String, String)>,
    /// Only these versions: 1, ^1.2 or =1.2.3
    #[arg(long, value_name = "REQ", value_parser = parse_requirement)]
    pub(crate) version: Option<VersionReq>,
    /// Show at most so many services [default: 50]
    #[arg(long, value_name = "N", value_parser = limit)]
    pub(crate) limit: Option<usize>,
}

const EXAMPLES: &str = "\
The best come first: those called like a word, then those with it in their name, then those that speak of it; those that \
could not be reached lately are last. METHODS are the methods that a word was found in.

Examples:
  node service search calc
  node service search add numbers
  node service search --prefix math. --version ^1.2
  node service search photos --meta zone=eu --output json";

pub(crate) async fn run(args: SearchArgs, session: &Session) -> Result<(), Failure> {
    let reply: SearchReply = session.client.post("/v1/search", &request(&args)?, None).await?;
    session.out.value(&reply, |reply| page(reply, session.out.width()))
}

fn request(args: &SearchArgs) -> Result<SearchRequest, Failure> {
    let request = SearchRequest {
        words: args.words.join(" "),
        prefix: args.prefix.clone().unwrap_or_default(),
        labels: map(&args.labels, "--meta")?,
        version: args.version.as_ref().map(ToString::to_string),
        limit: args.limit,
    };
    if (SearchRequest { limit: None, ..request.clone() }) == SearchRequest::default() {
        let said = "nothing to look for: give words, --prefix, --meta or --version; `service list` lists every service";
        return Err(Failure::Usage(said.to_owned()));
    }
    // The node would say the same, but that the command line is wrong shows here already.
    SearchQuery::new(&request.words).map_err(|e| Failure::Usage(e.to_string()))?;
    Ok(request)
}

fn page(reply: &SearchReply, width: Option<usize>) -> String {
    if reply.found.is_empty() {
        return "nothing found; every word must be somewhere, so try fewer, or list every service: service list"
            .to_owned();
    }
    let mut page = table(&reply.found).render(width);
    if reply.more > 0 {
        let more = reply.more;
        page.push_str(&format!("\n{more} more; narrow the search with another word, --prefix, --meta or --version"));
    }
    page
}

fn table(rows: &[FoundRow]) -> Table {
    let mut table = Table::new(["NAME", "VERSION", "INSTANCES", "STATE", "METHODS", "ABOUT"]);
    for row in rows {
        table.row([
            row.name.to_string(),
            row.version.clone(),
            row.instances.to_string(),
            if row.suspect { "suspect" } else { "ok" }.to_owned(),
            some(row.methods.iter().map(ToString::to_string)),
            row.doc.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned(),
        ]);
    }
    table
}

/// The beginning of a name.
fn prefix(text: &str) -> Result<String, String> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
    if !text.is_empty() && text.bytes().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("a prefix is the beginning of a name, of a-z, 0-9, hyphens and dots, such as math.".to_owned())
    }
}

fn limit(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(limit) if (1..=SEARCH_LIMIT).contains(&limit) => Ok(limit),
        _ => Err(format!("it takes a number from 1 to {SEARCH_LIMIT}, such as 20")),
    }
}
