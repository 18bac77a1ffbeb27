//! A web application on one node, used through another one: exposed by name, forwarded to a port, and opened by ticket.
//!
//! ```sh
//! cargo run --example 07_expose_web_app                          # all of it, between two nodes of this process
//! cargo run --example 07_expose_web_app -- --app 127.0.0.1:3000  # an application of yours, until Ctrl-C
//! ```

use std::time::Duration;

use anyhow::Result;
use atoll_node::{Multiaddr, Node, tunnel::AppAddress, tunnel::Target};
use clap::Parser;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

#[derive(Parser)]
struct Args {
    /// A web application that runs already; without it, one that greets
    #[arg(long, value_name = "ADDR")]
    app: Option<AppAddress>,
}

/// The smallest web application there is.
async fn greet(listener: TcpListener) -> Result<()> {
    loop {
        let (mut socket, _) = listener.accept().await?;
        // What is asked for does not matter here.
        let _asked = socket.read(&mut [0; 4096]).await?;
        let page = "Ahoy from the island!\n";
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", page.len());
        socket.write_all(format!("{head}{page}").as_bytes()).await?;
    }
}

/// What a browser would show.
async fn browse(port: std::net::SocketAddr) -> Result<String> {
    let mut socket = TcpStream::connect(port).await?;
    socket.write_all(format!("GET / HTTP/1.1\r\nHost: {port}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer.split_once("\r\n\r\n").map(|(_, page)| page.trim().to_owned()).unwrap_or_default())
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let listen: Multiaddr = "/ip4/127.0.0.1/udp/0/quic-v1".parse()?;
    let builder = || Node::builder().network("example").mdns(false).listen([listen.clone()]);
    let home = builder().spawn().await?;
    let friend = builder().bootstrap(home.addresses()).spawn().await?;
    friend.joined().await;

    let own = args.app.is_some();
    let app = match args.app {
        Some(app) => app,
        None => {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let address = listener.local_addr()?;
            tokio::spawn(greet(listener));
            address.into()
        }
    };

    // For everybody in the network, by name. Dropping it takes the application away.
    let exposed = home.expose("greeter", Target::Http(app.clone())).doc("Says ahoy.").begin().await?;
    if let Some(trouble) = exposed.trouble().await {
        println!("nobody can use it yet: {trouble}");
    }
    let forwarded = friend.forward("greeter")?.begin().await?;
    println!("http://{}/ leads to {app}", forwarded.local());
    if own {
        tokio::signal::ctrl_c().await?;
        return Ok(());
    }
    println!("by name: {}", browse(forwarded.local()).await?);

    // For those alone who have the ticket: it is one word, to be passed on by whatever means.
    let _diary = home.expose("diary", Target::Http(app)).private().begin().await?;
    let (issued, ticket) = home.issue_ticket("diary", Duration::from_secs(3600)).await?;
    let opened = friend.open(&ticket.to_string().parse()?)?.begin().await?;
    println!("by ticket: {}", browse(opened.local()).await?);
    home.revoke_ticket(issued.id).await?;
    println!("revoked: {}", browse(opened.local()).await.unwrap_or_else(|error| error.to_string()));

    friend.shutdown().await;
    home.shutdown().await;
    Ok(())
}
