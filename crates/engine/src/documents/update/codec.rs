//! How an update lies in bytes: lib0's numbers and texts, and Yjs's structs in them.

use super::{CLOCK_MAX, Content, Id, Item, Kind, Parent, Struct, Update, UpdateError, units};

/// The highest client id: 53 bits, a JavaScript number.
const CLIENT_MAX: u64 = (1 << 53) - 1;

/// How deep values within a value may lie.
const VALUE_DEPTH_MAX: u32 = 32;

const ORIGIN: u8 = 0x80;
const RIGHT_ORIGIN: u8 = 0x40;
const KEYED: u8 = 0x20;
const KIND: u8 = 0x1f;

/// What the content of a struct is.
pub(super) mod kind {
    pub(in super::super) const GC: u8 = 0;
    pub(in super::super) const DELETED: u8 = 1;
    pub(in super::super) const JSON: u8 = 2;
    pub(in super::super) const BINARY: u8 = 3;
    pub(in super::super) const STRING: u8 = 4;
    pub(in super::super) const EMBED: u8 = 5;
    pub(in super::super) const FORMAT: u8 = 6;
    pub(in super::super) const TYPE: u8 = 7;
    pub(in super::super) const ANY: u8 = 8;
    pub(in super::super) const SKIP: u8 = 10;
}

impl Update {
    /// Takes bytes apart.
    ///
    /// # Errors
    /// [`UpdateError::Malformed`] and [`UpdateError::OutOfBounds`]. Documents within documents (kind 9) and moves (kind
    /// 11), which editors of rich text do not make, are malformed here.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, UpdateError> {
        let mut reader = Reader { rest: bytes };
        let mut update = Self::default();
        for _ in 0..reader.number()? {
            let count = reader.number()?;
            let client = reader.client()?;
            let mut clock = reader.number()?;
            let structs = update.structs.entry(client).or_default();
            if structs.last().is_some_and(|last| u64::from(last.end()) > clock) {
                return Err(UpdateError::Malformed);
            }
            for _ in 0..count {
                let (len, kind) = reader.structure()?;
                let end = clock.checked_add(len).filter(|end| *end <= CLOCK_MAX).ok_or(UpdateError::OutOfBounds)?;
                if len == 0 {
                    return Err(UpdateError::Malformed);
                }
                if let Some(kind) = kind {
                    structs.push(Struct { clock: small(clock)?, len: small(len)?, kind });
                }
                clock = end;
            }
        }
        for _ in 0..reader.number()? {
            let client = reader.client()?;
            let ranges = update.deleted.entry(client).or_default();
            for _ in 0..reader.number()? {
                let start = reader.number()?;
                let end = start.checked_add(reader.number()?).filter(|end| *end <= CLOCK_MAX);
                ranges.insert(small(start)?, small(end.ok_or(UpdateError::OutOfBounds)?)?);
            }
        }
        if !reader.rest.is_empty() {
            return Err(UpdateError::Malformed);
        }
        update.structs.retain(|_, structs| !structs.is_empty());
        update.deleted.retain(|_, ranges| !ranges.0.is_empty());
        Ok(update)
    }

    /// The bytes that say it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_number(&mut out, self.structs.len() as u64);
        for (client, structs) in &self.structs {
            let gaps = structs.windows(2).filter(|pair| pair[0].end() < pair[1].clock).count();
            write_number(&mut out, (structs.len() + gaps) as u64);
            write_number(&mut out, *client);
            let mut clock = structs.first().map_or(0, |first| first.clock);
            write_number(&mut out, clock.into());
            for it in structs {
                if clock < it.clock {
                    out.push(kind::SKIP);
                    write_number(&mut out, (it.clock - clock).into());
                }
                it.encode(&mut out);
                clock = it.end();
            }
        }
        write_number(&mut out, self.deleted.len() as u64);
        for (client, ranges) in &self.deleted {
            write_number(&mut out, *client);
            write_number(&mut out, ranges.0.len() as u64);
            for (start, end) in &ranges.0 {
                write_number(&mut out, (*start).into());
                write_number(&mut out, (end - start).into());
            }
        }
        out
    }
}

impl Struct {
    fn encode(&self, out: &mut Vec<u8>) {
        let item = match &self.kind {
            Kind::Gc => {
                out.push(kind::GC);
                write_number(out, self.len.into());
                return;
            }
            Kind::Item(item) => item,
        };
        let (number, keyed) = (item.content.number(), if item.keyed { KEYED } else { 0 });
        let origin = if item.origin.is_some() { ORIGIN } else { 0 };
        let right_origin = if item.right_origin.is_some() { RIGHT_ORIGIN } else { 0 };
        out.push(number | keyed | origin | right_origin);
        for id in [item.origin, item.right_origin].into_iter().flatten() {
            write_id(out, id);
        }
        if item.origin.is_none() && item.right_origin.is_none() {
            match &item.parent {
                Some(Parent::Root(name)) => {
                    write_number(out, 1);
                    write_text(out, name);
                }
                Some(Parent::Id(id)) => {
                    write_number(out, 0);
                    write_id(out, *id);
                }
                // Both are read together: an item without origins has a parent.
                None => write_number(out, 1),
            }
            if let Some(key) = &item.key {
                write_text(out, key);
            }
        }
        match &item.content {
            Content::Deleted => write_number(out, self.len.into()),
            Content::Text(text) => write_text(out, text),
            Content::Whole(_, bytes) => out.extend_from_slice(bytes),
        }
    }
}

