//! How a document came to be what it is: versions by time and author, folded from its events, and the way back to one.
//!
//! Nothing is kept for it: a version is what the events up to one add up to. What counts no more is in no version.

use momoland_protocol::id::{AccountId, EventId, LogId};

use super::Written;
use super::source::{Source, WrittenUpdate};
use crate::api::error::{ApiError, ErrorKind};
use crate::documents::document::Standing;
use crate::documents::rich::Block;
use crate::engine::Home;

/// What one person writes with shorter pauses is one version, milliseconds.
const TOGETHER_MS: u64 = 5 * 60 * 1_000;

/// What one person wrote in one go.
#[derive(Debug, Clone)]
pub(crate) struct DocumentVersion {
    /// The last event of it, and its place among all.
    pub(crate) id: EventId,
    last: usize,
    pub(crate) author: AccountId,
    pub(crate) began_at: u64,
    pub(crate) at: u64,
}

/// What a document's events say about how it came to be: read apart from the actor.
pub(crate) struct DocumentHistory(Source);

/// What a document was made of at a version.
pub(crate) struct Held {
    pub(crate) version: DocumentVersion,
    pub(crate) blocks: Vec<Block>,
    /// What it held before.
    pub(crate) before: Vec<Block>,
}

impl Home {
    /// How a document came to be.
    pub(crate) fn document_history(&self, log: LogId) -> Result<DocumentHistory, ApiError> {
        self.source(log).map(DocumentHistory)
    }

    /// Makes a document what it was, by a new edit; answered once that is on disk.
    pub(crate) fn revert_document(&mut self, log: LogId, blocks: &[Block]) -> Result<Written, ApiError> {
        self.may_edit(log)?;
        let update = self.document(log)?.become_blocks(blocks).map_err(super::calls::not_taken)?;
        Ok(self.document_changed(log, &update))
    }
}

impl DocumentHistory {
    /// All versions, the newest first. Blocks on the disk.
    pub(crate) fn versions(&self) -> Result<Vec<DocumentVersion>, ApiError> {
        let mut versions = versions_of(&self.0.updates()?);
        versions.reverse();
        Ok(versions)
    }

    /// A version, what the document held then, and what it held before. Blocks on the disk.
    pub(crate) fn version(&self, wanted: EventId) -> Result<Held, ApiError> {
        let updates = self.0.updates()?;
        let versions = versions_of(&updates);
        let place = versions.iter().position(|version| version.id == wanted).ok_or_else(no_such_version)?;
        let held = |version: &DocumentVersion| {
            let until = updates.iter().enumerate().filter(|(number, written)| {
                // What was refused is a place for what counts, whenever it came.
                *number <= version.last || written.standing == Standing::Refused
            });
            self.0.fold_updates(until.map(|(_, written)| written)).blocks()
        };
        let version = versions.get(place).ok_or_else(no_such_version)?;
        let before = place.checked_sub(1).and_then(|before| versions.get(before)).map(held).unwrap_or_default();
        Ok(Held { version: version.clone(), blocks: held(version), before })
    }
}

fn versions_of(updates: &[WrittenUpdate]) -> Vec<DocumentVersion> {
    let mut versions: Vec<DocumentVersion> = Vec::new();
    for (last, written) in updates.iter().enumerate().filter(|(_, it)| it.standing == Standing::Counts) {
        let (id, author, at) = (written.id, written.author, written.header.hlc.wall().0);
        match versions.last_mut() {
            Some(before) if before.author == author && at.saturating_sub(before.at) <= TOGETHER_MS => {
                (before.id, before.last, before.at) = (id, last, at);
            }
            _ => versions.push(DocumentVersion { id, last, author, began_at: at, at }),
        }
    }
    versions
}

fn no_such_version() -> ApiError {
    ApiError::new(ErrorKind::NotFound, "This document has no such version any more. Read docs.history again.")
}
