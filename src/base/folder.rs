//! The state directory and the folders in it, held open by a descriptor.
//!
//! Commands run as root on a directory that is the service's. So nothing in it is opened through a symbolic link, nothing that
//! another user owns is written or removed, and what is made there belongs to the directory's owner: or the service could not
//! go on with what root left behind.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;
use rustix::process::geteuid;

/// A folder that is open.
#[derive(Debug)]
pub struct Folder {
    descriptor: OwnedFd,
    path: PathBuf,
    owner: (Uid, Gid),
    /// The bits of its mode.
    mode: u32,
}

/// Who may read a file that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Its owner alone.
    Owner,
    /// Whoever may read the folder.
    AsFolder,
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Folder {
    /// Opens the folder, and makes it where it is missing. The path itself is the administrator's: it may lead over links.
    pub fn at(path: &Path) -> io::Result<Self> {
        match Self::existing(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                std::fs::create_dir_all(path)?;
                Self::existing(path)
            }
            folder => folder,
        }
    }

    /// Opens a folder that is there.
    ///
    /// # Errors
    /// `NotFound` where there is none.
    pub fn existing(path: &Path) -> io::Result<Self> {
        Self::of(rustix::fs::openat(CWD, path, FOLDER, Mode::empty())?, path.to_owned())
    }

    fn of(descriptor: OwnedFd, path: PathBuf) -> io::Result<Self> {
        let stat = rustix::fs::fstat(&descriptor)?;
        let owner = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
        Ok(Self { descriptor, path, owner, mode: stat.st_mode & 0o777 })
    }

    /// The folder of this name in it, made where it is missing.
    pub fn folder(&self, name: &str) -> io::Result<Self> {
        match rustix::fs::mkdirat(&self.descriptor, name, Mode::from_raw_mode(self.mode)) {
            Ok(()) => {
                let made = self.open_folder(name)?;
                self.give(&made.descriptor, made.owner.0)?;
                self.open_folder(name)
            }
            Err(Errno::EXIST) => self.open_folder(name),
            Err(error) => Err(error.into()),
        }
    }

    /// The folder of this name in it; `None` where there is none.
    pub fn folder_if_there(&self, name: &str) -> io::Result<Option<Self>> {
        match self.open_folder(name) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            folder => folder.map(Some),
        }
    }

    fn open_folder(&self, name: &str) -> io::Result<Self> {
        let path = self.path_of(name);
        let opened = rustix::fs::openat(&self.descriptor, name, FOLDER | OFlags::NOFOLLOW, Mode::empty());
        // Of a link the kernel says that it is no directory.
        let opened = opened.map_err(|error| match error {
            Errno::NOTDIR if self.is_link(name) => Errno::LOOP,
            error => error,
        });
        let folder = Self::of(opened.map_err(|error| refused(&path, error))?, path)?;
        self.trusts(&folder.path, folder.owner.0)?;
        Ok(folder)
    }

    /// What is in it, by name.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.descriptor)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy();
            if name != "." && name != ".." {
                names.push(name.into_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn is_link(&self, name: &str) -> bool {
        let stat = rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW);
        stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
    }

    pub fn has(&self, name: &str) -> bool {
        rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// All of a file.
    pub fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open(name, OFlags::RDONLY, Readers::Owner)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A file that is kept open, made where it is missing, and readable by its owner alone.
    pub fn own_file(&self, name: &str) -> io::Result<File> {
        let file = self.open(name, OFlags::RDWR | OFlags::CREATE, Readers::Owner)?;
        rustix::fs::fchmod(&file, Mode::from_raw_mode(0o600))?;
        Ok(file)
    }

    /// Makes an empty file, unless it is there, that stays through a crash of the host.
    pub fn mark(&self, name: &str) -> io::Result<()> {
        self.open(name, OFlags::WRONLY | OFlags::CREATE, Readers::AsFolder)?.sync_all()?;
        Ok(rustix::fs::fsync(&self.descriptor)?)
    }

    /// A file with this content, whole or not at all, that stays through a crash of the host.
    pub fn replace(&self, name: &str, content: &[u8], readers: Readers) -> io::Result<()> {
        self.exchange(name, content, readers, &|file| file.sync_all())
    }

    /// The same for a file that says how things stand now, and so need not stay.
    pub fn replace_for_now(&self, name: &str, content: &[u8]) -> io::Result<()> {
        self.exchange(name, content, Readers::AsFolder, &|_| Ok(()))
    }

    fn exchange(
        &self,
        name: &str,
        content: &[u8],
        readers: Readers,
        settle: &dyn Fn(&File) -> io::Result<()>,
    ) -> io::Result<()> {
        let new = format!("{name}.new");
        // What a crash has left, or a link that was planted, goes; it is not written through.
        self.remove(&new)?;
        let mut file = self.open(&new, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, readers)?;
        file.write_all(content)?;
        settle(&file)?;
        Ok(rustix::fs::renameat(&self.descriptor, &new, &self.descriptor, name)?)
    }

    /// Adds lines to a file, on a line of their own also where a crash has cut the last one off.
    pub fn append(&self, name: &str, lines: &str) -> io::Result<()> {
        let mut file = self.open(name, OFlags::RDWR | OFlags::CREATE | OFlags::APPEND, Readers::Owner)?;
        let begin = if ends_with_a_line(&mut file)? { "" } else { "\n" };
        file.write_all(format!("{begin}{lines}").as_bytes())?;
        file.sync_all()
    }

    /// Removes a file, or a link itself. One that is not there is gone already.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(refused(&self.path_of(name), error)),
        }
    }

    /// Removes a folder of files, and no folder below it.
    pub fn remove_folder(&self, name: &str) -> io::Result<()> {
        let folder = self.open_folder(name)?;
        folder.names()?.iter().try_for_each(|file| folder.remove(file))?;
        Ok(rustix::fs::unlinkat(&self.descriptor, name, AtFlags::REMOVEDIR)?)
    }

    pub fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn open(&self, name: &str, flags: OFlags, readers: Readers) -> io::Result<File> {
        let path = self.path_of(name);
        let mode = Mode::from_raw_mode(match readers {
            Readers::Owner => 0o600,
            Readers::AsFolder => 0o600 | self.mode & 0o066,
        });
        // Without NONBLOCK, a FIFO that was planted would be waited for.
        let safe = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let opened =
            rustix::fs::openat(&self.descriptor, name, flags | safe, mode).map_err(|error| refused(&path, error))?;
        let stat = rustix::fs::fstat(&opened)?;
        let owner = Uid::from_raw(stat.st_uid);
        self.trusts(&path, owner)?;
        is_plain_file(&path, &stat)?;
        self.give(&opened, owner)?;
        Ok(File::from(opened))
    }

    /// What another user owns is not ours to read or write: somebody put it there.
    fn trusts(&self, path: &Path, owner: Uid) -> io::Result<()> {
        if owner == self.owner.0 || owner == geteuid() {
            return Ok(());
        }
        Err(io::Error::new(
            ErrorKind::PermissionDenied,
            format!(
                "{} belongs to the user {} and its folder to {}: give it to the folder's owner, or remove it",
                path.display(),
                owner.as_raw(),
                self.owner.0.as_raw()
            ),
        ))
    }

    /// What root makes belongs to the folder's owner.
    fn give(&self, made: &OwnedFd, owner: Uid) -> io::Result<()> {
        if geteuid().is_root() && owner != self.owner.0 {
            rustix::fs::fchown(made, Some(self.owner.0), Some(self.owner.1))?;
        }
        Ok(())
    }
}

