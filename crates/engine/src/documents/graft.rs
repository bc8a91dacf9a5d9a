//! Many blocks at once, new ones and such as go.
//!
//! `yrs` finds every place by walking there, so that a thousand blocks behind ten thousand would take ten million steps:
//! they are written into an empty document, where the way is short, and taken over from there. Those that go are called by
//! their names.

use yrs::branch::Branch;
use yrs::updates::decoder::Decode as _;
use yrs::{BranchID, ReadTxn as _, Transact as _, TransactionMut, XmlFragmentRef, XmlOut};

use super::document::Page;
use super::update::{Id, Update, UpdateError};

/// Between which two blocks, side by side in one container, new ones go. At an end of it there is but one; in an empty
/// document, none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Between {
    pub(super) left: Option<Id>,
    pub(super) right: Option<Id>,
}

/// Puts what `write` puts into an empty document between two blocks. It is quick where that writes the last block first.
pub(super) fn graft(
    txn: &mut TransactionMut<'_>,
    between: Between,
    write: impl FnOnce(&XmlFragmentRef, &mut TransactionMut<'_>),
) -> Result<(), UpdateError> {
    let client = txn.doc().client_id();
    let scratch = Page::new(client.get());
    let mut writing = scratch.doc.transact_mut();
    write(&scratch.content, &mut writing);
    let update = Update::decode(&writing.encode_update_v1())?;
    let grafted = update.grafted(txn.state_vector().get(&client), between.left, between.right).encode();
    let decoded = yrs::Update::decode_v1(&grafted).map_err(|_| UpdateError::Malformed)?;
    txn.apply_update(decoded).map_err(|_| UpdateError::Malformed)
}

/// Deletes what is called so.
pub(super) fn remove(txn: &mut TransactionMut<'_>, ids: impl IntoIterator<Item = Id>) -> Result<(), UpdateError> {
    let update = Update::deleting(ids).encode();
    let decoded = yrs::Update::decode_v1(&update).map_err(|_| UpdateError::Malformed)?;
    txn.apply_update(decoded).map_err(|_| UpdateError::Malformed)
}

/// What a node is called.
pub(super) fn id_of(node: &XmlOut) -> Option<Id> {
    let branch: &Branch = match node {
        XmlOut::Element(element) => element.as_ref(),
        XmlOut::Text(text) => text.as_ref(),
        XmlOut::Fragment(fragment) => fragment.as_ref(),
    };
    match branch.id() {
        BranchID::Nested(id) => Some(Id { client: id.client.get(), clock: id.clock }),
        BranchID::Root(_) => None,
    }
}
