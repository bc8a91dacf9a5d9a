//! `docs.*`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use momoland_protocol::document::{DocumentChange, Editors};
use momoland_protocol::id::{AccountId, EventId, LogId, RoomId};
use serde_json::Value;
use tokio::sync::oneshot;

use super::{closing, id, written};
use crate::api::error::{ApiError, ErrorKind};
use crate::api::types::{
    ArchiveDocParams, CreateDocParams, DocAsItWas, DocAwarenessParams, DocCreated, DocDelete, DocEditing, DocHistory,
    DocHistoryParams, DocInsert, DocOp, DocParams, DocState, DocStateParams, DocText, DocVersion, DocVersionParams,
    Docs, Done, EditDocParams, ExportDocParams, ExportFormat, ExportedDoc, ImportDocParams, ImportFormat,
    ListDocsParams, OpenedDoc, RenameDocParams, SetEditorsParams, UpdateDocParams,
};
use crate::documents::awareness::STATE_BYTES_MAX;
use crate::documents::document::{Edit, RAW_UPDATE_BYTES_MAX};
use crate::documents::rich;
use crate::engine::{DocumentHistory, DocumentVersion, Engine, no_such_document};

/// Changes in one call. Enough for any replacement; more are better sent as an update.
const OPS_MAX: usize = 10_000;

/// Versions of an answer, where nothing is said, and at most.
const VERSIONS_DEFAULT: u32 = 100;
const VERSIONS_MAX: u32 = 1_000;

/// Bytes of a text that is taken in at once.
const IMPORT_BYTES_MAX: usize = 1024 * 1024;

pub(super) async fn create(engine: &Engine, params: CreateDocParams) -> Result<DocCreated, ApiError> {
    let CreateDocParams { room_id, title, editing, editors } = params;
    let room: RoomId = id(&room_id, "room")?;
    let editors = understand_editors(editing, editors)?;
    let stored = engine.with_home(move |home| home.create_document(room, title, editors)).await?;
    let document = written(stored).await?;
    Ok(DocCreated { doc_id: document.to_string() })
}

pub(super) async fn list(engine: &Engine, params: ListDocsParams) -> Result<Docs, ApiError> {
    let room: RoomId = id(&params.room_id, "room")?;
    let deleted = params.deleted.unwrap_or(false);
    engine.with_home(move |home| Ok(Docs { docs: home.documents(room, deleted)? })).await
}

pub(super) async fn open(engine: &Engine, params: DocParams) -> Result<OpenedDoc, ApiError> {
    let document = document(&params.doc_id)?;
    engine
        .with_home(move |home| {
            let client_id = home.open_document(document)?;
            let beginning = rich::to_editor(&home.document_beginning(document)?);
            let (update, state_vector) = home.document_state(document, None)?;
            let doc = home.doc(document).ok_or_else(no_such_document)?;
            let (update, state_vector) = (STANDARD.encode(update), STANDARD.encode(state_vector));
            Ok(OpenedDoc { doc, client_id, beginning, update, state_vector, present: home.awareness(document) })
        })
        .await
}

pub(super) async fn close(engine: &Engine, params: DocParams) -> Result<Done, ApiError> {
    let document = document(&params.doc_id)?;
    engine.with_home(move |home| home.close_document(document).map(|()| Done {})).await
}

pub(super) async fn text(engine: &Engine, params: DocParams) -> Result<DocText, ApiError> {
    let document = document(&params.doc_id)?;
    engine.with_home(move |home| Ok(DocText { text: home.document_text(document)? })).await
}

pub(super) async fn edit(engine: &Engine, params: EditDocParams) -> Result<Done, ApiError> {
    let document = document(&params.doc_id)?;
    if params.ops.len() > OPS_MAX {
        return Err(ApiError::invalid("One call makes at most 10,000 changes."));
    }
    let edits: Vec<Edit> = params.ops.into_iter().map(understand).collect();
    let stored = engine.with_home(move |home| home.edit_document(document, edits)).await?;
    done(stored).await
}

pub(super) async fn update(engine: &Engine, params: UpdateDocParams) -> Result<Done, ApiError> {
    let document = document(&params.doc_id)?;
    let update = bytes(&params.update, "An update")?;
    let stored = engine.with_home(move |home| home.update_document(document, &update)).await?;
    done(stored).await
}

