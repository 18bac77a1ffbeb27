//! A chat: rooms in the terminal, with what was said before, and who is there.
//!
//! ```sh
//! cargo run --example 05_chat -- --name ada                                # prints how others join
//! cargo run --example 05_chat -- --name bob --peer /ip4/…/p2p/12D3Koo…     # not needed on one LAN
//! ```
//!
//! It works on a LAN without internet, and alone: what is said then is given to the others once they are met. With `--demo` it
//! is its own users: some, talking to each other, whose messages are counted at all of them.

use std::{
    collections::{BTreeMap, HashMap},
    io::Write,
    path::PathBuf,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use atoll_node::{AckLevel, Delivery, From, Message, Multiaddr, Node, Subscription, Topic};
use clap::Parser;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader};

/// Rooms in the terminal: what is said is kept, and reaches whoever was away
#[derive(Debug, Parser)]
#[command(after_help = "Type a line to say it, /who to see who is there, /quit to leave.")]
struct Args {
    /// What the others call you
    #[arg(long, default_value = "somebody")]
    name: String,
    /// The room: labels of a-z, 0-9 and inner hyphens
    #[arg(long, default_value = "lobby")]
    room: String,
    /// An address of somebody who is there; without it the LAN is looked at
    #[arg(long, value_name = "ADDR")]
    peer: Vec<Multiaddr>,
    /// Show what was said in this time before
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    since: Duration,
    /// Remember who you are and what was said, in this directory; without it you are somebody else each time
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Be so many users instead, who talk to each other for as long as --for says, and count what each has heard
    #[arg(long, value_name = "USERS", num_args = 0..=1, default_missing_value = "4")]
    demo: Option<usize>,
    /// Of the users of --demo: how long
    #[arg(long = "for", value_name = "TIME", default_value = "6s", value_parser = humantime::parse_duration)]
    time: Duration,
    /// Of the users of --demo: what each says in a minute
    #[arg(long, value_name = "MESSAGES", default_value_t = 60)]
    pace: u32,
}

/// What is said in a room.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    from: String,
    text: String,
}

/// What everybody says now and then.
#[derive(Debug, Serialize, Deserialize)]
struct Presence {
    name: String,
}

/// Who says nothing for so long is away.
const AWAY: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    match args.demo {
        Some(users) => demo(&args, users).await,
        None => talk(&args).await,
    }
}

struct Room {
    lines: Topic,
    presence: Topic,
}

impl Room {
    fn of(node: &Node, name: &str) -> Result<Self> {
        let topic = |kind: &str| node.topic(&format!("chat/{name}/{kind}"));
        Ok(Self { lines: topic("lines")?, presence: topic("presence")? })
    }

    /// Says that somebody is there. It is no loss if that does not arrive; the next time comes soon.
    async fn be_there(&self, name: &str) -> Result<()> {
        self.presence.publish(&Presence { name: name.to_owned() }).key(name.to_owned()).gossip().await?;
        Ok(())
    }
}

async fn talk(args: &Args) -> Result<()> {
    let mut builder = Node::builder().bootstrap(args.peer.iter().cloned());
    if let Some(dir) = &args.data_dir {
        builder = builder.data_dir(dir);
    }
    let node = builder.spawn().await?;
    let room = Room::of(&node, &args.room)?;
    let begin = SystemTime::now().checked_sub(args.since).unwrap_or(UNIX_EPOCH);
    let mut lines = room.lines.subscribe().from(From::Time(begin)).begin()?;
    let mut presence = room.presence.subscribe().begin()?;
    println!("You are {} in {}. Others join with:", args.name, args.room);
    for address in node.addresses() {
        println!("  --peer {address}");
    }
    let mut typed = BufReader::new(tokio::io::stdin()).lines();
    let (mut here, mut beat) = (Here::default(), tokio::time::interval(AWAY / 3));
    loop {
        tokio::select! {
            delivery = lines.next() => match delivery {
                Some(Delivery::Message(message)) => show(&message)?,
                Some(Delivery::Gap(gap)) => println!("--- {} messages of somebody are no longer to be had ---", gap.to.0 - gap.from.0 + 1),
                None => break,
            },
            Some(Delivery::Message(message)) = presence.next() => here.heard(&message.json()?),
            _ = beat.tick() => {
                room.be_there(&args.name).await?;
                here.tell_who_left();
            }
            line = typed.next_line() => match line?.as_deref().map(str::trim) {
                None | Some("/quit") => break,
                Some("") => {}
                Some("/who") => println!("{}", here.who()),
                // On this machine's disk when it returns; on the others' once they are met.
                Some(text) => drop(room.lines.publish(&Line { from: args.name.clone(), text: text.to_owned() }).await?),
            },
        }
    }
    node.shutdown().await;
    Ok(())
}

