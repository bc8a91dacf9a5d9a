//! The store on a disk: sled 0.34, with what it lacks put around it.
//!
//! The engine and small servers open one. sled brings an ordered tree with atomic batches and a log that survives SIGKILL. Around it:
//! an fsync (its `flush` only asks for write-back), long values in pieces, a checksum a record and a ledger over all of them (`record`), a head apart
//! from the log (`head`), a lock, a seal and a copy against repairs that lose data (`folder`), and errors instead of panics
//! (`panics`).
//!
//! # Invariants
//! 1. A synced commit answered with `Ok` is on the disk: sled flushed, its log fsynced. Test: `crash`.
//! 2. Opening answers with every acknowledged record or with an error. Test: `damage`.
//! 3. A folder that cannot be opened is left as it was found. Test: `damage`.
//! 4. What a batch erased is in no file any more after the next opening. Test: `what_was_erased_is_in_no_file`.
//!
//! sled appends, and gives the place of what was overwritten back when it pleases; so old bytes stay in its files, and an
//! opening that finds that something was to be erased writes all of them anew. Where there is no room for that, the next
//! one does. Not here: compression, more than one tree (a batch is atomic within one tree only), sled's flush timer (the writer groups
//! commits), reading what is left of a damaged store.

mod folder;
mod head;
mod panics;
mod record;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use self::folder::{Folder, sync_folder};
use self::head::{Head, Mark};
use self::panics::guarded;
use self::record::{LEDGER_KEY, Ledger, Stored, Tally};
use super::schema::MigrationStep;
use super::{
    Batch, Durability, KeyRange, Operation, Order, Pair, RANGE_PAIRS_MAX, Requirement, SchemaVersion, Store, StoreError,
};

/// Bytes of pages, as they lie on the disk, that sled keeps in memory unless its owner says otherwise; there they take up to
/// twice as many.
pub const CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// Records that are read between two turns of [`Looks`]. Of those that were appended some nine share a page.
const RECORDS_A_TURN: usize = 16 * 1024;

/// Pages that are looked at in a turn, so that they are in all of sled's 256 shards, one record of every eight that are read.
const LOOKS_PAGES: usize = 384;
const LOOKS_STRIDE: usize = 8;

/// What sled notes of a shard before it lets go of pages there.
const LOOKS_A_SHARD: usize = 64;

/// Bytes of records that are written together where all are written anew.
const REWRITE_BATCH_BYTES: usize = 1024 * 1024;

/// How long the log of a store that was just closed in this process is waited for.
const REOPEN_WAIT: Duration = Duration::from_millis(1500);
const REOPEN_POLL: Duration = Duration::from_millis(5);

/// Folders that [`set_aside`] keeps beside one store. More are refused: damage that keeps coming back is a failing disk.
const SET_ASIDE_MAX: u32 = 1000;

/// An open store in one folder, which no one else can open until this is dropped.
///
/// Dropping it closes the store cleanly: buffered commits are on the disk then, and the next opening is quick.
#[derive(Debug)]
pub struct SledStore {
    folder: Folder,
    /// `None` only while it is being closed.
    db: Option<sled::Db>,
    commits: Mutex<Commits>,
    /// Held for reading by a range, for writing while a batch is applied: a range sees no half of one.
    applying: RwLock<()>,
    looks: Mutex<Looks>,
    /// Last: the folder is free only once everything else has let go of it.
    _lock: File,
}

/// What was read since sled was made to let go of pages.
///
/// sled keeps its cache in 256 shards, and looks whether one is too large only after 64 looks at pages of it. Who reads a
/// long log once, page after page, fills the memory with all of it before that. So after so many records pages that were
/// read last are looked at as often as it takes.
#[derive(Debug, Default)]
struct Looks {
    records: usize,
    /// How often it was made to.
    turns: usize,
    keys: VecDeque<Vec<u8>>,
}

