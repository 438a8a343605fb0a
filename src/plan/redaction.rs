//! What a redaction puts into a column.

use crate::base::name::Name;
use crate::base::secret::Secret;
use crate::schedule::Redact;

#[derive(Debug, Clone)]
pub struct Redaction {
    pub column: Name,
    /// Holds texts or bytes.
    pub is_text: bool,
    /// By itself a unique key: two rows cannot be given one text.
    pub is_unique: bool,
    /// As the database writes it; safe behind a cast.
    pub sql_type: String,
    pub how: Redact,
    /// Of the columns in a placeholder those that hold bytes, of which it bears the hexadecimal digits.
    pub bytes: Vec<Name>,
    /// The installation's key, where `how` is a keyed hash.
    pub key: Option<Secret>,
}
