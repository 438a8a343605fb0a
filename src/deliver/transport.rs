//! The ways that a mail can take: an SMTP server, a program like sendmail, a folder.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lettre::Address;

use super::smtp::Conversation;
use super::trouble::{Reach, Step, Trouble};
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
    Folder(&'t Path),
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
            Transport::Folder(folder) => {
                fs::create_dir_all(folder).map_err(|error| not_written(folder, &error))?;
                Carrier::Folder(folder)
            }
        })
    }

    /// `Ok` means that somebody else has the mail now.
    pub fn send(&mut self, parcel: &Parcel) -> Result<(), Trouble> {
        match self {
            Carrier::Smtp(conversation) => conversation.send(&parcel.from, &parcel.to, &parcel.bytes),
            Carrier::Sendmail(program) => call(program, parcel),
            Carrier::Folder(folder) => write(folder, parcel),
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
    // Ten answers at most, the last of which may take six times as long, and five addresses of one server.
    const ANSWERS: u32 = 21;
    match transport {
        Transport::Smtp(smtp) => smtp.timeout * ANSWERS,
        Transport::Sendmail(_) | Transport::Folder(_) => PROGRAM_TIME,
    }
}

/// Whole or not at all, and twice under the same name is once.
fn write(folder: &Path, parcel: &Parcel) -> Result<(), Trouble> {
    let path = folder.join(format!("{}.eml", parcel.id));
    let new = path.with_extension("new");
    let written = fs::File::create(&new).and_then(|mut file| {
        file.write_all(&parcel.bytes)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&new, &path)).map_err(|error| not_written(&path, &error))
}

fn not_written(path: &Path, error: &std::io::Error) -> Trouble {
    Trouble::new(Reach::Server, Step::Content, format!("cannot write `{}`: {error}", path.display()))
}

/// Hands the mail to the program and reads its exit code; what it prints may hold addresses, and is not read.
fn call(program: &Path, parcel: &Parcel) -> Result<(), Trouble> {
    let failed = |reason: String| Trouble::new(Reach::Server, Step::Content, reason);
    let from: &str = parcel.from.as_ref();
    let to: &str = parcel.to.as_ref();
    let mut child = Command::new(program)
        .args(["-i", "-f", from, "--", to])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(format!("cannot start `{}`: {error}", program.display())))?;
    let stdin = child.stdin.take();
    // A program that does not read must not hold us up: it is ended after its time, and with it this thread's writing.
    let status = thread::scope(|scope| {
        let writing = scope.spawn(|| stdin.map_or(Ok(()), |mut stdin| stdin.write_all(&parcel.bytes)));
        let status = wait(&mut child);
        (status, writing.join().is_ok_and(|written| written.is_ok()))
    });
    match status {
        (Ok(Some(status)), true) => judge(program, status),
        (Ok(Some(status)), false) if !status.success() => judge(program, status),
        (Ok(Some(_)), false) => Err(failed(format!("`{}` did not read the mail to its end", program.display()))),
        (Ok(None), _) => Err(failed(format!("`{}` did not end in {} s", program.display(), PROGRAM_TIME.as_secs()))),
        (Err(error), _) => Err(failed(format!("`{}` is lost: {error}", program.display()))),
    }
}

/// The program's end, or `None` where it had to be ended.
fn wait(child: &mut Child) -> std::io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    while begun.elapsed() < PROGRAM_TIME {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(POLL);
    }
    child.kill()?;
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