impl Looks {
    /// Notes a record that was read, and has sled let go of pages where that makes many.
    fn note(&mut self, db: &sled::Db, folder: &Folder, key: impl FnOnce() -> Vec<u8>) {
        if self.records.is_multiple_of(LOOKS_STRIDE) {
            if self.keys.len() == LOOKS_PAGES {
                self.keys.pop_front();
            }
            self.keys.push_back(key());
        }
        self.records += 1;
        if self.records < RECORDS_A_TURN {
            return;
        }
        self.records = 0;
        self.turns += 1;
        let looked = guarded(|| {
            for _ in 0..LOOKS_A_SHARD {
                for key in &self.keys {
                    db.get(key).map_err(|error| fault(&error, folder))?;
                }
            }
            Ok(())
        });
        if let Err(error) = looked {
            // Whoever reads what cannot be read is told.
            tracing::debug!(%error, "pages that were read a moment ago cannot be read");
        }
    }
}

/// What commits change, one at a time.
#[derive(Debug)]
struct Commits {
    head: Head,
    ledger: Ledger,
    /// The schema that the head names: the ledger's, or the one that a migration is on its way to.
    announced: SchemaVersion,
    /// sled's log, to fsync it.
    log: File,
    /// The failure after which nothing more is written.
    halted: Option<StoreError>,
}

/// Moves a damaged store's folder away, so that a new one can be opened in its place. Its new path.
///
/// # Errors
/// [`StoreError::Locked`] where it is open, [`StoreError::Io`] where it cannot be moved; then it is where it was.
pub fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    // Taking the lock makes the folder; one that is not there is not to appear.
    fs::metadata(path).map_err(|error| StoreError::io(&error, path))?;
    drop(Folder::new(path).lock()?);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for number in 1..=SET_ASIDE_MAX {
        let target = path.with_file_name(format!("{name}.damaged-{number}"));
        if target.exists() {
            continue;
        }
        fs::rename(path, &target).map_err(|error| StoreError::io(&error, path))?;
        if let Some(parent) = target.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_folder(parent)?;
        }
        return Ok(target);
    }
    let kind = io::ErrorKind::AlreadyExists;
    Err(StoreError::Io { kind, detail: format!("{SET_ASIDE_MAX} damaged folders lie beside {}", path.display()) })
}

impl SledStore {
    /// Opens the store in the folder `path`, or makes one there, with the layout of keys that `schema` names.
    ///
    /// # Errors
    /// [`StoreError::Locked`] within two seconds, [`StoreError::Newer`], [`StoreError::Older`], [`StoreError::Damaged`],
    /// [`StoreError::Full`], [`StoreError::Io`]; the folder is then as it was.
    pub fn open(path: &Path, schema: SchemaVersion) -> Result<Self, StoreError> {
        Self::open_inner(path, schema, CACHE_BYTES, None)
    }

    /// As [`SledStore::open`], but brings an older store to `schema`, one step after the other, and keeps so many bytes of
    /// pages in memory.
    ///
    /// # Errors
    /// As [`SledStore::open`], and what `step` answers; the steps before it are recorded then, and an older program will
    /// not open the store any more.
    pub fn open_and_migrate(
        path: &Path,
        schema: SchemaVersion,
        cache_bytes: u64,
        step: &MigrationStep<'_>,
    ) -> Result<Self, StoreError> {
        Self::open_inner(path, schema, cache_bytes, Some(step))
    }

