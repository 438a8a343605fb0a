//! `tenure keys`: the Ed25519 keys that sign the ledger.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Subcommand;

use super::{Common, Failure, Outcome, say, say_json};
use crate::app::setup::Setup;
use crate::base::signing::{PublicKey, Signer};
use crate::db::Access;
use crate::ledger;
use crate::run;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a key, write it to a file that only its owner may read, and print its public half
    Generate {
        /// The file, which must not exist yet
        #[arg(long, value_name = "FILE", default_value = "tenure-ledger.key")]
        out: PathBuf,
    },
    /// Print the public half of the configured key, for whoever verifies
    Show,
    /// Hand over to the key in FILE, for which the configured one vouches; then name FILE in the config
    Rotate {
        #[arg(value_name = "FILE")]
        to: PathBuf,
    },
}

pub(super) fn keys(common: &Common, command: Command) -> Outcome {
    match command {
        Command::Generate { out } => generate(common, &out),
        Command::Show => show(common),
        Command::Rotate { to } => rotate(common, &to),
    }
}

fn generate(common: &Common, out: &Path) -> Outcome {
    let signer = Signer::generate().ok_or_else(|| anyhow!("this host gives no random numbers, so there is no key"))?;
    let pem = signer.to_pem().ok_or_else(|| anyhow!("the key cannot be written"))?;
    let whole = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(out)?;
        file.write_all(pem.as_bytes())?;
        file.sync_all()
    };
    whole().with_context(|| format!("cannot make the key file {}", out.display()))?;
    tell(common, &signer.public())
}

fn show(common: &Common) -> Outcome {
    tell(common, &configured(&Setup::load(common)?)?.public())
}

fn rotate(common: &Common, to: &Path) -> Outcome {
    let setup = Setup::load(common)?;
    configured(&setup)?;
    let pem = fs::read_to_string(to).with_context(|| format!("cannot read {}", to.display()))?;
    let next =
        Signer::from_pem(&pem).ok_or_else(|| Failure::Usage(format!("{} holds no Ed25519 key", to.display())))?;
    setup.each_database(Access::ReadWrite, |_, conn| {
        run::prepare_ledger(conn)?;
        Ok(ledger::keys::rotate(conn, &next)?)
    })?;
    tell(common, &next.public())
}

fn configured(setup: &Setup) -> Result<&Signer, Failure> {
    setup.config.signer.as_deref().ok_or_else(|| {
        let sentence = "no key is configured: name one as `signing_key_file` under [ledger] in tenure.toml";
        Failure::Usage(sentence.to_owned())
    })
}

fn tell(common: &Common, key: &PublicKey) -> Outcome {
    let pem = key.to_pem().ok_or_else(|| anyhow!("the key cannot be written"))?;
    match common.json {
        true => say_json(&serde_json::json!({ "key": key.to_string(), "pem": pem }))?,
        false => say(&pem)?,
    }
    Ok(0)
}
