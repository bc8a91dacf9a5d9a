//! A batch: what must hold, and what is written if it does.

use super::{BATCH_BYTES_MAX, KEY_BYTES_MAX, StoreError, VALUE_BYTES_MAX};

/// What a key must hold for a batch to be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// The key is not there.
    Absent,
    /// The key is there, with exactly this value.
    Value(Vec<u8>),
}

/// A key and what it must hold before the batch is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The key that is looked at.
    pub key: Vec<u8>,
    /// What it must hold.
    pub expect: Expect,
}

/// One write of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Sets the value of a key, whether it is there or not.
    Put {
        /// The key that is set.
        key: Vec<u8>,
        /// Its new value.
        value: Vec<u8>,
    },
    /// Removes a key; no error where it is not there.
    Delete {
        /// The key that is removed.
        key: Vec<u8>,
    },
}

/// Requirements and operations that a store checks and applies as one step.
///
/// Of several operations on one key the last counts. Requirements look at the state before the batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    requirements: Vec<Requirement>,
    operations: Vec<Operation>,
    bytes: usize,
    erases: bool,
}

impl Expect {
    /// Whether a key that holds `value` fulfils the expectation.
    pub fn holds(&self, value: Option<&[u8]>) -> bool {
        match self {
            Self::Absent => value.is_none(),
            Self::Value(expected) => value == Some(expected.as_slice()),
        }
    }
}

impl Operation {
    /// The key that the operation writes.
    pub fn key(&self) -> &[u8] {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }
}

impl Batch {
    /// A batch that requires nothing and writes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a write of `value` under `key`.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> &mut Self {
        self.push(Operation::Put { key: key.into(), value: value.into() })
    }

    /// Adds the removal of `key`.
    pub fn delete(&mut self, key: impl Into<Vec<u8>>) -> &mut Self {
        self.push(Operation::Delete { key: key.into() })
    }

    /// Adds an operation.
    pub fn push(&mut self, operation: Operation) -> &mut Self {
        self.bytes += match &operation {
            Operation::Put { key, value } => key.len() + value.len(),
            Operation::Delete { key } => key.len(),
        };
        self.operations.push(operation);
        self
    }

    /// Adds a condition on the state before the batch; where it does not hold, nothing of the batch is applied.
    pub fn require(&mut self, key: impl Into<Vec<u8>>, expect: Expect) -> &mut Self {
        let key = key.into();
        self.bytes += key.len()
            + match &expect {
                Expect::Absent => 0,
                Expect::Value(value) => value.len(),
            };
        self.requirements.push(Requirement { key, expect });
        self
    }

    /// Asks that what this batch overwrites and removes leaves the disk too, and not only the tree: a backend that keeps old
    /// bytes gets rid of them at its next opening.
    pub fn erase(&mut self) -> &mut Self {
        self.erases = true;
        self
    }

    /// Whether [`Batch::erase`] was asked for.
    pub fn erases(&self) -> bool {
        self.erases
    }

    /// Refuses what no backend takes, before anything is looked at or written.
    ///
    /// # Errors
    /// [`StoreError::EmptyKey`] or [`StoreError::TooLarge`].
    pub fn check(&self) -> Result<(), StoreError> {
        let keys = self.requirements.iter().map(|requirement| requirement.key.as_slice());
        for key in keys.chain(self.operations.iter().map(Operation::key)) {
            if key.is_empty() {
                return Err(StoreError::EmptyKey);
            }
            within("key", key.len(), KEY_BYTES_MAX)?;
        }
        for operation in &self.operations {
            match operation {
                Operation::Put { value, .. } => within("value", value.len(), VALUE_BYTES_MAX)?,
                Operation::Delete { .. } => {}
            }
        }
        within("batch", self.bytes, BATCH_BYTES_MAX)
    }

    /// The conditions, in the order in which they were added.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// The writes, in the order in which they are applied.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Keys and values together, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the batch requires and writes nothing.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty() && self.operations.is_empty()
    }

    /// The requirements and the operations, each in their order.
    pub fn into_parts(self) -> (Vec<Requirement>, Vec<Operation>) {
        (self.requirements, self.operations)
    }
}

fn within(what: &'static str, bytes: usize, bytes_max: usize) -> Result<(), StoreError> {
    if bytes > bytes_max {
        return Err(StoreError::TooLarge { what, bytes, bytes_max });
    }
    Ok(())
}