pub(super) async fn state(engine: &Engine, params: DocStateParams) -> Result<DocState, ApiError> {
    let document = document(&params.doc_id)?;
    let theirs = params.state_vector.map(|text| bytes(&text, "A state vector")).transpose()?;
    engine
        .with_home(move |home| {
            let (update, state_vector) = home.document_state(document, theirs.as_deref())?;
            Ok(DocState { update: STANDARD.encode(update), state_vector: STANDARD.encode(state_vector) })
        })
        .await
}

pub(super) async fn awareness(engine: &Engine, params: DocAwarenessParams) -> Result<Done, ApiError> {
    let document = document(&params.doc_id)?;
    let editor = params.client_id.unwrap_or_default();
    let state = match params.state {
        None | Some(Value::Null) => None,
        Some(state @ Value::Object(_)) => Some(state.to_string()),
        Some(_) => return Err(ApiError::invalid("Where somebody is, is an object, or null.")),
    };
    if state.as_ref().is_some_and(|state| state.len() > STATE_BYTES_MAX) {
        return Err(ApiError::invalid("Where somebody is, is said in at most 4 KiB."));
    }
    engine.with_home(move |home| home.set_awareness(document, editor, state).map(|()| Done {})).await
}

pub(super) async fn set_editors(engine: &Engine, params: SetEditorsParams) -> Result<Done, ApiError> {
    let document = document(&params.doc_id)?;
    let editors = understand_editors(params.editing.unwrap_or(DocEditing::Listed), params.editors)?;
    let stored = engine.with_home(move |home| home.set_document_editors(document, editors)).await?;
    written(stored).await.map(|_| Done {})
}

pub(super) async fn rename(engine: &Engine, params: RenameDocParams) -> Result<Done, ApiError> {
    change(engine, &params.doc_id, DocumentChange::Rename { title: params.title }).await
}

pub(super) async fn archive(engine: &Engine, params: ArchiveDocParams) -> Result<Done, ApiError> {
    change(engine, &params.doc_id, DocumentChange::Archive { archived: params.archived }).await
}

pub(super) async fn delete(engine: &Engine, params: DocParams) -> Result<Done, ApiError> {
    change(engine, &params.doc_id, DocumentChange::Delete { deleted: true }).await
}

pub(super) async fn restore(engine: &Engine, params: DocParams) -> Result<Done, ApiError> {
    change(engine, &params.doc_id, DocumentChange::Delete { deleted: false }).await
}

pub(super) async fn export(engine: &Engine, params: ExportDocParams) -> Result<ExportedDoc, ApiError> {
    let document = document(&params.doc_id)?;
    engine
        .with_home(move |home| {
            let (title, blocks) = home.document_blocks(document)?;
            let (content, ending, media_type) = match params.format {
                ExportFormat::Markdown => (rich::to_markdown(&blocks), "md", "text/markdown"),
                ExportFormat::Html => (rich::to_html(&title, &blocks), "html", "text/html"),
                ExportFormat::Text => (home.document_text(document)?, "txt", "text/plain"),
            };
            let file_name = format!("{}.{ending}", file_stem(&title));
            Ok(ExportedDoc { content, file_name, media_type: media_type.to_owned() })
        })
        .await
}

pub(super) async fn import(engine: &Engine, params: ImportDocParams) -> Result<Done, ApiError> {
    let ImportDocParams { doc_id, format, content } = params;
    let document = document(&doc_id)?;
    if content.len() > IMPORT_BYTES_MAX {
        return Err(ApiError::invalid("At most 1 MiB is taken into a document at once. Import it in parts."));
    }
    let blocks = match format {
        ImportFormat::Markdown => rich::from_markdown(&content),
        ImportFormat::Text => rich::from_text(&content),
    };
    let stored = engine.with_home(move |home| home.append_to_document(document, &blocks)).await?;
    done(stored).await
}

pub(super) async fn history(engine: &Engine, params: DocHistoryParams) -> Result<DocHistory, ApiError> {
    let document = document(&params.doc_id)?;
    let before: Option<EventId> = params.before.map(|text| id(&text, "version")).transpose()?;
    let limit = params.limit.unwrap_or(VERSIONS_DEFAULT);
    if !(1..=VERSIONS_MAX).contains(&limit) {
        return Err(ApiError::invalid("A limit is at least 1 and at most 1,000."));
    }
    let mut versions = in_history(engine, document, |history| history.versions()).await?;
    if let Some(before) = before {
        let place = versions.iter().position(|version| version.id == before);
        // It grew meanwhile, or counts no more.
        let place = place.ok_or_else(|| ApiError::invalid("There is no such version any more. Begin anew."))?;
        versions.drain(..=place);
    }
    let more = versions.len() > limit as usize;
    versions.truncate(limit as usize);
    let next = versions.last().filter(|_| more).map(|version| version.id.to_string());
    Ok(DocHistory { versions: versions.iter().map(doc_version).collect(), next })
}

