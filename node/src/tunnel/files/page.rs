//! What is in a folder: as a page for people, and as JSON.

use serde::{Deserialize, Serialize};

use super::place::{Entry, Names, encode};

/// What is in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// The folder's path, with a slash before and behind each name.
    pub path: String,
    /// Whether a single file is shared rather than a folder: it is the only entry.
    #[serde(default)]
    pub single: bool,
    /// Whether files may be put here.
    #[serde(default)]
    pub upload: bool,
    /// Folders first, by name.
    pub entries: Vec<Listed>,
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ListedKind,
    /// Bytes of a file.
    #[serde(default)]
    pub size: u64,
    /// When it was changed last, in milliseconds since 1970.
    #[serde(default)]
    pub modified_ms: u64,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListedKind {
    /// A file.
    File,
    /// A folder.
    Folder,
}

impl From<&Entry> for Listed {
    fn from(entry: &Entry) -> Self {
        let kind = if entry.folder { ListedKind::Folder } else { ListedKind::File };
        let size = if entry.folder { 0 } else { entry.facts.size };
        let modified_ms = u64::try_from(entry.facts.modified.as_millis()).unwrap_or(u64::MAX);
        Self { name: entry.name.clone(), kind, size, modified_ms }
    }
}

/// Puts a chosen file where it belongs, and shows the folder anew. The page's only script; its policy allows this one alone.
pub(super) const SCRIPT: &str = "\
const form=document.forms[0],said=document.querySelector('output');\
form.onsubmit=async event=>{event.preventDefault();\
for(const file of form.file.files){said.textContent='sending '+file.name+' …';\
const answer=await fetch(encodeURIComponent(file.name),{method:'PUT',body:file}).catch(error=>({ok:false,text:()=>error.message}));\
if(!answer.ok){said.textContent=file.name+': '+await answer.text();return}}\
location.reload()}";

const STYLE: &str = "\
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}\
body{max-width:50rem;margin:2rem auto;padding:0 1rem}\
table{width:100%;border-collapse:collapse}\
td{padding:.4rem .5rem;border-top:1px solid #8884;overflow-wrap:anywhere}\
td+td{text-align:right;white-space:nowrap;opacity:.75}\
a{text-decoration:none}a:hover,a:focus{text-decoration:underline}\
form{margin:1.5rem 0}";

/// The page.
pub(super) fn html(title: &str, names: &Names, listing: &Listing) -> String {
    let place = if listing.path == "/" { title.to_owned() } else { format!("{title}/{}", names.shown()) };
    let heading = escape(&place);
    let mut rows = String::new();
    if listing.path != "/" {
        rows.push_str("<tr><td><a href=\"../\">↑ one folder up</a></td><td></td><td></td></tr>");
    }
    for entry in &listing.entries {
        rows.push_str(&row(entry));
    }
    if rows.is_empty() {
        rows.push_str("<tr><td>Nothing is in this folder.</td></tr>");
    }
    let upload = if listing.upload {
        format!(
            "<form><label>Put files here: <input type=\"file\" name=\"file\" multiple required></label> \
             <button>Send</button> <output></output></form><script>{SCRIPT}</script>"
        )
    } else {
        String::new()
    };
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{heading}</title><style>{STYLE}</style></head><body><h1>{heading}</h1><table>{rows}</table>{upload}</body></html>\n"
    )
}

fn row(entry: &Listed) -> String {
    let (slash, size) = match entry.kind {
        ListedKind::Folder => ("/", String::new()),
        ListedKind::File => ("", size(entry.size)),
    };
    let (href, name) = (encode(&entry.name), escape(&entry.name));
    // `./` since a name may have a colon.
    let link = format!("<a href=\"./{href}{slash}\">{name}{slash}</a>");
    format!("<tr><td>{link}</td><td>{size}</td><td>{}</td></tr>", day(entry.modified_ms))
}

/// Text as it stands in HTML, also in a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// The day, as ISO 8601 writes it.
fn day(unix_ms: u64) -> String {
    let secs = i64::try_from(unix_ms / 1000).unwrap_or(i64::MAX);
    time::OffsetDateTime::from_unix_timestamp(secs).map(|moment| moment.date().to_string()).unwrap_or_default()
}
