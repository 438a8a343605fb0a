//! A database of the config, opened.

use std::sync::Arc;

use crate::base::secret::Secret;
use crate::base::signing::{Signer, Signing};
use crate::config::database_url::{Way, redacted, way};
use crate::config::{Config, DatabaseConfig};
use crate::db::{Access, Connection, DbError, ErrorKind};

impl Config {
    /// Opens a database of this config: by its `read_only_url` for what only reads, where there is one. What the ledger gets
    /// over it is signed where a key is configured.
    ///
    /// # Errors
    /// As [`DatabaseConfig::connect`].
    pub fn open(&self, database: &DatabaseConfig, access: Access) -> Result<Connection, DbError> {
        let read_only = database.read_only_url.as_ref().filter(|_| access == Access::ReadOnly);
        let conn = database.connect(read_only.unwrap_or(&database.url), access)?;
        let signing = |signer: &Arc<Signer>| Signing { signer: Arc::clone(signer), heads: self.own_heads(database) };
        Ok(conn.signing_with(self.signer.as_ref().map(signing)))
    }
}

impl DatabaseConfig {
    /// Opens it by one of its URLs. Another host is reached by verified TLS, or the config says why not.
    ///
    /// # Errors
    /// Those of [`Connection::open`], and that it is not.
    pub fn connect(&self, url: &Secret, access: Access) -> Result<Connection, DbError> {
        if way(url.reveal()) == Way::Open && self.allow_plaintext.is_none() {
            let message = format!(
                "cannot connect to {}: it is another host, and the URL asks for no TLS that verifies it; write \
                 `sslmode=verify-full` (PostgreSQL) or `ssl_ca=/path/ca.pem` (MySQL and MariaDB) into the URL, or \
                 `allow_plaintext = \"reason\"` under [database.{}] of tenure.toml, which every report repeats then",
                redacted(url.reveal()),
                self.name
            );
            return Err(DbError::new(ErrorKind::Connect, message));
        }
        Connection::open(url.reveal(), access)
    }
}
