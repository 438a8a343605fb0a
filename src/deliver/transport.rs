//! The ways that a mail can take: an SMTP server, a program like sendmail, a folder.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lettre::Address;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, Signal, kill_process_group};

use super::smtp::{self, Conversation};
use super::trouble::{Reach, Step, Trouble};
use crate::base::folder::{Folder, Readers};
use crate::config::mail::Transport;

/// A mail that is ready to go, to one recipient.
pub(super) struct Parcel {
    /// Unlike that of any other mail to any other recipient, in letters that a file's name may have.
    pub id: String,
    pub from: Address,
    pub to: Address,
    /// Headers and body, lines ended by CRLF.
    pub bytes: Vec<u8>,
}

/// A way that is open.
pub(super) enum Carrier<'t> {
    Smtp(Box<Conversation>),
    Sendmail(&'t Path),
    Folder(Box<(Folder, &'t Path)>),
}

/// How long a program like sendmail may take: it queues, it does not deliver.
const PROGRAM_TIME: Duration = Duration::from_secs(60);

/// How often a program is asked whether it has ended.
const POLL: Duration = Duration::from_millis(20);

impl<'t> Carrier<'t> {
    /// Opens the way; `tell` hears of every step that went well.
    pub fn open(transport: &'t Transport, tell: &mut dyn FnMut(String)) -> Result<Self, Trouble> {
        Ok(match transport {
            Transport::Smtp(smtp) => Carrier::Smtp(Box::new(Conversation::begin(smtp, tell)?)),
            Transport::Sendmail(program) => Carrier::Sendmail(program),
            Transport::Folder(path) => {
                let folder = Folder::at(path).map_err(|error| not_written(path, &error))?;
                Carrier::Folder(Box::new((folder, path)))
            }
        })
    }

    /// `Ok` means that somebody else has the mail now.
    pub fn send(&mut self, parcel: &Parcel) -> Result<(), Trouble> {
        match self {
            Carrier::Smtp(conversation) => conversation.send(&parcel.from, &parcel.to, &parcel.bytes),
            Carrier::Sendmail(program) => call(program, parcel),
            Carrier::Folder(place) => write(&place.0, place.1, parcel),
        }
    }

    pub fn end(self) {
        if let Carrier::Smtp(conversation) = self {
            conversation.end();
        }
    }
}

/// How long one mail can take on this way, from opening it to the last answer: a claim on it must outlast that.
pub(super) fn longest(transport: &Transport) -> Duration {
    match transport {
        Transport::Smtp(smtp) => smtp::longest(smtp),
        Transport::Sendmail(_) | Transport::Folder(_) => PROGRAM_TIME,
    }
}

/// Whole or not at all, and twice under the same name is once.
fn write(folder: &Folder, path: &Path, parcel: &Parcel) -> Result<(), Trouble> {
    let name = format!("{}.eml", parcel.id);
    let written = folder.replace(&name, &parcel.bytes, Readers::AsFolder);
    written.map_err(|error| not_written(&path.join(&name), &error))
}

fn not_written(path: &Path, error: &io::Error) -> Trouble {
    Trouble::new(Reach::Server, Step::Content, format!("cannot write `{}`: {error}", path.display()))
}

/// Hands the mail to the program and reads its exit code; what it prints may hold addresses, and is not read.
fn call(program: &Path, parcel: &Parcel) -> Result<(), Trouble> {
    let failed = |reason: String| Trouble::new(Reach::Server, Step::Content, reason);
    let mut mail =
        in_memory(&parcel.bytes).map_err(|error| failed(format!("the mail cannot be put into memory: {error}")))?;
    let mut child = start(program, parcel, &mail)
        .map_err(|error| failed(format!("cannot start `{}`: {error}", program.display())))?;
    let status =
        wait(&mut child, PROGRAM_TIME).map_err(|error| failed(format!("`{}` is lost: {error}", program.display())))?;
    // The program reads by the same open file, so its place in it is ours.
    let read = mail.stream_position().unwrap_or_default();
    match status {
        None => Err(failed(format!("`{}` did not end in {} s", program.display(), PROGRAM_TIME.as_secs()))),
        Some(status) if status.success() && read < parcel.bytes.len() as u64 => {
            Err(failed(format!("`{}` did not read the mail to its end", program.display())))
        }
        Some(status) => judge(program, status),
    }
}

/// A file without a name, and not a pipe: a program that does not read holds up nobody.
fn in_memory(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("mail", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// The program in a process group of its own. Of our environment it gets what says who and where it is: the rest may hold
/// passwords.
fn start(program: &Path, parcel: &Parcel, mail: &File) -> io::Result<Child> {
    const HANDED_ON: [&str; 6] = ["HOME", "USER", "LOGNAME", "LANG", "TZ", "PATH"];
    let (from, to): (&str, &str) = (parcel.from.as_ref(), parcel.to.as_ref());
    let mut command = Command::new(program);
    command.args(["-i", "-f", from, "--", to]);
    command.env_clear().envs(HANDED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.process_group(0).stdin(mail.try_clone()?).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

/// The program's end, or `None` where it had to be ended, with all that it had started: a shell script that waits for another
/// program would else leave that one behind.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    while begun.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(POLL);
    }
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    // The program itself was not waited for yet, so its number, which is the group's, is no other's.
    let killed = group.map_or(Ok(()), |group| kill_process_group(group, Signal::KILL));
    if killed.is_err() {
        child.kill()?;
    }
    child.wait()?;
    Ok(None)
}

/// In the words of sysexits.h: bad data, no such user and no such host are for good.
fn judge(program: &Path, status: ExitStatus) -> Result<(), Trouble> {
    const FOR_GOOD: [i32; 3] = [65, 67, 68];
    if status.success() {
        return Ok(());
    }
    let reach = if status.code().is_some_and(|code| FOR_GOOD.contains(&code)) { Reach::Never } else { Reach::Later };
    Err(Trouble::new(reach, Step::Content, format!("`{}` ended with {status}", program.display())))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_script_that_waits_for_another_program_leaves_none_behind_when_its_time_is_over() {
        let dir = tempfile::tempdir().unwrap();
        let (program, noted) = (dir.path().join("take"), dir.path().join("pid"));
        fs::write(
            &program,
            format!("#!/bin/sh\nsleep 300 &\necho $! > {0}.new\nmv {0}.new {0}\nwait\n", noted.display()),
        )
        .unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let address: Address = "a@example.org".parse().unwrap();
        let parcel = Parcel { id: "m".to_owned(), from: address.clone(), to: address, bytes: b"mail".to_vec() };
        let mut child = start(&program, &parcel, &in_memory(&parcel.bytes).unwrap()).unwrap();
        while !noted.exists() {
            thread::sleep(POLL);
        }
        assert_eq!(wait(&mut child, Duration::from_millis(50)).unwrap(), None);
        let grandchild = fs::read_to_string(&noted).unwrap();
        let state = || fs::read_to_string(format!("/proc/{}/stat", grandchild.trim())).unwrap_or_default();
        let begun = Instant::now();
        // Killed, and a zombie at most until its new parent has looked.
        while !state().is_empty() && !state().contains(") Z ") {
            assert!(begun.elapsed() < Duration::from_secs(30), "{}", state());
            thread::sleep(POLL);
        }
    }
}
