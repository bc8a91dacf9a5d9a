//! What the packets of a link's pictures hold, behind the RTP header. Numbers are big-endian.
//!
//! ```text
//!  a part of a picture: 0 u8 source: 1 camera, 2 screen | 1 u8 1 of a key picture, else 0 | 2 u16 picture
//!                       4 u16 part | 6 u16 parts | 8 … VP8
//!  feedback:            0 u8 3 | 1 u8 key pictures wanted: 1 camera, 2 screen, 3 both
//!                       2 u32 packets that came at the first try | 6 u32 newest sequence, counted on beyond 16 bits
//!                       10 u8 n | n × u16: to be sent again | u32 time, ¼ ms | n' × (u16 sequence, u16 ¼ ms later)
//! ```
//!
//! RFC 7741's descriptor tells first and last parts only, so a picture of which a part is missing is known for one by
//! gaps in the sequence; here other packets stand between the parts, and each says how many there are.

use super::{EncodedPicture, Source};

/// Bytes of VP8 in a packet: with all headers it fits into the 1,280 bytes that every way carries, by TURN as well.
pub const PART_BYTES_MAX: usize = 1_100;
/// Parts of one picture; a key picture of a full screen at its best needs 300.
pub const PARTS_MAX: u16 = 1_024;
/// Sequence numbers that one feedback asks for.
pub const ASKED_MAX: usize = 100;
/// Arrivals that one feedback tells of. More: the newest.
pub const ARRIVALS_MAX: usize = 200;
/// Bytes before the VP8.
const PART_HEADER: usize = 8;
const FEEDBACK_HEADER: usize = 11;
const FEEDBACK: u8 = 3;

/// The payload is none of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a packet that is neither part of a picture nor feedback")]
pub struct Malformed;

/// What a payload says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload<'a> {
    /// Of a picture.
    Part(Part<'a>),
    /// Of what came.
    Feedback(Feedback),
}

/// A part of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// What of.
    pub source: Source,
    /// Whether the picture can be shown without those before.
    pub key: bool,
    /// The picture's number.
    pub picture: u16,
    /// Which part.
    pub part: u16,
    /// Of how many.
    pub parts: u16,
    /// VP8.
    pub data: &'a [u8],
}

/// What the other side got, and wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Feedback {
    /// A key picture of the camera is wanted.
    pub key_camera: bool,
    /// The same of the screen.
    pub key_screen: bool,
    /// Packets that came without being asked for again, ever.
    pub came: u32,
    /// The newest sequence number, counted on beyond 16 bits.
    pub newest: u32,
    /// Sequence numbers to be sent again.
    pub asked: Vec<u16>,
    /// Sequence numbers that came, and when, in quarters of a millisecond of the other side's clock, oldest first.
    pub arrivals: Vec<(u16, u32)>,
}

fn source_code(source: Source) -> u8 {
    match source {
        Source::Camera => 1,
        Source::Screen => 2,
    }
}

/// The parts of a picture, in order. `number`: one more than that of the picture before on this link, of the source.
pub fn parts(picture: &EncodedPicture, number: u16) -> Vec<Vec<u8>> {
    let count = picture.data.len().div_ceil(PART_BYTES_MAX).max(1);
    let Ok(parts) = u16::try_from(count) else { return Vec::new() };
    if parts > PARTS_MAX {
        return Vec::new();
    }
    // Of one length, so that no last crumb costs a packet's headers.
    let length = picture.data.len().div_ceil(count).max(1);
    let part = |(part, data): (u16, &[u8])| {
        let mut payload = Vec::with_capacity(PART_HEADER + data.len());
        payload.extend([source_code(picture.source), u8::from(picture.key)]);
        for number in [number, part, parts] {
            payload.extend(number.to_be_bytes());
        }
        payload.extend(data);
        payload
    };
    (0..parts).zip(picture.data.chunks(length)).map(part).collect()
}

/// Reads a payload.
///
/// # Errors
/// [`Malformed`].
pub fn read(payload: &[u8]) -> Result<Payload<'_>, Malformed> {
    match payload.first() {
        Some(1) => read_part(Source::Camera, payload).map(Payload::Part),
        Some(2) => read_part(Source::Screen, payload).map(Payload::Part),
        Some(&FEEDBACK) => read_feedback(payload).map(Payload::Feedback),
        Some(_) | None => Err(Malformed),
    }
}

fn read_part(source: Source, payload: &[u8]) -> Result<Part<'_>, Malformed> {
    let (&[_, key, a, b, c, d, e, f], data) = payload.split_first_chunk::<PART_HEADER>().ok_or(Malformed)?;
    let (picture, part) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let parts = u16::from_be_bytes([e, f]);
    let sound = key <= 1 && part < parts && parts <= PARTS_MAX && !data.is_empty() && data.len() <= PART_BYTES_MAX;
    if !sound {
        return Err(Malformed);
    }
    Ok(Part { source, key: key == 1, picture, part, parts, data })
}