    fn open_inner(
        path: &Path,
        schema: SchemaVersion,
        cache_bytes: u64,
        step: Option<&MigrationStep<'_>>,
    ) -> Result<Self, StoreError> {
        let folder = Folder::new(path);
        let lock = folder.lock()?;
        let (head, mark) = match Head::open(&folder.head())? {
            Some(found) => found,
            None if folder.sled().exists() => return Err(StoreError::damaged("its head file is missing")),
            None => {
                let mut id = [0; 16];
                getrandom::fill(&mut id).map_err(|error| StoreError::io(&io::Error::other(error), path))?;
                let mark = Mark { id, schema, commit: 0 };
                (Head::create(&folder.head(), &mark)?, mark)
            }
        };
        if mark.schema > schema {
            return Err(StoreError::Newer { found: mark.schema, supported: schema });
        }
        folder.resume_copy()?;
        let intact = folder.break_seal()?;
        let copied = !intact && folder.make_copy()?;
        let opened = open_checked(&folder, &mark, intact, cache_bytes);
        let (db, ledger) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                if copied && folder.wait_until_sled_is_gone() {
                    folder.restore_copy()?;
                }
                return Err(error);
            }
        };
        if copied {
            folder.discard_copy()?;
        }
        let (db, ledger) =
            if ledger.erase_due { rewrite(&folder, &mark, db, ledger, cache_bytes)? } else { (db, ledger) };
        let log_path = folder.sled_log();
        let log = OpenOptions::new().read(true).write(true).open(&log_path);
        let log = log.map_err(|error| StoreError::io(&error, &log_path))?;
        sync_folder(&folder.sled())?;
        let found = ledger.schema;
        let fresh = ledger.commit == 0;
        let commits = Commits { head, ledger, announced: mark.schema, log, halted: None };
        let store = Self {
            folder,
            db: Some(db),
            commits: Mutex::new(commits),
            applying: RwLock::new(()),
            looks: Mutex::default(),
            _lock: lock,
        };
        if fresh {
            store.set_schema(schema)?;
        } else if found < schema {
            let step = step.ok_or(StoreError::Older { found, supported: schema })?;
            store.migrate(found, schema, step)?;
        }
        Ok(store)
    }

    fn migrate(
        &self,
        mut found: SchemaVersion,
        schema: SchemaVersion,
        step: &MigrationStep<'_>,
    ) -> Result<(), StoreError> {
        {
            let mut commits = self.commits();
            commits.announced = schema;
            commits.head.write_both(&commits.mark())?;
        }
        while found < schema {
            step(self, found)?;
            found = found.next();
            self.set_schema(found)?;
        }
        Ok(())
    }

    /// Records `schema`, and that everything before it is on the disk.
    fn set_schema(&self, schema: SchemaVersion) -> Result<(), StoreError> {
        let mut commits = self.commits();
        commits.ledger.schema = schema;
        self.apply(&mut commits, Vec::new(), false, Durability::Synced)
    }

    fn check(&self, requirements: Vec<Requirement>) -> Result<(), StoreError> {
        for requirement in requirements {
            let found = self.get(&requirement.key)?;
            if !requirement.expect.holds(found.as_deref()) {
                return Err(StoreError::Conflict { key: requirement.key });
            }
        }
        Ok(())
    }

    /// Writes `operations` and the ledger that counts them as one step.
    fn apply(
        &self,
        commits: &mut Commits,
        operations: Vec<Operation>,
        erases: bool,
        durability: Durability,
    ) -> Result<(), StoreError> {
        let db = self.db()?;
        // Of several operations on one key the last counts.
        let mut writes = BTreeMap::new();
        for operation in operations {
            match operation {
                Operation::Put { key, value } => writes.insert(key, Some(value)),
                Operation::Delete { key } => writes.insert(key, None),
            };
        }
        let mut ledger = commits.ledger.clone();
        let mut batch = sled::Batch::default();
        ledger.commit += 1;
        ledger.erase_due |= erases;
        let mut long_values = 0;
        for (key, value) in writes {
            let key = record::key_of(&key);
            if let Some(before) = guarded(|| self.read(db, &key))? {
                ledger.tally.remove(record::checksum_of(&before)?);
                match record::read(&key, &before)? {
                    Stored::Whole(_) => {}
                    Stored::InPieces(pieces) => {
                        ledger.tally.remove_pieces(&pieces);
                        (0..pieces.count).for_each(|number| batch.remove(pieces.key(number)));
                    }
                }
                if value.is_none() {
                    batch.remove(key.as_slice());
                }
            }
            if let Some(value) = value {
                let content = record::whole(&value).unwrap_or_else(|| {
                    let (pieces, stored) = record::cut(&value, ledger.commit, long_values);
                    long_values += 1;
                    ledger.tally.add_pieces(&pieces);
                    stored.into_iter().for_each(|(key, piece)| batch.insert(key, piece));
                    pieces.encode()
                });
                let stored = record::seal(&key, content);
                ledger.tally.add(record::checksum_of(&stored)?);
                batch.insert(key, stored);
            }
        }
        batch.insert(LEDGER_KEY, ledger.encode());
        {
            let _applying = self.applying.write().unwrap_or_else(PoisonError::into_inner);
            guarded(|| db.apply_batch(batch).map_err(|error| self.fault(&error)))?;
        }
        commits.ledger = ledger;
        match durability {
            Durability::Buffered => Ok(()),
            Durability::Synced => self.sync(db, commits),
        }
    }

    /// Brings every commit so far to the disk, then tells the head.
    fn sync(&self, db: &sled::Db, commits: &mut Commits) -> Result<(), StoreError> {
        guarded(|| db.flush().map(|_| ()).map_err(|error| self.fault(&error)))?;
        commits.log.sync_data().map_err(|error| StoreError::io(&error, &self.folder.sled_log()))?;
        commits.head.write(&commits.mark())
    }

    /// What is stored under `key`, checksum included.
    fn read(&self, db: &sled::Db, key: &[u8]) -> Result<Option<sled::IVec>, StoreError> {
        db.get(key).map_err(|error| self.fault(&error))
    }

    /// The value of the record `stored` under the whole of `key`. Only while no batch is being applied: the pieces of a
    /// long value go when it is overwritten.
    fn value(&self, db: &sled::Db, key: &[u8], stored: &[u8]) -> Result<Vec<u8>, StoreError> {
        let pieces = match record::read(key, stored)? {
            Stored::Whole(value) => return Ok(value.to_vec()),
            Stored::InPieces(pieces) => pieces,
        };
        let mut value = Vec::new();
        for number in 0..pieces.count {
            let key = pieces.key(number);
            let piece = self.read(db, &key)?.ok_or_else(|| StoreError::damaged("a piece of a value is missing"))?;
            value.extend_from_slice(record::open(&key, &piece)?);
        }
        if value.len() as u64 != pieces.bytes {
            return Err(StoreError::damaged("a value is not as long as it was"));
        }
        Ok(value)
    }

    fn db(&self) -> Result<&sled::Db, StoreError> {
        self.db.as_ref().ok_or_else(|| StoreError::Locked { path: self.folder.root().to_path_buf() })
    }

    fn commits(&self) -> MutexGuard<'_, Commits> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, error: &sled::Error) -> StoreError {
        fault(error, &self.folder)
    }
}

