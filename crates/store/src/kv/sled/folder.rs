//! The files around sled: who may open them, whether they are as the last clean close left them, and a copy to fall back to.
//!
//! ```text
//! lock           held as long as the store is open
//! head           how far it had come (`head`)
//! seal           written at a clean close, removed at open: each file of sled's with its length and hash
//! sled/          sled's own
//! before-open/   sled/ as it was found, while an opening that may change it is under way, or as it is to be, while it is
//!                written anew; whole or not there
//! ```
//!
//! sled repairs what it opens: it overwrites whatever follows the first torn message of its log. After a clean close a seal that
//! matches says that there is nothing to repair. Otherwise (after SIGKILL, a power cut, or damage) the folder is copied first,
//! and the copy is put back if what sled made of it has lost anything: damage stays as it was found.
//!
//! Where there is no room for the copy, opening goes on without it, since a crash on a full disk must not lock people out.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::super::StoreError;

/// How long a store that is just being closed, in this process or by one that was killed, is waited for.
const LOCK_WAIT: Duration = Duration::from_millis(1500);
const LOCK_POLL: Duration = Duration::from_millis(5);

/// The paths of one store.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn head(&self) -> PathBuf {
        self.root.join("head")
    }

    pub(super) fn sled(&self) -> PathBuf {
        self.root.join("sled")
    }

    /// The file that sled keeps its log in, and locks while it is open.
    pub(super) fn sled_log(&self) -> PathBuf {
        self.sled().join("db")
    }

    fn lock_path(&self) -> PathBuf {
        self.root.join("lock")
    }

    fn seal(&self) -> PathBuf {
        self.root.join("seal")
    }

    fn copy(&self) -> PathBuf {
        self.root.join("before-open")
    }

    /// Makes the folder where there is none, and takes it for this handle alone until the file is dropped.
    pub(super) fn lock(&self) -> Result<File, StoreError> {
        fs::create_dir_all(&self.root).map_err(|error| StoreError::io(&error, &self.root))?;
        let path = self.lock_path();
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|error| StoreError::io(&error, &path))?;
        if wait_for_lock(&file).map_err(|error| StoreError::io(&error, &path))? {
            Ok(file)
        } else {
            Err(StoreError::Locked { path: self.root.clone() })
        }
    }

    /// Waits until sled has let go of its log. Its threads may outlive the handle by a moment.
    pub(super) fn wait_until_sled_is_gone(&self) -> bool {
        is_let_go(&self.sled_log())
    }

    /// Where sled's files are to be written anew.
    pub(super) fn begin_anew(&self) -> Result<PathBuf, StoreError> {
        let new = self.copy().with_extension("new");
        remove_folder(&new)?;
        Ok(new)
    }

    /// Sled's files were written anew, and its handle is dropped: brings them to the disk, as what is to be put into place.
    pub(super) fn finish_anew(&self) -> Result<(), StoreError> {
        let (copy, new) = (self.copy(), self.copy().with_extension("new"));
        if !is_let_go(&new.join("db")) {
            return Err(StoreError::Locked { path: new });
        }
        let files = list(&new).map_err(|error| StoreError::io(&error, &new))?;
        for path in files.values() {
            let synced = OpenOptions::new().write(true).open(path).and_then(|file| file.sync_all());
            synced.map_err(|error| StoreError::io(&error, path))?;
        }
        sync_folder(&new)?;
        fs::rename(&new, &copy).map_err(|error| StoreError::io(&error, &copy))?;
        sync_folder(&self.root)
    }

    /// Sled's files could not be written anew.
    pub(super) fn give_up_anew(&self) -> Result<(), StoreError> {
        remove_folder(&self.copy().with_extension("new"))
    }

    /// Records sled's files as they are. Only once nothing writes to them any more.
    pub(super) fn write_seal(&self) -> Result<(), StoreError> {
        let path = self.seal();
        let fails = |error: io::Error| StoreError::io(&error, &path);
        let new = path.with_extension("new");
        let mut file = File::create(&new).map_err(fails)?;
        file.write_all(describe(&self.sled()).map_err(fails)?.as_bytes()).map_err(fails)?;
        file.sync_all().map_err(fails)?;
        fs::rename(&new, &path).map_err(fails)?;
        sync_folder(&self.root)
    }

    /// Whether sled's files are exactly as the last clean close left them. The seal is gone afterwards, on the disk too:
    /// what follows may change them.
    pub(super) fn break_seal(&self) -> Result<bool, StoreError> {
        let path = self.seal();
        let fails = |error: io::Error| StoreError::io(&error, &path);
        let sealed = match fs::read(&path) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(fails(error)),
        };
        let intact = describe(&self.sled()).map_err(fails)?.as_bytes() == sealed;
        fs::remove_file(&path).map_err(fails)?;
        sync_folder(&self.root)?;
        Ok(intact)
    }

    /// Puts back what an opening that was interrupted had found. Nothing can have been committed since.
    pub(super) fn resume_copy(&self) -> Result<(), StoreError> {
        if self.copy().exists() { self.restore_copy() } else { Ok(()) }
    }

    /// Copies sled's files, if there are any and there is room. Whether there is a copy now.
    pub(super) fn make_copy(&self) -> Result<bool, StoreError> {
        let copy = self.copy();
        let new = copy.with_extension("new");
        remove_folder(&new)?;
        if !self.sled().exists() {
            return Ok(false);
        }
        match copy_folder(&self.sled(), &new) {
            Ok(()) => {}
            Err(StoreError::Full) => {
                tracing::warn!("no room to keep a copy of the store while it is checked: opening it without one");
                remove_folder(&new)?;
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        fs::rename(&new, &copy).map_err(|error| StoreError::io(&error, &copy))?;
        sync_folder(&self.root)?;
        Ok(true)
    }

    /// Puts sled's files back as they were found.
    pub(super) fn restore_copy(&self) -> Result<(), StoreError> {
        remove_folder(&self.sled())?;
        let copy = self.copy();
        fs::rename(&copy, self.sled()).map_err(|error| StoreError::io(&error, &copy))?;
        sync_folder(&self.root)
    }

    /// Removes the copy: its files only once it is no copy any more, or a kill would leave half of one to be put back.
    pub(super) fn discard_copy(&self) -> Result<(), StoreError> {
        let copy = self.copy();
        let old = copy.with_extension("new");
        fs::rename(&copy, &old).map_err(|error| StoreError::io(&error, &copy))?;
        sync_folder(&self.root)?;
        remove_folder(&old)
    }

    /// Bytes of every file of the store.
    pub(super) fn bytes(&self) -> Result<u64, StoreError> {
        let mut bytes = 0;
        let files = list(&self.root).map_err(|error| StoreError::io(&error, &self.root))?;
        for path in files.values() {
            // A file may go between the listing and the look at it: sled removes its own.
            bytes += fs::metadata(path).map_or(0, |metadata| metadata.len());
        }
        Ok(bytes)
    }
}

/// Waits until the entries of `path` are on the disk. Only Unix needs it, and only Unix can do it.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    if cfg!(unix) {
        File::open(path).and_then(|folder| folder.sync_all()).map_err(|error| StoreError::io(&error, path))?;
    }
    Ok(())
}

