//! The pictures of calls on their way to fronts: which each shows, and the newest of each that waits for it.
//!
//! Pictures come on the threads that decode them, and go on the tasks of fronts, which scale them: a slow front costs
//! others nothing, and gets fewer.
//!
//! # Invariants
//! 1. Of each tile at most one picture waits, the newest. Test: `a_slow_front_gets_the_newest_alone`.
//! 2. Nothing is taken or held but of who is admitted, whatever threads still bring. Test:
//!    `what_is_not_admitted_is_neither_shown_nor_kept`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use momoland_media::video::Source;
use momoland_media::video::picture::Picture;
use momoland_protocol::id::DeviceId;
use tokio::sync::Notify;

/// Pictures that one front shows at once.
pub(crate) const TILES_MAX: usize = 12;
/// The first byte of a message with a picture.
const KIND_PICTURE: u8 = 1;

/// A picture that a front shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) device: DeviceId,
    pub(crate) source: Source,
    /// Pixels at most.
    pub(crate) width: u16,
    pub(crate) height: u16,
}

/// A picture, and when it was taken, milliseconds.
type Taken = (Arc<Picture>, u32);

#[derive(Debug, Default)]
struct View {
    number: u32,
    tiles: Vec<(Tile, Option<Taken>)>,
    /// The tile that is looked at first, so that none waits for ever.
    turn: usize,
    changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    views: BTreeMap<u64, View>,
    next_front: u64,
    admitted: BTreeSet<(DeviceId, Source)>,
    newest: BTreeMap<(DeviceId, Source), Taken>,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gallery(Arc<Mutex<State>>);

/// The pictures for one front.
#[derive(Debug)]
pub struct PictureStream {
    gallery: Gallery,
    front: u64,
    changed: Arc<Notify>,
}

impl Gallery {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another front, and its number.
    pub(crate) fn open(&self) -> (u64, PictureStream) {
        let mut state = self.state();
        state.next_front += 1;
        let front = state.next_front;
        let view = View::default();
        let changed = Arc::clone(&view.changed);
        state.views.insert(front, view);
        (front, PictureStream { gallery: self.clone(), front, changed })
    }

    /// What a front shows from now on, in place of what it did; the number that its pictures bear.
    pub(crate) fn look(&self, front: u64, tiles: Vec<Tile>) -> Option<u32> {
        let mut state = self.state();
        let State { views, newest, .. } = &mut *state;
        let view = views.get_mut(&front)?;
        view.number = view.number.wrapping_add(1);
        let seen = |tile: Tile| (tile, newest.get(&(tile.device, tile.source)).cloned());
        view.tiles = tiles.into_iter().map(seen).collect();
        view.changed.notify_one();
        Some(view.number)
    }

    /// Whether there were fronts, and the last is closed.
    pub(crate) fn is_left(&self) -> bool {
        let state = self.state();
        state.next_front > 0 && state.views.is_empty()
    }

    /// A picture came. Does not wait.
    pub(crate) fn show(&self, device: DeviceId, source: Source, picture: &Arc<Picture>, at_ms: u32) {
        let mut state = self.state();
        if !state.admitted.contains(&(device, source)) {
            return;
        }
        for view in state.views.values_mut() {
            let mut shows = false;
            for (tile, waiting) in &mut view.tiles {
                if (tile.device, tile.source) == (device, source) {
                    *waiting = Some((Arc::clone(picture), at_ms));
                    shows = true;
                }
            }
            if shows {
                view.changed.notify_one();
            }
        }
        state.newest.insert((device, source), (Arc::clone(picture), at_ms));
    }

    /// Whose pictures are shown from now on. Nothing of others is kept.
    pub(crate) fn admit(&self, admitted: BTreeSet<(DeviceId, Source)>) {
        let mut state = self.state();
        state.newest.retain(|of, _| admitted.contains(of));
        for (tile, waiting) in state.views.values_mut().flat_map(|view| &mut view.tiles) {
            if !admitted.contains(&(tile.device, tile.source)) {
                *waiting = None;
            }
        }
        state.admitted = admitted;
    }

    /// The call is over.
    pub(crate) fn clear(&self) {
        self.admit(BTreeSet::new());
        self.state().views.values_mut().for_each(|view| view.tiles.clear());
    }
}

impl PictureStream {
    /// The next picture for this front, as a message: see `docs/protocol.md`, Calls.
    ///
    /// # Cancel safety
    /// Nothing is lost but what is older than the next.
    pub async fn next(&mut self) -> Vec<u8> {
        loop {
            let changed = Arc::clone(&self.changed);
            let changed = changed.notified();
            if let Some((index, view, tile, (picture, at))) = self.take() {
                return message(index, view, &picture.scaled_to_fit(tile.width, tile.height), at);
            }
            changed.await;
        }
    }

