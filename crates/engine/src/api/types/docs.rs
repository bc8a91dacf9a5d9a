//! Parameters and results of `docs.*`.
//!
//! Offsets and lengths count UTF-16 code units, as Yjs does; updates and state vectors are Yjs's of version 1, in base64.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Who may write in a document. Whoever may, must be able to write in the room as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum DocEditing {
    /// Its author alone.
    Author,
    /// Everybody who may write in the room.
    Members,
    /// Its author, and who is listed.
    Listed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Doc {
    pub doc_id: String,
    pub room_id: String,
    pub title: String,
    /// The account that created it.
    pub author: String,
    pub editing: DocEditing,
    /// Who is listed, with `listed`.
    pub editors: Vec<String>,
    #[ts(type = "number")]
    pub created_at: u64,
    #[ts(type = "number")]
    pub changed_at: u64,
    pub archived: bool,
    pub deleted: bool,
    /// Why this person can only read it, as a sentence; absent where they may write.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub read_only: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateDocParams {
    pub room_id: String,
    pub title: String,
    pub editing: DocEditing,
    /// Accounts, with `listed` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub editors: Option<Vec<String>>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DocCreated {
    pub doc_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListDocsParams {
    pub room_id: String,
    /// Those that were deleted, instead of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub deleted: Option<bool>,
}

/// The documents of a room, the newest change first.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Docs {
    pub docs: Vec<Doc>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DocParams {
    pub doc_id: String,
}

/// What an editor begins with.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct OpenedDoc {
    pub doc: Doc,
    /// The Yjs client id for this editor: each that is opened gets another one.
    #[ts(type = "number")]
    pub client_id: u64,
    /// Its first blocks, to be shown until all is taken in: ProseMirror's JSON of nodes in the schema of the window's editor.
    /// They are bounded, and need not be all that an editor makes of the update.
    #[ts(type = "Array<unknown>")]
    pub beginning: Vec<serde_json::Value>,
    /// All of it, as one update.
    pub update: String,
    pub state_vector: String,
    /// Who is in it, this device aside.
    pub present: Vec<DocPresence>,
}

/// Where somebody is in a document, as their editor says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DocPresence {
    pub user_id: String,
    pub device_id: String,
    #[ts(type = "unknown")]
    pub state: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DocAwarenessParams {
    pub doc_id: String,
    /// Of which editor: the client id that `docs.open` gave it. Of several here, the one that moved last is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub client_id: Option<u64>,
    /// An object; `null` where this person goes.
    #[ts(type = "unknown")]
    pub state: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetEditorsParams {
    pub doc_id: String,
    /// Left out: those who are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub editing: Option<DocEditing>,
    /// Accounts, with `listed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub editors: Option<Vec<String>>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RenameDocParams {
    pub doc_id: String,
    pub title: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArchiveDocParams {
    pub doc_id: String,
    pub archived: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DocText {
    pub text: String,
}

/// One change of the text. Of several, each counts on the text that the one before it left.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(untagged)]
pub enum DocOp {
    Insert(DocInsert),
    Delete(DocDelete),
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DocInsert {
    pub at: u32,
    pub insert: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DocDelete {
    pub at: u32,
    /// How much.
    pub delete: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EditDocParams {
    pub doc_id: String,
    pub ops: Vec<DocOp>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateDocParams {
    pub doc_id: String,
    pub update: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DocStateParams {
    pub doc_id: String,
    /// What the asker has; nothing where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub state_vector: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DocState {
    /// What the asker lacks, as one update.
    pub update: String,
    pub state_vector: String,
}

/// How a document is written down elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    Markdown,
    Text,
    /// A page of its own.
    Html,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExportDocParams {
    pub doc_id: String,
    pub format: ExportFormat,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ExportedDoc {
    pub content: String,
    /// What a file of it may be called.
    pub file_name: String,
    pub media_type: String,
}

/// What can be taken into a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum ImportFormat {
    Markdown,
    /// Each line is a paragraph.
    Text,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportDocParams {
    pub doc_id: String,
    pub format: ImportFormat,
    /// It goes to the document's end.
    pub content: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DocHistoryParams {
    pub doc_id: String,
    /// Versions before this one, as `next` of an earlier answer gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub limit: Option<u32>,
}

/// The versions of a document, the newest first.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DocHistory {
    pub versions: Vec<DocVersion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub next: Option<String>,
}

/// What one person wrote in one go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DocVersion {
    pub version_id: String,
    pub user_id: String,
    #[ts(type = "number")]
    pub began_at: u64,
    #[ts(type = "number")]
    pub at: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DocVersionParams {
    pub doc_id: String,
    pub version_id: String,
}

/// A document as it was, and as it was before that, both as Markdown: the difference is what the version changed.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DocAsItWas {
    pub version: DocVersion,
    pub markdown: String,
    pub before: String,
}