impl Commits {
    /// What the head is to say once everything so far is on the disk.
    fn mark(&self) -> Mark {
        Mark { id: self.ledger.id, schema: self.announced, commit: self.ledger.commit }
    }
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if key.is_empty() {
            return Ok(None);
        }
        let db = self.db()?;
        let key = record::key_of(key);
        let _not_applying = self.applying.read().unwrap_or_else(PoisonError::into_inner);
        guarded(|| {
            let stored = self.read(db, &key)?;
            stored.map(|stored| self.value(db, &key, &stored)).transpose()
        })
    }

    fn range(&self, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Pair>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let db = self.db()?;
        let start = record::key_of(range.start());
        let end = range.end().map_or_else(record::end_of_records, record::key_of);
        let limit = limit.min(RANGE_PAIRS_MAX);
        let pair = |found: sled::Result<(sled::IVec, sled::IVec)>| {
            let (key, stored) = found.map_err(|error| self.fault(&error))?;
            let value = self.value(db, &key, &stored)?;
            Ok((record::caller_key(&key).to_vec(), value))
        };
        let pairs: Vec<Pair> = {
            let _not_applying = self.applying.read().unwrap_or_else(PoisonError::into_inner);
            guarded(|| {
                let found = db.range(start..end);
                match order {
                    Order::Ascending => found.take(limit).map(pair).collect(),
                    Order::Descending => found.rev().take(limit).map(pair).collect(),
                }
            })?
        };
        // Who reads beside somebody who has pages let go of goes on.
        if let Ok(mut looks) = self.looks.try_lock() {
            pairs.iter().for_each(|(key, _)| looks.note(db, &self.folder, || record::key_of(key)));
        }
        Ok(pairs)
    }

    fn commit(&self, batch: Batch, durability: Durability) -> Result<(), StoreError> {
        batch.check()?;
        let mut commits = self.commits();
        if let Some(cause) = &commits.halted {
            return Err(cause.clone());
        }
        let erases = batch.erases();
        let (requirements, operations) = batch.into_parts();
        let checked = self.check(requirements);
        let applied = checked.and_then(|()| self.apply(&mut commits, operations, erases, durability));
        applied.inspect_err(|error| {
            if error.halts() {
                commits.halted = Some(error.clone());
            }
        })
    }

    /// What sled has let go of lies between what it holds of every page for good, so little of it goes back to the system.
    fn is_swollen(&self) -> bool {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).turns > 0
    }

    fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.folder.bytes()
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        let Some(db) = self.db.take() else { return };
        let halted = self.commits().halted.is_some();
        let closed = guarded(|| {
            if !halted {
                let mut commits = self.commits();
                self.sync(&db, &mut commits)?;
                commits.head.sync()?;
            }
            // sled writes on while it is dropped, and may panic in it.
            drop(db);
            Ok(())
        });
        // Without a seal the next opening looks at everything; nothing is lost.
        let sealed = closed.and_then(|()| match !halted && self.folder.wait_until_sled_is_gone() {
            true => self.folder.write_seal(),
            false => Ok(()),
        });
        if let Err(error) = sealed {
            tracing::warn!(%error, "the store was not closed cleanly; the next opening checks all of it");
        }
    }
}