    fn take(&self) -> Option<(u16, u32, Tile, Taken)> {
        let mut state = self.gallery.state();
        let view = state.views.get_mut(&self.front)?;
        let count = view.tiles.len();
        for n in 0..count {
            let index = (view.turn + n) % count;
            if let Some((tile, waiting)) = view.tiles.get_mut(index)
                && let Some(taken) = waiting.take()
            {
                let tile = *tile;
                view.turn = index + 1;
                return Some((u16::try_from(index).ok()?, view.number, tile, taken));
            }
        }
        None
    }
}

impl Drop for PictureStream {
    fn drop(&mut self) {
        self.gallery.state().views.remove(&self.front);
    }
}

fn message(tile: u16, view: u32, picture: &Picture, at_ms: u32) -> Vec<u8> {
    let mut message = Vec::with_capacity(16 + picture.planes().len());
    message.extend([KIND_PICTURE, 0]);
    message.extend(tile.to_le_bytes());
    message.extend(view.to_le_bytes());
    message.extend(picture.width().to_le_bytes());
    message.extend(picture.height().to_le_bytes());
    message.extend(at_ms.to_le_bytes());
    message.extend(picture.planes());
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    const ADA: DeviceId = DeviceId([1; 32]);
    const BO: DeviceId = DeviceId([2; 32]);

    fn tile(device: DeviceId) -> Tile {
        Tile { device, source: Source::Camera, width: 8, height: 8 }
    }

    fn grey(luma: u8) -> Arc<Picture> {
        Arc::new(Picture::grey(16, 8, luma))
    }

    /// Both are in the call, and show themselves.
    fn gallery() -> Gallery {
        let gallery = Gallery::default();
        gallery.admit([(ADA, Source::Camera), (BO, Source::Camera)].into());
        gallery
    }

    #[test]
    fn a_slow_front_gets_the_newest_alone() {
        let gallery = gallery();
        let (front, mut stream) = gallery.open();
        assert_eq!(gallery.look(front, vec![tile(ADA), tile(BO)]), Some(1));
        for luma in 0..5 {
            gallery.show(ADA, Source::Camera, &grey(luma), u32::from(luma));
            gallery.show(ADA, Source::Screen, &grey(99), 0);
            gallery.show(BO, Source::Camera, &grey(50 + luma), 7);
        }
        let first = stream.next().now_or_never().unwrap();
        assert_eq!(first[..16], [1, 0, 0, 0, 1, 0, 0, 0, 8, 0, 4, 0, 4, 0, 0, 0]);
        assert_eq!((first.len(), first[16]), (16 + 8 * 4 * 3 / 2, 4));
        gallery.show(ADA, Source::Camera, &grey(9), 9);
        let second = stream.next().now_or_never().unwrap();
        assert_eq!((second[2], second[16]), (1, 54), "by turns");
        assert_eq!(stream.next().now_or_never().unwrap()[16], 9);
        assert!(stream.next().now_or_never().is_none());
    }

    #[test]
    fn who_looks_anew_sees_what_is_there_and_who_is_gone_costs_nothing() {
        let gallery = gallery();
        let (front, mut stream) = gallery.open();
        gallery.show(BO, Source::Camera, &grey(3), 0);
        assert_eq!(gallery.look(front, vec![tile(BO)]), Some(1));
        assert_eq!(stream.next().now_or_never().unwrap()[16], 3);
        gallery.clear();
        assert_eq!(gallery.look(front, vec![tile(BO)]), Some(2));
        assert!(stream.next().now_or_never().is_none());
        assert!(!gallery.is_left());
        drop(stream);
        assert_eq!(gallery.look(front, vec![tile(BO)]), None);
        assert!(gallery.is_left());
    }

    #[test]
    fn what_is_not_admitted_is_neither_shown_nor_kept() {
        let gallery = gallery();
        assert!(!gallery.is_left(), "nobody was there");
        let (front, mut stream) = gallery.open();
        let look = || gallery.look(front, vec![tile(ADA), tile(BO)]);
        look();
        gallery.show(ADA, Source::Camera, &grey(1), 0);
        gallery.show(BO, Source::Camera, &grey(2), 0);
        gallery.admit([(BO, Source::Camera)].into());
        // What was under way when she switched it off.
        gallery.show(ADA, Source::Camera, &grey(3), 0);
        assert_eq!(stream.next().now_or_never().unwrap()[16], 2);
        assert!(stream.next().now_or_never().is_none(), "she is off");
        look();
        assert_eq!(stream.next().now_or_never().unwrap()[16], 2);
        assert!(stream.next().now_or_never().is_none(), "nothing of her was kept");
        gallery.clear();
        gallery.show(BO, Source::Camera, &grey(4), 0);
        look();
        assert!(stream.next().now_or_never().is_none(), "the call is over");
    }
}