impl Content {
    fn number(&self) -> u8 {
        match self {
            Self::Deleted => kind::DELETED,
            Self::Text(_) => kind::STRING,
            Self::Whole(number, _) => *number,
        }
    }
}

fn small(number: u64) -> Result<u32, UpdateError> {
    u32::try_from(number).ok().filter(|it| u64::from(*it) <= CLOCK_MAX).ok_or(UpdateError::OutOfBounds)
}

fn write_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn write_id(out: &mut Vec<u8>, id: Id) {
    write_number(out, id.client);
    write_number(out, id.clock.into());
}

/// What is left to read.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, UpdateError> {
        let (first, rest) = self.rest.split_first().ok_or(UpdateError::Malformed)?;
        self.rest = rest;
        Ok(*first)
    }

    fn bytes(&mut self, count: u64) -> Result<&'a [u8], UpdateError> {
        let count = usize::try_from(count).map_err(|_| UpdateError::Malformed)?;
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(UpdateError::Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    /// lib0's `varUint`: seven bits a byte, the lowest first.
    fn number(&mut self) -> Result<u64, UpdateError> {
        let mut number = 0_u64;
        for shift in (0..=56).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(UpdateError::OutOfBounds)
    }

    fn client(&mut self) -> Result<u64, UpdateError> {
        Some(self.number()?).filter(|client| *client <= CLIENT_MAX).ok_or(UpdateError::OutOfBounds)
    }

    fn id(&mut self) -> Result<Id, UpdateError> {
        Ok(Id { client: self.client()?, clock: small(self.number()?)? })
    }

    fn text(&mut self) -> Result<&'a str, UpdateError> {
        let count = self.number()?;
        std::str::from_utf8(self.bytes(count)?).map_err(|_| UpdateError::Malformed)
    }

    /// A struct and its length; without a kind it is a gap.
    fn structure(&mut self) -> Result<(u64, Option<Kind>), UpdateError> {
        let info = self.byte()?;
        match info {
            kind::GC => return Ok((self.number()?, Some(Kind::Gc))),
            kind::SKIP => return Ok((self.number()?, None)),
            _ => {}
        }
        let origin = if info & ORIGIN != 0 { Some(self.id()?) } else { None };
        let right_origin = if info & RIGHT_ORIGIN != 0 { Some(self.id()?) } else { None };
        let keyed = info & KEYED != 0;
        let (mut parent, mut key) = (None, None);
        if origin.is_none() && right_origin.is_none() {
            parent = Some(match self.number()? {
                0 => Parent::Id(self.id()?),
                1 => Parent::Root(self.text()?.to_owned()),
                _ => return Err(UpdateError::Malformed),
            });
            if keyed {
                key = Some(self.text()?.to_owned());
            }
        }
        let (len, content) = self.content(info & KIND)?;
        Ok((len, Some(Kind::Item(Box::new(Item { origin, right_origin, parent, keyed, key, content })))))
    }

    fn content(&mut self, number: u8) -> Result<(u64, Content), UpdateError> {
        match number {
            kind::DELETED => return Ok((self.number()?, Content::Deleted)),
            kind::STRING => {
                let text = self.text()?;
                return Ok((units(text).into(), Content::Text(text.to_owned())));
            }
            _ => {}
        }
        let before = self.rest;
        let len = match number {
            kind::JSON => {
                let count = self.number()?;
                self.each(count, |reader| reader.text().map(drop))?;
                count
            }
            kind::BINARY => {
                let count = self.number()?;
                self.bytes(count)?;
                1
            }
            kind::EMBED => {
                self.text()?;
                1
            }
            kind::FORMAT => {
                self.text()?;
                self.text()?;
                1
            }
            kind::TYPE => {
                match self.number()? {
                    // Array, map, text, fragment and formatted text.
                    0 | 1 | 2 | 4 | 6 => {}
                    // Element and hook have a name.
                    3 | 5 => drop(self.text()?),
                    _ => return Err(UpdateError::Malformed),
                }
                1
            }
            kind::ANY => {
                let count = self.number()?;
                self.each(count, |reader| reader.value(VALUE_DEPTH_MAX))?;
                count
            }
            _ => return Err(UpdateError::Malformed),
        };
        let taken = before.len() - self.rest.len();
        let bytes = before.get(..taken).ok_or(UpdateError::Malformed)?;
        Ok((len, Content::Whole(number, bytes.to_vec())))
    }

    fn each(
        &mut self,
        count: u64,
        mut read: impl FnMut(&mut Self) -> Result<(), UpdateError>,
    ) -> Result<(), UpdateError> {
        // Each takes a byte at least, so a promise of more is seen through at the end of the bytes.
        for _ in 0..count {
            read(self)?;
        }
        Ok(())
    }

    /// One of lib0's values (`any`).
    fn value(&mut self, depth: u32) -> Result<(), UpdateError> {
        let depth = depth.checked_sub(1).ok_or(UpdateError::OutOfBounds)?;
        match self.byte()? {
            // Undefined, null, false, true.
            127 | 126 | 121 | 120 => {}
            125 => while self.byte()? >= 0x80 {},
            124 => drop(self.bytes(4)?),
            123 | 122 => drop(self.bytes(8)?),
            119 => drop(self.text()?),
            118 => {
                let count = self.number()?;
                self.each(count, |reader| {
                    reader.text()?;
                    reader.value(depth)
                })?;
            }
            117 => {
                let count = self.number()?;
                self.each(count, |reader| reader.value(depth))?;
            }
            116 => {
                let count = self.number()?;
                self.bytes(count)?;
            }
            _ => return Err(UpdateError::Malformed),
        }
        Ok(())
    }
}