fn show(message: &Message) -> Result<()> {
    let at = UNIX_EPOCH + Duration::from_millis(message.time().millis().0);
    let time = humantime::format_rfc3339_seconds(at).to_string();
    let clock = time.get(11..16).unwrap_or_default();
    match message.json::<Line>() {
        Ok(Line { from, text }) => println!("{clock} {from}: {text}"),
        Err(_) => println!("{clock} {} says something that is no line of a chat", message.author().short()),
    }
    Ok(std::io::stdout().flush()?)
}

/// Who is there, and since when nothing was heard of each.
#[derive(Default)]
struct Here(BTreeMap<String, Instant>);

impl Here {
    fn heard(&mut self, presence: &Presence) {
        if self.0.insert(presence.name.clone(), Instant::now()).is_none() {
            println!("* {} is here", presence.name);
        }
    }

    fn tell_who_left(&mut self) {
        self.0.retain(|name, heard| {
            let here = heard.elapsed() < AWAY;
            if !here {
                println!("* {name} is away");
            }
            here
        });
    }

    fn who(&self) -> String {
        let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
        if names.is_empty() { "nobody was heard of in the last minute".to_owned() } else { names.join(", ") }
    }
}

/// Users that talk, every fifth of whom comes late and is brought up to date.
async fn demo(args: &Args, users: usize) -> Result<()> {
    ensure!(users >= 2, "--demo takes at least 2 users, not {users}");
    let listen: Multiaddr = "/ip4/127.0.0.1/udp/0/quic-v1".parse()?;
    let user = async |seeds: Vec<Multiaddr>| {
        Node::builder().network("chat-demo").mdns(false).listen([listen.clone()]).bootstrap(seeds).spawn().await
    };
    let first = user(Vec::new()).await?;
    let seeds = first.addresses();
    let active = (users * 4).div_ceil(5).max(1);
    let mut nodes = vec![first];
    while nodes.len() < active {
        nodes.push(user(seeds.clone()).await?);
    }
    for node in nodes.iter().skip(1) {
        node.joined().await;
    }
    println!("{active} of {users} users are there, and talk for {}.", humantime::format_duration(args.time));
    let mut heard: Vec<(Subscription, HashMap<String, u32>)> = Vec::new();
    for node in &nodes {
        let lines = Room::of(node, &args.room)?.lines;
        heard.push((lines.subscribe().from(From::Earliest).begin()?, HashMap::new()));
    }
    let count = speak(args, &nodes).await?;
    let began = Instant::now();
    for (lines, by_user) in &mut heard {
        listen_until(lines, by_user, count).await?;
    }
    println!(
        "Each of them has heard all {count} messages, every speaker's in order, {} after the last word.",
        ago(began)
    );
    // Those that were away.
    while nodes.len() < users {
        let late = user(seeds.clone()).await?;
        let lines = Room::of(&late, &args.room)?.lines;
        heard.push((lines.subscribe().from(From::Earliest).begin()?, HashMap::new()));
        nodes.push(late);
    }
    let began = Instant::now();
    for (lines, by_user) in heard.iter_mut().skip(active) {
        listen_until(lines, by_user, count).await?;
    }
    println!("So have the {} that came late, {} after the last of them came.", users - active, ago(began));
    for node in &nodes {
        node.shutdown().await;
    }
    Ok(())
}

fn ago(began: Instant) -> String {
    format!("{:.1} s", began.elapsed().as_secs_f64())
}

/// Everybody speaks at the pace that was asked for; gives how many messages that were.
async fn speak(args: &Args, nodes: &[Node]) -> Result<u32> {
    let pause = Duration::from_secs(60) / args.pace.max(1);
    let each = u32::try_from(args.time.as_millis() / pause.as_millis().max(1)).unwrap_or(u32::MAX).max(1);
    let mut speaking = tokio::task::JoinSet::new();
    for (nth, node) in nodes.iter().enumerate() {
        let lines = Room::of(node, &args.room)?.lines;
        speaking.spawn(async move {
            let mut beat = tokio::time::interval(pause);
            for number in 0..each {
                beat.tick().await;
                let line = Line { from: format!("user {nth}"), text: number.to_string() };
                lines.publish(&line).ack(AckLevel::Local).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(spoke) = speaking.join_next().await {
        spoke??;
    }
    Ok(each * u32::try_from(nodes.len())?)
}

/// Listens until so many messages have come, each speaker's in order.
async fn listen_until(lines: &mut Subscription, by_user: &mut HashMap<String, u32>, count: u32) -> Result<()> {
    while by_user.values().sum::<u32>() < count {
        let next = tokio::time::timeout(Duration::from_secs(60), lines.next()).await;
        let delivery = next.context("a message is missing")?;
        let Some(Delivery::Message(message)) = delivery else { anyhow::bail!("not a message, but {delivery:?}") };
        let Line { from, text } = message.json()?;
        let next = by_user.entry(from.clone()).or_default();
        ensure!(text == next.to_string(), "{from} said {text} where {next} comes next");
        *next += 1;
    }
    Ok(())
}
