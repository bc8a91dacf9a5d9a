//! Every bound on what is accepted from outside, in one place.
//!
//! A bound is part of the protocol: raising one is compatible, lowering one is not.

/// Bytes of one WebSocket message or one reassembled data-channel message.
/// A server keeps at most this much of a connection's input in memory.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;

/// Bytes of an encoded event header.
pub const HEADER_BYTES_MAX: usize = 2 * 1024;

/// Bytes of an encoded event body, its tag included. Leaves room for the header in one frame.
pub const BODY_BYTES_MAX: usize = 48 * 1024;

/// Events that one event may refer to.
pub const TARGETS_MAX: usize = 32;

/// UTF-8 bytes of a message's text.
pub const TEXT_BYTES_MAX: usize = 32 * 1024;

/// Accounts that one message mentions.
pub const MENTIONS_MAX: usize = 64;

/// Accounts that the entry of a call names.
pub const CALL_ACCOUNTS_MAX: usize = 32;

/// Milliseconds that the entry of a call says it lasted: a week.
pub const CALL_LENGTH_MS_MAX: u64 = 7 * 24 * 60 * 60 * 1000;

/// UTF-8 bytes of the emoji of a reaction. The longest in use, a family with skin tones, has 41.
pub const EMOJI_BYTES_MAX: usize = 64;

/// Characters of a post's title.
pub const POST_TITLE_CHARS_MAX: usize = 200;

/// Tags of a post.
pub const TAGS_MAX: usize = 10;

/// Characters of a tag.
pub const TAG_CHARS_MAX: usize = 32;

/// Characters of the reason for which a post or comment is hidden.
pub const REASON_CHARS_MAX: usize = 200;

/// Characters of a document's title.
pub const DOCUMENT_TITLE_CHARS_MAX: usize = 128;

/// Accounts that may be listed as editors of one document.
pub const DOCUMENT_EDITORS_MAX: usize = 1000;

/// Chains that one change of a document's editors cuts.
pub const DOCUMENT_CUTS_MAX: usize = 256;

/// Bytes of the Yjs update in one event: [`BODY_BYTES_MAX`] less its wrapping. Longer ones are cut.
pub const DOCUMENT_UPDATE_BYTES_MAX: usize = 47 * 1024 + 960;

/// Bytes of a register's value.
pub const REGISTER_VALUE_BYTES_MAX: usize = 4 * 1024;

/// Bytes of an encoded register.
pub const REGISTER_BYTES_MAX: usize = REGISTER_VALUE_BYTES_MAX + 512;

/// Bytes of an encoded roster change or countersignature, cuts included.
pub const ROSTER_CHANGE_BYTES_MAX: usize = 24 * 1024;

/// Chains that one roster change cuts.
pub const CUTS_MAX: usize = 128;

/// Accounts that found a room with its first change.
pub const FOUNDERS_MAX: usize = 2;

/// Certificates that a founder brings along.
pub const FOUNDER_CERTIFICATES_MAX: usize = 8;

/// Bytes of an encoded device certificate.
pub const CERTIFICATE_BYTES_MAX: usize = 1024;

/// Characters (Unicode scalar values) of a room's name.
pub const ROOM_NAME_CHARS_MAX: usize = 64;

/// Characters of a room's topic.
pub const TOPIC_CHARS_MAX: usize = 256;

/// Characters of a handle: at least, at most.
pub const HANDLE_CHARS: (usize, usize) = (2, 32);

/// Characters of a display name.
pub const DISPLAY_NAME_CHARS_MAX: usize = 64;

/// Characters of a status text.
pub const STATUS_TEXT_CHARS_MAX: usize = 128;

/// Bytes of one signal (an offer, an answer, a candidate) in an introduction.
pub const SIGNAL_BYTES_MAX: usize = 16 * 1024;

/// Devices that a device says it is linked with. Of more it tells the first.
pub const DEVICES_AROUND_MAX: usize = 128;

/// Characters of a TURN server's host, username or password.
pub const TURN_LINE_CHARS_MAX: usize = 508;

/// Notices of administrators in one frame: as many as fit whatever they say.
pub const NOTICES_PER_FRAME_MAX: usize = 8;

/// UTF-8 bytes of a notice's text.
pub const NOTICE_TEXT_BYTES_MAX: usize = 4 * 1024;

/// Characters of a notice's title.
pub const NOTICE_TITLE_CHARS_MAX: usize = 128;

/// Bytes of an ephemeral's payload.
pub const EPHEMERAL_BYTES_MAX: usize = 16 * 1024;
/// Characters of the name of a file that all in a call listen to.
pub const FILE_TITLE_CHARS_MAX: usize = 128;

/// Chains in one vector or acknowledgement; a longer one is sent in parts.
pub const CHAINS_PER_FRAME_MAX: usize = 512;

/// Events in one frame; their bytes are bounded by [`FRAME_BYTES_MAX`] too.
pub const EVENTS_PER_FRAME_MAX: usize = 256;

/// Registers in one frame.
pub const REGISTERS_PER_FRAME_MAX: usize = 64;

/// Roster changes in one frame.
pub const CHANGES_PER_FRAME_MAX: usize = 64;

/// Rooms in one answer of the directory.
pub const DIRECTORY_PAGE_MAX: usize = 100;

/// Accounts in one request for profiles, or one answer.
pub const PROFILES_PER_FRAME_MAX: usize = 128;

/// Devices of one account.
pub const DEVICES_PER_ACCOUNT_MAX: usize = 32;

/// Bytes of an access token.
pub const ACCESS_TOKEN_BYTES_MAX: usize = 2 * 1024;

/// Characters of a sentence in a refusal or a goodbye.
pub const SENTENCE_CHARS_MAX: usize = 512;
