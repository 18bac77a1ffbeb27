//! The network as its users see it: real processes on loopback, through the command line and the library.
//!
//! | module | what it shows |
//! |---|---|
//! | [`join`] | the first node, the events of joining, addresses, two networks side by side |
//! | [`discover`] | every listing command, on seven nodes |
//! | [`bench`] | `node bench` |
//! | [`call`] | calls across nodes, and how they fail |
//! | [`connect`] | `network connect`, and who is refused |
//! | [`crash`] | `kill -9`: gone everywhere when the lease ends |
//! | [`standing`] | what is thought of a peer, over `kill -9` |
//! | [`stream`] | `call --stream`: both ways, cancelled, broken off |
//! | [`stop`] | a clean end: withdrawn everywhere, exit code 0 |
//! | [`registry`] | `service search`, `watch` and `describe`, and the graph for Graphviz |
//! | [`topics`] | `publish`, `subscribe` and `topic`: between nodes, over restarts, with and without keepers |
//! | [`groups`] | `subscribe --group` and `topic groups`: work that is shared, members that are killed, dead letters |
//! | [`tunnels`] | `expose`, `forward`, `share`, `open` and `get`: applications and files of one node, used through another |
//! | [`gateway`] | HTTP, and services in other languages |
//! | [`pages`] | the gateway's pages in a real browser |
//! | [`restart`] | the same identity, the remembered peers, and what was known of the network |
//! | [`refuse`] | what is damaged, taken or unreadable |
//! | [`local`] | commands that need no network |
//! | [`examples`] | the examples, run against each other |

mod bench;
mod call;
mod connect;
mod crash;
mod discover;
mod examples;
mod gateway;
mod groups;
mod join;
mod local;
mod pages;
mod refuse;
mod registry;
mod restart;
mod services;
mod standing;
mod stop;
mod stream;
mod topics;
mod tunnels;
