//! A wire between the compositor and its portal, which tells the portal of a graphics card's memory.
//!
//! The portal of wlroots 0.7 gives no pictures of a compositor that draws without a graphics card: it wants to hear in which
//! format such a card would have them, though it then takes plain memory, as there is none. So behind each format of plain
//! memory that passes here, one of the other kind is told.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;

use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};

/// Files that come with one piece, at most: what libwayland sends.
const FILES_MAX: usize = 28;
/// `buffer` and `linux_dmabuf` of `zwlr_screencopy_frame_v1`.
const BUFFER: u32 = 0;
const CARD_BUFFER: u32 = 5;
/// Bytes of the two, with what stands in front of each event.
const BUFFER_BYTES: u32 = 24;
const CARD_BUFFER_BYTES: u32 = 20;
/// `DRM_FORMAT_XRGB8888`.
const FORMAT: u32 = u32::from_le_bytes(*b"XR24");
/// No screen of these tests is wider or higher.
const SIDE_MAX: u32 = 8_192;

/// Passes on what who connects to `listens` and the compositor say to each other, until either goes.
pub(super) fn lay(listens: &Path, compositor: &Path) {
    let listener = UnixListener::bind(listens).expect("a socket can be made");
    let compositor = compositor.to_owned();
    thread::spawn(move || {
        for client in listener.incoming() {
            // The compositor is gone, and with it whoever would listen.
            let (Ok(client), Ok(server)) = (client, UnixStream::connect(&compositor)) else { return };
            let twice = |stream: &UnixStream| stream.try_clone().expect("there are files left");
            let (client_too, server_too) = (twice(&client), twice(&server));
            thread::spawn(move || pass(&client, &server, |piece| piece));
            let mut rest = Vec::new();
            thread::spawn(move || pass(&server_too, &client_too, move |piece| told(&mut rest, &piece)));
        }
    });
}

/// One direction.
fn pass(from: &UnixStream, to: &UnixStream, mut change: impl FnMut(Vec<u8>) -> Vec<u8>) {
    let mut bytes = vec![0; 65_536];
    loop {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_MAX))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let came =
            retry_on_intr(|| recvmsg(from, &mut [IoSliceMut::new(&mut bytes)], &mut beside, RecvFlags::CMSG_CLOEXEC));
        let files: Vec<OwnedFd> = beside
            .drain()
            .flat_map(|message| match message {
                RecvAncillaryMessage::ScmRights(files) => files.collect::<Vec<OwnedFd>>(),
                _ => Vec::new(),
            })
            .collect();
        let length = came.map_or(0, |came| came.bytes);
        if length == 0 || send(to, &change(bytes[..length].to_vec()), &files).is_none() {
            // Either may be gone already.
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
            return;
        }
    }
}

/// Sends all of it, the files with the first byte; `None`, where nobody takes it.
fn send(to: &UnixStream, mut bytes: &[u8], files: &[OwnedFd]) -> Option<()> {
    let mut files: Vec<_> = files.iter().map(OwnedFd::as_fd).collect();
    while !bytes.is_empty() {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_MAX))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        if !files.is_empty() {
            beside.push(SendAncillaryMessage::ScmRights(&files));
        }
        let sent = retry_on_intr(|| sendmsg(to, &[IoSlice::new(bytes)], &mut beside, SendFlags::NOSIGNAL)).ok()?;
        files.clear();
        bytes = &bytes[sent..];
    }
    Some(())
}

/// The events that are whole now, with what is told besides. What is not whole is the `rest`.
fn told(rest: &mut Vec<u8>, piece: &[u8]) -> Vec<u8> {
    rest.extend_from_slice(piece);
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some([object, head]) = words(&rest[at..]) {
        let length = usize::try_from(head >> 16).expect("it is 16 bits");
        let Some(event) = rest.get(at..at + length.max(8)) else { break };
        out.extend_from_slice(event);
        at += event.len();
        // By its looks: which objects are of this kind is not followed.
        let is_buffer = head == BUFFER_BYTES << 16 | BUFFER;
        if let Some([_, width, height, stride]) = words(&event[8..]).filter(|_| is_buffer)
            && (1..=SIDE_MAX).contains(&width)
            && (1..=SIDE_MAX).contains(&height)
            && stride == 4 * width
        {
            let other = [object, CARD_BUFFER_BYTES << 16 | CARD_BUFFER, FORMAT, width, height];
            out.extend(other.iter().flat_map(|word| word.to_ne_bytes()));
        }
    }
    rest.drain(..at);
    out
}

fn words<const N: usize>(bytes: &[u8]) -> Option<[u32; N]> {
    let words = bytes.as_chunks::<4>().0.first_chunk::<N>()?;
    Some(words.map(u32::from_ne_bytes))
}