/// Opens sled and finds out whether everything that `mark` and the ledger promise is there.
fn open_checked(
    folder: &Folder,
    mark: &Mark,
    intact: bool,
    cache_bytes: u64,
) -> Result<(sled::Db, Ledger), StoreError> {
    let existed = folder.sled().exists();
    let db = guarded(|| open_sled(folder, cache_bytes))?;
    let checked = guarded(|| {
        let ledger = read_ledger(&db, folder, mark)?;
        if existed && !intact {
            count(&db, folder, &ledger)?;
        }
        Ok(ledger)
    });
    match checked {
        Ok(ledger) => Ok((db, ledger)),
        Err(error) => {
            // Dropping a damaged sled may panic too; what made it unusable is the answer either way.
            let _ = guarded(|| {
                drop(db);
                Ok(())
            });
            Err(error)
        }
    }
}

/// Writes all records into files of their own, which have nothing of what was erased, and puts these in the place of sled's.
/// Where that cannot be done, everything stays as it is, and the next opening tries again.
fn rewrite(
    folder: &Folder,
    mark: &Mark,
    db: sled::Db,
    ledger: Ledger,
    cache_bytes: u64,
) -> Result<(sled::Db, Ledger), StoreError> {
    let begun = Instant::now();
    let written =
        folder.begin_anew().and_then(|path| guarded(|| copy_records(&db, folder, &path, &ledger, cache_bytes)));
    if let Err(error) = written.and_then(|()| folder.finish_anew()) {
        tracing::warn!(%error, "what was erased could not be taken out of the store's files; the next start tries again");
        folder.give_up_anew()?;
        return Ok((db, ledger));
    }
    guarded(|| {
        drop(db);
        Ok(())
    })?;
    if !folder.wait_until_sled_is_gone() {
        // The copy is whole: the next opening puts it into place.
        return Err(StoreError::Locked { path: folder.root().to_path_buf() });
    }
    folder.restore_copy()?;
    tracing::info!(took = ?begun.elapsed(), "the store was written anew, without what was erased");
    let db = guarded(|| open_sled(folder, cache_bytes))?;
    let ledger = guarded(|| read_ledger(&db, folder, mark))?;
    Ok((db, ledger))
}

