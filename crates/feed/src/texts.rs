//! Where the words of posts and comments are.
//!
//! A feed has thousands of posts of which a page shows twenty. Who answers many readers holds what they say; who has them
//! on a disk of their own reads it there.

use std::fmt;

use momoland_protocol::cbor;
use momoland_protocol::event::EventPlace;
use momoland_protocol::limits::BODY_BYTES_MAX;

/// What an event of a feed says.
pub trait Content: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + cbor::Bounded {}

impl<T> Content for T where T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + cbor::Bounded {}

/// Keeps, or finds again, what events say.
pub trait Texts {
    /// What a feed itself holds of one.
    type Text: fmt::Debug + Clone;

    /// Takes what an event says.
    fn take<C: Content>(&self, content: &C) -> Self::Text;

    /// What the event at a place says. `None` where it is not to be had any more.
    fn read<C: Content>(&self, text: &Self::Text, place: EventPlace) -> Option<C>;
}

/// Texts in memory, as they were encoded.
#[derive(Debug, Clone, Copy, Default)]
pub struct InMemory;

impl Texts for InMemory {
    type Text = Box<[u8]>;

    fn take<C: Content>(&self, content: &C) -> Self::Text {
        cbor::encode(content).into_boxed_slice()
    }

    fn read<C: Content>(&self, text: &Self::Text, _: EventPlace) -> Option<C> {
        cbor::decode(text, BODY_BYTES_MAX).ok()
    }
}
