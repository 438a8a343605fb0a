//! A database of the config, opened.

use crate::config::{Config, DatabaseConfig};
use crate::db::{Access, Connection, DbError};

impl Config {
    /// Opens a database of this config: by its `read_only_url` for what only reads, where there is one. What the ledger gets
    /// over it is signed where a key is configured.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub fn open(&self, database: &DatabaseConfig, access: Access) -> Result<Connection, DbError> {
        let read_only = database.read_only_url.as_ref().filter(|_| access == Access::ReadOnly);
        let conn = Connection::open(read_only.unwrap_or(&database.url).reveal(), access)?;
        Ok(conn.signing_with(self.signer.as_ref()))
    }
}