/// Copies every record, and the ledger without its mark, to a sled of its own, and brings it to the disk.
fn copy_records(
    db: &sled::Db,
    folder: &Folder,
    path: &Path,
    ledger: &Ledger,
    cache_bytes: u64,
) -> Result<(), StoreError> {
    let failed = |error: sled::Error| fault(&error, folder);
    let fresh = open_sled_at(path, folder, cache_bytes)?;
    let mut tally = Tally::default();
    let (mut batch, mut bytes, mut looks) = (sled::Batch::default(), 0, Looks::default());
    for found in db.range::<&[u8], _>((Bound::Excluded(LEDGER_KEY), Bound::Unbounded)) {
        let (key, stored) = found.map_err(failed)?;
        tally.add(record::checksum_of(&stored)?);
        bytes += key.len() + stored.len();
        looks.note(db, folder, || key.to_vec());
        batch.insert(key, stored);
        if bytes >= REWRITE_BATCH_BYTES {
            fresh.apply_batch(std::mem::take(&mut batch)).map_err(failed)?;
            bytes = 0;
        }
    }
    if tally != ledger.tally {
        return Err(StoreError::damaged("its records are not those that its ledger counts"));
    }
    batch.insert(LEDGER_KEY, Ledger { erase_due: false, ..ledger.clone() }.encode());
    fresh.apply_batch(batch).map_err(failed)?;
    fresh.flush().map_err(failed)?;
    Ok(())
}

fn open_sled(folder: &Folder, cache_bytes: u64) -> Result<sled::Db, StoreError> {
    open_sled_at(&folder.sled(), folder, cache_bytes)
}

fn open_sled_at(path: &Path, folder: &Folder, cache_bytes: u64) -> Result<sled::Db, StoreError> {
    let deadline = Instant::now() + REOPEN_WAIT;
    loop {
        let config = sled::Config::new().path(path).cache_capacity(cache_bytes).flush_every_ms(None);
        match config.open() {
            Ok(db) => return Ok(db),
            // The folder's lock is ours, so whoever holds sled's is a handle that is just being dropped.
            Err(sled::Error::Io(error)) if error.to_string().contains("could not acquire lock") => {
                if Instant::now() >= deadline {
                    return Err(StoreError::Locked { path: folder.root().to_path_buf() });
                }
                std::thread::sleep(REOPEN_POLL);
            }
            Err(error) => return Err(fault(&error, folder)),
        }
    }
}

fn read_ledger(db: &sled::Db, folder: &Folder, mark: &Mark) -> Result<Ledger, StoreError> {
    let Some(stored) = db.get(LEDGER_KEY).map_err(|error| fault(&error, folder))? else {
        // A store that was being made when the program was killed has a head and nothing else.
        if mark.commit == 0 && db.is_empty() {
            return Ok(Ledger {
                id: mark.id,
                schema: mark.schema,
                commit: 0,
                tally: Tally::default(),
                erase_due: false,
            });
        }
        return Err(StoreError::damaged("its ledger is missing"));
    };
    let ledger = Ledger::decode(&stored)?;
    if ledger.id != mark.id {
        return Err(StoreError::damaged("its parts belong to different stores"));
    }
    if ledger.commit < mark.commit {
        let lost = mark.commit - ledger.commit;
        return Err(StoreError::damaged(format!("its last {lost} commits are missing")));
    }
    Ok(ledger)
}

/// Reads every record, and compares what they come to with the ledger.
fn count(db: &sled::Db, folder: &Folder, ledger: &Ledger) -> Result<(), StoreError> {
    let (mut tally, mut looks) = (Tally::default(), Looks::default());
    for found in db.range::<&[u8], _>((Bound::Excluded(LEDGER_KEY), Bound::Unbounded)) {
        let (key, stored) = found.map_err(|error| fault(&error, folder))?;
        record::open(&key, &stored)?;
        tally.add(record::checksum_of(&stored)?);
        looks.note(db, folder, || key.to_vec());
    }
    if tally != ledger.tally {
        let (found, expected) = (tally.records, ledger.tally.records);
        return Err(StoreError::damaged(format!("{found} of {expected} records are there as they were written")));
    }
    Ok(())
}

fn fault(error: &sled::Error, folder: &Folder) -> StoreError {
    match error {
        sled::Error::Io(error) => StoreError::io(error, &folder.sled()),
        sled::Error::Corruption { .. } => StoreError::damaged("its log does not match its checksums"),
        sled::Error::CollectionNotFound(_) | sled::Error::Unsupported(_) | sled::Error::ReportableBug(_) => {
            // sled's own words can hold keys; they go to the log only.
            tracing::error!(%error, "sled failed");
            StoreError::damaged("the database cannot be read")
        }
    }
}