/// Whether nobody holds a log of sled's any more, after waiting for it.
fn is_let_go(log: &Path) -> bool {
    match File::open(log) {
        Ok(file) => wait_for_lock(&file).unwrap_or(false),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn wait_for_lock(file: &File) -> io::Result<bool> {
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return Ok(false),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_POLL),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// One line a file: its path, its length, the hash of its content.
fn describe(folder: &Path) -> io::Result<String> {
    let mut lines = String::new();
    for (name, path) in list(folder)? {
        let mut hasher = blake3::Hasher::new();
        let bytes = io::copy(&mut File::open(path)?, &mut hasher)?;
        lines.push_str(&format!("{name} {bytes} {}\n", hasher.finalize()));
    }
    Ok(lines)
}

/// Every file below `folder`, by its path inside it.
fn list(folder: &Path) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![(String::new(), folder.to_path_buf())];
    while let Some((prefix, folder)) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                folders.push((format!("{name}/"), entry.path()));
            } else {
                files.insert(name, entry.path());
            }
        }
    }
    Ok(files)
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(to).map_err(|error| StoreError::io(&error, to))?;
    for entry in fs::read_dir(from).map_err(|error| StoreError::io(&error, from))? {
        let entry = entry.map_err(|error| StoreError::io(&error, from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().map_err(|error| StoreError::io(&error, &source))?.is_dir() {
            copy_folder(&source, &target)?;
        } else {
            // The copy must be on the disk before it may replace anything.
            fs::copy(&source, &target)
                .and_then(|_| OpenOptions::new().write(true).open(&target)?.sync_all())
                .map_err(|error| StoreError::io(&error, &target))?;
        }
    }
    sync_folder(to)
}

fn remove_folder(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StoreError::io(&error, path)),
    }
}