/// One name, of a file: what is written into it is written nowhere else.
fn is_plain_file(path: &Path, stat: &Stat) -> io::Result<()> {
    if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_nlink <= 1 {
        return Ok(());
    }
    let sentence = format!("{} is no plain file with one name; remove it", path.display());
    Err(io::Error::new(ErrorKind::InvalidInput, sentence))
}

fn refused(path: &Path, error: Errno) -> io::Error {
    match error {
        Errno::LOOP => io::Error::new(
            ErrorKind::PermissionDenied,
            format!(
                "{} is a symbolic link, and nothing in the state directory is reached through one; remove it",
                path.display()
            ),
        ),
        error => error.into(),
    }
}

fn ends_with_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn nothing_is_reached_through_a_link_and_a_link_alone_is_removed() {
        let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let target = elsewhere.path().join("precious");
        fs::write(&target, "kept").unwrap();
        symlink(&target, dir.path().join("erasures.jsonl")).unwrap();
        symlink(elsewhere.path(), dir.path().join("alarms")).unwrap();
        symlink(&target, dir.path().join("daemon.json.new")).unwrap();
        let folder = Folder::at(dir.path()).unwrap();
        for error in [
            folder.append("erasures.jsonl", "x\n").unwrap_err(),
            folder.read("erasures.jsonl").unwrap_err(),
            folder.own_file("erasures.jsonl").unwrap_err(),
            folder.folder("alarms").unwrap_err(),
            folder.remove_folder("alarms").unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
            assert!(error.to_string().contains("symbolic link"), "{error}");
        }
        folder.replace("daemon.json", b"{}", Readers::AsFolder).unwrap();
        folder.remove("erasures.jsonl").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "kept");
        assert_eq!(folder.names().unwrap(), ["alarms", "daemon.json"]);
    }

    #[test]
    fn a_file_with_a_second_name_and_one_that_is_no_file_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::at(dir.path()).unwrap();
        fs::write(dir.path().join("a"), "x").unwrap();
        fs::hard_link(dir.path().join("a"), dir.path().join("b")).unwrap();
        rustix::fs::mknodat(CWD, dir.path().join("fifo"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        for name in ["b", "fifo"] {
            assert!(folder.append(name, "y\n").is_err(), "{name}");
        }
        assert_eq!(fs::read_to_string(dir.path().join("a")).unwrap(), "x");
    }

    #[test]
    fn a_line_that_was_cut_off_does_not_take_the_next_one_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::at(&dir.path().join("state")).unwrap();
        folder.append("lines", "whole\ncut").unwrap();
        folder.append("lines", "next\n").unwrap();
        folder.append("lines", "last\n").unwrap();
        assert_eq!(folder.read("lines").unwrap(), b"whole\ncut\nnext\nlast\n");
    }

    /// Wants root, as the servers of the suite do.
    #[test]
    fn what_root_makes_belongs_to_the_owner_of_the_folder_and_what_a_third_user_owns_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        fs::create_dir(&state).unwrap();
        fs::set_permissions(&state, fs::Permissions::from_mode(0o750)).unwrap();
        std::os::unix::fs::chown(&state, Some(12_345), Some(23_456)).unwrap();
        let folder = Folder::at(&state).unwrap();
        folder.append("erasures.jsonl", "x\n").unwrap();
        folder.folder("reports").unwrap().replace("r.json", b"{}", Readers::AsFolder).unwrap();
        let look = |name: &str| {
            let metadata = fs::metadata(state.join(name)).unwrap();
            (metadata.uid(), metadata.gid(), metadata.mode() & 0o777)
        };
        assert_eq!(look("erasures.jsonl"), (12_345, 23_456, 0o600));
        assert_eq!((look("reports").0, look("reports/r.json").0, look("").2), (12_345, 12_345, 0o750));
        assert_eq!(look("reports/r.json").2 & 0o007, 0, "nobody reads it who may not read the folder");
        fs::write(state.join("daemon.json"), "{}").unwrap();
        std::os::unix::fs::chown(state.join("daemon.json"), Some(54_321), None).unwrap();
        assert_eq!(folder.read("daemon.json").unwrap_err().kind(), ErrorKind::PermissionDenied);
    }
}
