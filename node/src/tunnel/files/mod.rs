//! Files and folders, offered to whoever has a ticket, and fetched from them.
//!
//! What is shared is a web application within the node, behind a tunnel like any other: a browser shows it, and so does curl.
//!
//! | request | answer |
//! |---|---|
//! | `GET /folder/` | what is in it: a page, or a [`Listing`] to those who accept JSON |
//! | `GET /folder/file` | the file, whole or a range of it (RFC 9110, 14), with an `ETag` for `If-Range` and `If-None-Match` |
//! | `GET /folder/file?hashes` | its [`Hashes`]: one for each piece, so that whoever goes on where they left off knows what they have |
//! | `PUT /folder/file` | takes a new file, where that is allowed, within bounds |
//!
//! Nothing outside of what is shared is ever served, read or written: paths are followed one name at a time from a folder that is
//! held open ([`place`]), links are not followed at all, and whoever fetches treats the names that they are told as a stranger's
//! ([`get`]).

pub mod get;
mod hashes;
mod page;
mod place;
mod range;
mod serve;
mod share;
mod upload;

#[cfg(test)]
mod tests;

pub(super) use self::serve::serve;
pub use self::{
    hashes::Hashes,
    page::{Listed, ListedKind, Listing},
    share::{FileShare, ShareError},
};
