//! What was published, word for word.

use jiff::civil::Date;

use crate::diagnostic::document::Table;
use crate::diagnostic::place::Places;

use super::notation;

/// A published promise, by the id that rules, holds and entries cite.
#[derive(Debug, Clone)]
pub struct Promise {
    pub id: String,
    /// The sentence as it was published.
    pub text: String,
    /// Where it was published.
    pub url: Option<String>,
    /// The day since which it holds.
    pub since: Option<Date>,
    pub places: Places,
}

/// `[[promise]]`.
pub(super) fn promise(table: &Table) -> Option<Promise> {
    table.knows(&["id", "text", "url", "since"]);
    let id = table.require("id", "write the id that `promise` cites, for example `id = \"A1\"`");
    let id = id.and_then(|item| item.text());
    let text = table.require("text", "write the sentence as it was published");
    let text = text.and_then(|item| item.parse(notation::sentence));
    let url = table.get("url").map(|item| item.parse(notation::web_address));
    let since = table.get("since").map(|item| item.date());
    Some(Promise {
        id: id?.to_owned(),
        text: text?,
        url: url.map_or(Some(None), |url| url.map(Some))?,
        since: since.map_or(Some(None), |since| since.map(Some))?,
        places: table.places(),
    })
}
