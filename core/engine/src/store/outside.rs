//! Every call from this room into `record` and `seal`, in one place.

use super::texts::Located;
use crate::error::{Error, Result};
use crate::record::change::Change;
use crate::record::resource::{self, Resource};
use crate::record::text;
use carnet_wire::Canonical;

/// Reads the body of a change as it travels.
pub(super) fn unpack(body: &[u8]) -> Result<Change> {
    let plain = crate::seal::unpack_body(body)?;
    Change::from_canonical(&plain).map_err(|_| Error::Corrupt("a change does not decode"))
}

/// Derives a resource from its text; `None` when this build cannot read it.
pub(super) fn derive(located: &Located<'_>) -> Option<Resource> {
    resource::read(located.text, located.issuer, located.full_url).ok()
}

/// Folds what people wrote as the words of resources are folded.
pub(super) fn fold(words: &str) -> String {
    text::fold_words(words)
}

/// The folded words of a query.
pub(super) fn query_words(query: &str) -> Vec<String> {
    text::query_words(query)
}
