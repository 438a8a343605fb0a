//! Files out of Debian packages that are not installed.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The directory in which what matches `pattern` of a package was unpacked.
pub fn unpacked(package: &str, pattern: &str) -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/unpack-package");
    let output = Command::new(script)
        .args([package, pattern])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("tests/unpack-package can be run");
    assert!(
        output.status.success(),
        "{package} cannot be downloaded: needs Debian 12, its package lists and a network"
    );
    PathBuf::from(String::from_utf8(output.stdout).expect("the script prints a path").trim_end())
}

/// A text file of a package.
pub fn text(package: &str, pattern: &str, path: &str) -> String {
    let path = unpacked(package, pattern).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A text file of a package that is packed by gzip there.
pub fn gzipped_text(package: &str, pattern: &str, path: &str) -> String {
    let path = unpacked(package, pattern).join(path);
    let output = Command::new("gzip").arg("-dc").arg(&path).output().expect("gzip is part of every Debian");
    assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("schemas are UTF-8")
}
