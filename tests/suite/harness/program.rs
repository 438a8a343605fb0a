//! The program as its users run it.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use wait_timeout::ChildExt as _;

use super::TestDb;

/// What no command takes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(300);

/// tenure in a directory of its own, which is also its home: `Tenure::at(&db).schedule("…").run(&["run", "--json"])`.
///
/// Of the environment it sees PATH, HOME and TZ (UTC), and what [`env`](Self::env) adds.
pub struct Tenure {
    dir: TempDir,
    /// Appended to every command line.
    common: Vec<String>,
    env: Vec<(String, String)>,
}

impl Tenure {
    /// Without a database and a schedule: the command line says all.
    pub fn alone() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        Self { dir, common: vec![], env: vec![("TZ".into(), "UTC".into())] }
    }

    /// On a database, as its owner.
    pub fn at(db: &TestDb) -> Self {
        Self::at_url(db.url())
    }

    /// On a database by any URL, such as a role's.
    pub fn at_url(url: &str) -> Self {
        Self::alone().option("--database", url)
    }

    /// With this schedule; may be said several times.
    pub fn schedule(self, toml: &str) -> Self {
        let name = format!("schedule-{}.toml", self.common.len());
        self.file(&name, toml).option("--schedule", &name)
    }

    /// With this config. The databases that it names count: make the driver by [`alone`](Self::alone).
    pub fn config(self, toml: &str) -> Self {
        self.file("tenure.toml", toml).option("--config", "tenure.toml")
    }

    /// With a file in its directory.
    pub fn file(self, name: &str, text: &str) -> Self {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().expect("the file lies in a directory")).expect("a directory can be made");
        fs::write(path, text).expect("a file can be written in a fresh directory");
        self
    }

    /// As [`config`](Self::config), with the key under which the ledger calls people.
    pub fn keyed(self, config: &str) -> Self {
        let keyed = self.file("installation.key", "0123456789abcdef0123456789abcdef");
        keyed.config(&format!("hmac_key_file = \"installation.key\"\n{config}"))
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    fn option(mut self, name: &str, value: &str) -> Self {
        self.common.extend([name.to_owned(), value.to_owned()]);
        self
    }

    /// Where it runs; relative paths on its command line start here.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.spawn(args).wait()
    }

    /// Starts a command, so that it can be killed.
    pub fn spawn(&self, args: &[&str]) -> Running {
        self.spawn_under(&[], args)
    }

    /// As [`spawn`](Self::spawn), by another program that is given ours and its arguments: `["nice"]`.
    pub fn spawn_under(&self, prefix: &[String], args: &[&str]) -> Running {
        // Files and not pipes: a program that is not read from must not wait for its reader.
        let capture = tempfile::tempdir().expect("a temporary directory can be made");
        let [stdout, stderr] = ["stdout", "stderr"].map(|name| capture.path().join(name));
        let file = |path: &PathBuf| File::create(path).expect("a file can be made in a fresh directory");
        let words: Vec<&str> = prefix.iter().map(String::as_str).chain([env!("CARGO_BIN_EXE_tenure")]).collect();
        let child = Command::new(words[0])
            .args(&words[1..])
            .args(args)
            .args(&self.common)
            .current_dir(self.dir())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir())
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(file(&stdout))
            .stderr(file(&stderr))
            .spawn()
            .expect("the program was built before its tests");
        Running { child, stdout, stderr, _capture: capture }
    }
}

/// A command under way; killed where it is dropped before its end.
pub struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
    _capture: TempDir,
}

impl Running {
    /// Waits for the end. A program that comes to none is killed, and fails the test instead of stopping all of them.
    #[track_caller]
    pub fn wait(mut self) -> Output {
        match self.child.wait_timeout(PATIENCE).expect("a child can be waited for") {
            Some(status) => self.output(status),
            None => panic!("the program does not end; stdout:\n{}\nstderr:\n{}", read(&self.stdout), self.stderr()),
        }
    }

    /// Lets it run for a while and kills it as kill -9 does, where it has not ended by itself.
    pub fn kill_after(mut self, delay: Duration) -> Output {
        thread::sleep(delay);
        self.child.kill().expect("a child can be killed");
        self.wait()
    }

    /// Has it ended, by itself or by a signal?
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked about").is_some()
    }

    /// Sends a signal: `TERM`, as systemd does, `INT`, `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.child.id())).status();
        assert!(status.expect("there is a shell").success(), "the program had ended before the signal");
    }

    /// What it has written to stderr so far.
    pub fn stderr(&self) -> String {
        read(&self.stderr)
    }

    /// A line of its `/proc/PID/status`, such as `VmHWM`; `None` where it has ended.
    pub fn status(&self, name: &str) -> Option<String> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.trim().to_owned())
    }

    fn output(&self, status: ExitStatus) -> Output {
        // As a shell counts: 128 and the signal.
        let code = status.code().unwrap_or_else(|| 128 + status.signal().expect("no exit code, so a signal"));
        Output { code, stdout: read(&self.stdout), stderr: read(&self.stderr) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail for a child that was waited for, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(path: &Path) -> String {
    String::from_utf8(fs::read(path).expect("what was captured can be read")).expect("the program prints UTF-8")
}

/// What a command left.
#[derive(Debug)]
pub struct Output {
    /// The exit code; 128 and the signal's number where a signal ended it.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Checks the exit code, and shows all that was printed where it is another one.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code; stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Stdout as the one JSON document that `--json` promises.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON ({error}); stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr))
    }
}