pub(super) async fn version(engine: &Engine, params: DocVersionParams) -> Result<DocAsItWas, ApiError> {
    let document = document(&params.doc_id)?;
    let wanted: EventId = id(&params.version_id, "version")?;
    let held = in_history(engine, document, move |history| history.version(wanted)).await?;
    let (markdown, before) = (rich::to_markdown(&held.blocks), rich::to_markdown(&held.before));
    Ok(DocAsItWas { version: doc_version(&held.version), markdown, before })
}

pub(super) async fn revert(engine: &Engine, params: DocVersionParams) -> Result<Done, ApiError> {
    let document = document(&params.doc_id)?;
    let wanted: EventId = id(&params.version_id, "version")?;
    let held = in_history(engine, document, move |history| history.version(wanted)).await?;
    let stored = engine.with_home(move |home| home.revert_document(document, &held.blocks)).await?;
    done(stored).await
}

/// Reads a document's history beside the actor: that takes as long as it is.
async fn in_history<T: Send + 'static>(
    engine: &Engine,
    document: LogId,
    read: impl FnOnce(&DocumentHistory) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let history = engine.with_home(move |home| home.document_history(document)).await?;
    let read = tokio::task::spawn_blocking(move || read(&history)).await;
    read.map_err(|_| ApiError::new(ErrorKind::Internal, "The document's history could not be read. Try again."))?
}

fn doc_version(version: &DocumentVersion) -> DocVersion {
    DocVersion {
        version_id: version.id.to_string(),
        user_id: version.author.to_string(),
        began_at: version.began_at,
        at: version.at,
    }
}

/// A title as a name that files have on every system.
fn file_stem(title: &str) -> String {
    let allowed = |it: char| if it.is_control() || "/\\:*?\"<>|".contains(it) { ' ' } else { it };
    let stem: String = title.chars().map(allowed).collect();
    let stem = stem.split_whitespace().collect::<Vec<&str>>().join(" ");
    let stem = stem.trim_matches(['.', ' ']);
    if stem.is_empty() { "document".to_owned() } else { stem.to_owned() }
}

/// Waits until a change is on disk.
async fn done(stored: oneshot::Receiver<Result<(), ApiError>>) -> Result<Done, ApiError> {
    stored.await.map_err(|_| closing())?.map(|()| Done {})
}

async fn change(engine: &Engine, doc_id: &str, change: DocumentChange) -> Result<Done, ApiError> {
    let document = document(doc_id)?;
    let stored = engine.with_home(move |home| home.change_document(document, &change)).await?;
    written(stored).await.map(|_| Done {})
}

fn document(text: &str) -> Result<LogId, ApiError> {
    id(text, "document")
}

fn understand(op: DocOp) -> Edit {
    match op {
        DocOp::Insert(DocInsert { at, insert }) => Edit::Insert { at, text: insert },
        DocOp::Delete(DocDelete { at, delete }) => Edit::Delete { at, len: delete },
    }
}

fn understand_editors(editing: DocEditing, editors: Option<Vec<String>>) -> Result<Editors, ApiError> {
    match (editing, editors) {
        (DocEditing::Author, None) => Ok(Editors::Author),
        (DocEditing::Members, None) => Ok(Editors::Members),
        (DocEditing::Listed, editors) => {
            let accounts = editors.unwrap_or_default();
            let mut accounts: Vec<AccountId> =
                accounts.iter().map(|text| id(text, "person")).collect::<Result<_, _>>()?;
            accounts.sort();
            accounts.dedup();
            Ok(Editors::Listed { accounts })
        }
        (DocEditing::Author | DocEditing::Members, Some(_)) => {
            Err(ApiError::invalid("Editors are named where editing is “listed”, and nowhere else."))
        }
    }
}

fn bytes(text: &str, what: &str) -> Result<Vec<u8>, ApiError> {
    let bytes = STANDARD.decode(text).map_err(|_| ApiError::invalid(format!("{what} is given in base64.")))?;
    if bytes.len() > RAW_UPDATE_BYTES_MAX {
        return Err(ApiError::invalid(format!("{what} has at most 2 MiB. Send it in parts.")));
    }
    Ok(bytes)
}
