//! The head of a ledger that this installation signed last. It is kept in the state directory, beside the database, so that a
//! session that can rewrite the ledger cannot rewrite this.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The number of an entry and its hash, 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub entry: i64,
    pub hash: String,
}

/// Where the heads of one database of a config are kept.
#[derive(Debug, Clone)]
pub struct OwnHeads {
    folder: PathBuf,
    /// As the config names the database.
    database: String,
}

impl OwnHeads {
    pub fn new(state_dir: &Path, database: &str) -> Self {
        Self { folder: state_dir.join("signed"), database: database.to_owned() }
    }

    /// The head that was signed last in the database at `place`; `None` where none was.
    ///
    /// # Errors
    /// Where there is one that cannot be read: it must not be taken for none.
    pub fn read(&self, place: &str) -> io::Result<Option<Head>> {
        match fs::read_to_string(self.path(place)) {
            Ok(text) => Ok(Some(serde_json::from_str(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps a head, whole or not at all.
    pub fn write(&self, place: &str, head: &Head) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let path = self.path(place);
        let new = path.with_extension(format!("{}.new", std::process::id()));
        let mut file = fs::File::create(&new)?;
        file.write_all(serde_json::to_string(head)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)
    }

    /// `--database URL` can lead to another database under the same name.
    fn path(&self, place: &str) -> PathBuf {
        let digest = HEXLOWER.encode(&Sha256::digest(format!("{}\n{place}", self.database)));
        self.folder.join(format!("{digest:.16}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_has_a_head_of_its_own_and_a_damaged_one_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let heads = OwnHeads::new(dir.path(), "main");
        let head = |entry| Head { entry, hash: "0".repeat(64) };
        assert_eq!(heads.read("a").unwrap(), None);
        heads.write("a", &head(1)).unwrap();
        heads.write("b", &head(2)).unwrap();
        heads.write("a", &head(3)).unwrap();
        assert_eq!((heads.read("a").unwrap(), heads.read("b").unwrap()), (Some(head(3)), Some(head(2))));
        assert_eq!(OwnHeads::new(dir.path(), "billing").read("a").unwrap(), None);
        fs::write(heads.path("a"), "{").unwrap();
        assert!(heads.read("a").is_err());
    }
}