fn read_feedback(payload: &[u8]) -> Result<Feedback, Malformed> {
    let (header, rest) = payload.split_first_chunk::<FEEDBACK_HEADER>().ok_or(Malformed)?;
    let &[_, keys, a, b, c, d, e, f, g, h, asked] = header;
    if keys > 3 || usize::from(asked) > ASKED_MAX {
        return Err(Malformed);
    }
    let (asked, rest) = rest.split_at_checked(2 * usize::from(asked)).ok_or(Malformed)?;
    let (base, rest) = rest.split_first_chunk::<4>().ok_or(Malformed)?;
    let (arrivals, []) = rest.as_chunks::<4>() else { return Err(Malformed) };
    if arrivals.len() > ARRIVALS_MAX {
        return Err(Malformed);
    }
    let base = u32::from_be_bytes(*base);
    let arrival = |&[a, b, c, d]: &[u8; 4]| {
        (u16::from_be_bytes([a, b]), base.wrapping_add(u32::from(u16::from_be_bytes([c, d]))))
    };
    Ok(Feedback {
        key_camera: keys & 1 != 0,
        key_screen: keys & 2 != 0,
        came: u32::from_be_bytes([a, b, c, d]),
        newest: u32::from_be_bytes([e, f, g, h]),
        asked: asked.as_chunks::<2>().0.iter().map(|number| u16::from_be_bytes(*number)).collect(),
        arrivals: arrivals.iter().map(arrival).collect(),
    })
}

impl Feedback {
    /// As a payload. What is too much is left out.
    pub fn write(&self) -> Vec<u8> {
        let asked = &self.asked[..self.asked.len().min(ASKED_MAX)];
        let arrivals = &self.arrivals[self.arrivals.len().saturating_sub(ARRIVALS_MAX)..];
        let mut payload = vec![FEEDBACK, u8::from(self.key_camera) | u8::from(self.key_screen) << 1];
        payload.extend(self.came.to_be_bytes());
        payload.extend(self.newest.to_be_bytes());
        payload.push(u8::try_from(asked.len()).unwrap_or(u8::MAX));
        payload.extend(asked.iter().flat_map(|number| number.to_be_bytes()));
        // The earliest, which need not be the first; of a clock that comes round again.
        let first = arrivals.first().map_or(0, |(_, at)| *at);
        let since_first = |at: &u32| at.wrapping_sub(first).cast_signed();
        let base = arrivals.iter().map(|(_, at)| *at).min_by_key(since_first).unwrap_or_default();
        payload.extend(base.to_be_bytes());
        for (sequence, at) in arrivals {
            let later = u16::try_from(at.wrapping_sub(base)).unwrap_or(u16::MAX);
            payload.extend(sequence.to_be_bytes());
            payload.extend(later.to_be_bytes());
        }
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // Rules: CA6
        #[test]
        fn a_picture_is_the_sum_of_its_parts(data in proptest::collection::vec(any::<u8>(), 1..9_000), id: u16, key: bool) {
            let picture = EncodedPicture { source: Source::Screen, key, timestamp: 9, data: data.clone().into() };
            let written = parts(&picture, id);
            let mut whole: Vec<u8> = Vec::new();
            for (n, payload) in written.iter().enumerate() {
                let Ok(Payload::Part(part)) = read(payload) else { panic!("it reads its own") };
                prop_assert_eq!((part.source, part.key, part.picture), (Source::Screen, key, id));
                prop_assert_eq!((usize::from(part.part), usize::from(part.parts)), (n, written.len()));
                whole.extend(part.data);
            }
            prop_assert_eq!(whole, data);
        }

        #[test]
        fn whatever_comes_is_read_or_refused(payload in proptest::collection::vec(any::<u8>(), 0..200), kind in 0_u8..5) {
            let _ = read(&payload);
            let mut payload = payload;
            payload.insert(0, kind);
            if let Ok(Payload::Feedback(feedback)) = read(&payload) {
                let again = feedback.write();
                prop_assert_eq!(read(&again), Ok(Payload::Feedback(feedback)));
            }
        }
    }

    #[test]
    fn arrivals_read_as_they_were_written_whichever_was_first() {
        let arrivals = [(7, 2_395), (8, 2_394), (9, 2_394 + 65_535), (10, u32::MAX)];
        let feedback = |arrivals: &[(u16, u32)]| Feedback { arrivals: arrivals.to_vec(), ..Feedback::default() };
        for some in [&arrivals[..3], &[arrivals[3], arrivals[0]], &[arrivals[0], arrivals[3]]] {
            assert_eq!(read(&feedback(some).write()), Ok(Payload::Feedback(feedback(some))), "{some:?}");
        }
    }

    // Rules: CA7
    #[test]
    fn feedback_reads_as_it_was_written() {
        let feedback = Feedback {
            key_camera: false,
            key_screen: true,
            came: 70_000,
            newest: 70_010,
            asked: vec![1, 65_535],
            arrivals: vec![(7, u32::MAX - 1), (8, 3)],
        };
        assert_eq!(read(&feedback.write()), Ok(Payload::Feedback(feedback)));
        assert_eq!(read(&[]), Err(Malformed));
        assert_eq!(read(&[1, 0, 0, 0, 0, 3, 0, 3, 9]), Err(Malformed), "a fourth part of three");
    }
}
