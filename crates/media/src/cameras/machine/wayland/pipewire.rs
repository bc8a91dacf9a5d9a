//! PipeWire, found at run time: the few functions that take the pictures of one stream, and of its structures the parts that
//! are read, which are the same in all of 0.3 and 1.
//!
//! Not linked, so that everything builds with cargo alone, on a machine without it too.
//!
//! The library runs a thread of its own. It keeps the newest picture's buffer until the next one comes, and whoever wants
//! the picture copies it then, at their own pace: of a desktop that draws sixty times a second fifteen are copied.
//!
//! # Invariants
//! 1. A buffer of the library is looked into only while its loop is locked, so that nothing takes it away meanwhile.
//! 2. The loop is locked before [`State`] is, never after. Its own thread, which calls the functions below, has it locked.
//! 3. Nothing is read beyond what the library says it mapped, whatever the other side writes into its description.
//! 4. [`Heard`] stays where it is until the loop has stopped and the stream is gone.

#![allow(unsafe_code, reason = "the library is in C; everything that is, is in this file")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::os::fd::{IntoRawFd as _, OwnedFd};
use std::ptr::{null, null_mut};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use libloading::Library;

use super::pod::{self, Format, Pod};
use crate::cameras::CameraError;

const NAME: &str = "libpipewire-0.3.so.0";
/// `PW_DIRECTION_INPUT`.
const INPUT: c_int = 0;
/// `PW_STREAM_FLAG_AUTOCONNECT`, `_MAP_BUFFERS` and `_DONT_RECONNECT`: without the last another source, a camera even,
/// would take the place of one that goes.
const FLAGS: c_int = 1 << 0 | 1 << 2 | 1 << 7;
/// `PW_STREAM_STATE_ERROR` and `_UNCONNECTED`. The other states are greater.
const FAILED: c_int = -1;
const UNCONNECTED: c_int = 0;
/// `SPA_PARAM_Format`.
const PARAM_FORMAT: u32 = 4;
/// `SPA_CHUNK_FLAG_CORRUPTED`.
const CORRUPTED: u32 = 1;
/// What the stream is for, by which the session's manager links it.
const PROPERTIES: &CStr = c"media.type=Video media.category=Capture media.role=Screen";
/// Bytes of a format that are looked at. One has some two hundred.
const FORMAT_MAX: usize = 4_096;

/// What is only ever handed back: `pw_thread_loop`, `pw_loop`, `pw_context`, `pw_core`, `pw_stream`, `pw_properties`.
type Opaque = c_void;

/// `spa_hook`: of the library alone.
#[repr(C)]
struct Hook([usize; 6]);

/// `pw_stream_events`, of version 0.
#[repr(C)]
struct Events {
    version: u32,
    destroy: Option<unsafe extern "C" fn(*mut c_void)>,
    state_changed: Option<unsafe extern "C" fn(*mut c_void, c_int, c_int, *const c_char)>,
    control_info: Option<unsafe extern "C" fn(*mut c_void, u32, *const c_void)>,
    io_changed: Option<unsafe extern "C" fn(*mut c_void, u32, *mut c_void, u32)>,
    param_changed: Option<unsafe extern "C" fn(*mut c_void, u32, *const u32)>,
    add_buffer: Option<unsafe extern "C" fn(*mut c_void, *mut Buffer)>,
    remove_buffer: Option<unsafe extern "C" fn(*mut c_void, *mut Buffer)>,
    process: Option<unsafe extern "C" fn(*mut c_void)>,
    drained: Option<unsafe extern "C" fn(*mut c_void)>,
}

static EVENTS: Events = Events {
    version: 0,
    destroy: None,
    state_changed: Some(state_changed),
    control_info: None,
    io_changed: None,
    param_changed: Some(param_changed),
    add_buffer: None,
    remove_buffer: Some(remove_buffer),
    process: Some(process),
    drained: None,
};

/// The front of `pw_buffer`.
#[repr(C)]
struct Buffer {
    inner: *const Inner,
}

/// `spa_buffer`.
#[repr(C)]
struct Inner {
    metas_count: u32,
    datas_count: u32,
    metas: *const Meta,
    datas: *const Data,
}

/// `spa_meta`.
#[repr(C)]
struct Meta {
    kind: u32,
    size: u32,
    data: *const Region,
}

/// `spa_region`: the left upper corner, and the size.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Region {
    corner: [i32; 2],
    size: [u32; 2],
}

/// `spa_data`.
#[repr(C)]
struct Data {
    kind: u32,
    flags: u32,
    file: i64,
    file_offset: u32,
    size_max: u32,
    data: *const u8,
    chunk: *const Chunk,
}

/// `spa_chunk`: what of it is the picture.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct Chunk {
    offset: u32,
    size: u32,
    stride: i32,
    flags: u32,
}

/// The library's functions. It is never unloaded.
pub(super) struct PipeWire {
    loop_new: unsafe extern "C" fn(*const c_char, *const c_void) -> *mut Opaque,
    loop_get: unsafe extern "C" fn(*mut Opaque) -> *mut Opaque,
    loop_start: unsafe extern "C" fn(*mut Opaque) -> c_int,
    loop_stop: unsafe extern "C" fn(*mut Opaque),
    loop_lock: unsafe extern "C" fn(*mut Opaque),
    loop_unlock: unsafe extern "C" fn(*mut Opaque),
    loop_destroy: unsafe extern "C" fn(*mut Opaque),
    context_new: unsafe extern "C" fn(*mut Opaque, *mut Opaque, usize) -> *mut Opaque,
    context_connect: unsafe extern "C" fn(*mut Opaque, c_int, *mut Opaque, usize) -> *mut Opaque,
    context_destroy: unsafe extern "C" fn(*mut Opaque),
    core_disconnect: unsafe extern "C" fn(*mut Opaque) -> c_int,
    properties_new: unsafe extern "C" fn(*const c_char) -> *mut Opaque,
    stream_new: unsafe extern "C" fn(*mut Opaque, *const c_char, *mut Opaque) -> *mut Opaque,
    stream_listen: unsafe extern "C" fn(*mut Opaque, *mut Hook, *const Events, *mut c_void),
    stream_connect: unsafe extern "C" fn(*mut Opaque, c_int, u32, c_int, *const *const u64, u32) -> c_int,
    stream_update: unsafe extern "C" fn(*mut Opaque, *const *const u64, u32) -> c_int,
    stream_dequeue: unsafe extern "C" fn(*mut Opaque) -> *mut Buffer,
    stream_queue: unsafe extern "C" fn(*mut Opaque, *mut Buffer) -> c_int,
    stream_destroy: unsafe extern "C" fn(*mut Opaque),
    _library: Library,
}

/// The library, looked for once.
///
/// # Errors
/// Where it is not installed, or another one.
pub(super) fn library() -> Result<&'static PipeWire, CameraError> {
    static FOUND: OnceLock<Option<PipeWire>> = OnceLock::new();
    FOUND.get_or_init(find).as_ref().ok_or(CameraError::NoPipeWire)
}

fn find() -> Option<PipeWire> {
    // SAFETY: what the name stands for is a plain C library, whose loading runs nothing of interest.
    let library = unsafe { Library::new(NAME) };
    library.and_then(bind).inspect_err(|error| tracing::debug!(%error, "there is no PipeWire")).ok()
}

fn bind(library: Library) -> Result<PipeWire, libloading::Error> {
    macro_rules! function {
        ($name:literal) => {
            // SAFETY: the types are those of PipeWire's headers for these names, unchanged since 0.3.
            *unsafe { library.get(concat!($name, "\0").as_bytes()) }?
        };
    }
    let init: unsafe extern "C" fn(*mut c_int, *mut *mut *mut c_char) = function!("pw_init");
    let pipewire = PipeWire {
        loop_new: function!("pw_thread_loop_new"),
        loop_get: function!("pw_thread_loop_get_loop"),
        loop_start: function!("pw_thread_loop_start"),
        loop_stop: function!("pw_thread_loop_stop"),
        loop_lock: function!("pw_thread_loop_lock"),
        loop_unlock: function!("pw_thread_loop_unlock"),
        loop_destroy: function!("pw_thread_loop_destroy"),
        context_new: function!("pw_context_new"),
        context_connect: function!("pw_context_connect_fd"),
        context_destroy: function!("pw_context_destroy"),
        core_disconnect: function!("pw_core_disconnect"),
        properties_new: function!("pw_properties_new_string"),
        stream_new: function!("pw_stream_new"),
        stream_listen: function!("pw_stream_add_listener"),
        stream_connect: function!("pw_stream_connect"),
        stream_update: function!("pw_stream_update_params"),
        stream_dequeue: function!("pw_stream_dequeue_buffer"),
        stream_queue: function!("pw_stream_queue_buffer"),
        stream_destroy: function!("pw_stream_destroy"),
        _library: library,
    };
    // SAFETY: it takes no arguments of the program then, and is called once.
    unsafe { init(null_mut(), null_mut()) };
    Ok(pipewire)
}

/// A picture's pixels, as they came.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) data: Vec<u8>,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) stride: usize,
}

/// What came of the stream so far.
struct State {
    format: Option<Format>,
    /// The newest picture's, which is not given back before the next one comes. Or null.
    held: *mut Buffer,
    /// Nobody has copied it yet.
    is_fresh: bool,
    /// It gives nothing any more, and why.
    ended: Option<String>,
}

/// What the library's thread is given.
struct Heard {
    pipewire: &'static PipeWire,
    stream: *mut Opaque,
    /// What is answered to a format.
    answers: [Pod; 2],
    state: Mutex<State>,
    changed: Condvar,
}

impl Heard {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream of pictures that runs, until it is dropped.
pub(super) struct Stream {
    pipewire: &'static PipeWire,
    main_loop: *mut Opaque,
    context: *mut Opaque,
    core: *mut Opaque,
    stream: *mut Opaque,
    hook: Box<Hook>,
    /// From a box, whose address the library has.
    heard: *mut Heard,
}

impl Stream {
    /// Takes the pictures of a node, over a connection that is open.
    ///
    /// # Errors
    /// What the library would not do.
    pub(super) fn start(pipewire: &'static PipeWire, remote: OwnedFd, node: u32) -> Result<Self, String> {
        let state = State { format: None, held: null_mut(), is_fresh: false, ended: None };
        let heard = Box::into_raw(Box::new(Heard {
            pipewire,
            stream: null_mut(),
            answers: [pod::buffers(), pod::crop()],
            state: Mutex::new(state),
            changed: Condvar::new(),
        }));
        let nothing = null_mut();
        // From here on dropping it destroys what there is.
        let mut this = Self {
            pipewire,
            main_loop: nothing,
            context: nothing,
            core: nothing,
            stream: nothing,
            hook: Box::new(Hook([0; 6])),
            heard,
        };
        let made = |what: &str, it: *mut Opaque| if it.is_null() { Err(format!("it gives no {what}")) } else { Ok(it) };
        // SAFETY: names live forever; no properties are the default ones.
        this.main_loop = made("loop", unsafe { (pipewire.loop_new)(c"pipewire".as_ptr(), null()) })?;
        // SAFETY: the loop is there, and does not run yet, so nobody else uses what is made on it.
        unsafe {
            let inner = (pipewire.loop_get)(this.main_loop);
            this.context = made("context", (pipewire.context_new)(inner, null_mut(), 0))?;
            // It closes the file from here on.
            let core = (pipewire.context_connect)(this.context, remote.into_raw_fd(), null_mut(), 0);
            this.core = made("connection", core)?;
            // It owns its properties.
            let properties = (pipewire.properties_new)(PROPERTIES.as_ptr());
            this.stream = made("stream", (pipewire.stream_new)(this.core, c"Momoland".as_ptr(), properties))?;
            // Nobody reads it yet.
            (*heard).stream = this.stream;
            (pipewire.stream_listen)(this.stream, &raw mut *this.hook, &raw const EVENTS, heard.cast());
            if (pipewire.loop_start)(this.main_loop) < 0 {
                return Err("its loop does not run".to_owned());
            }
        }
        let wanted = pod::wanted();
        let parameters = [wanted.as_ptr()];
        // SAFETY: the loop is locked; the library copies the parameters.
        let answer = unsafe {
            (pipewire.loop_lock)(this.main_loop);
            let answer = (pipewire.stream_connect)(this.stream, INPUT, node, FLAGS, parameters.as_ptr(), 1);
            (pipewire.loop_unlock)(this.main_loop);
            answer
        };
        if answer < 0 { Err(format!("it does not connect ({answer})")) } else { Ok(this) }
    }

    fn heard(&self) -> &Heard {
        // SAFETY: it is freed where this value goes, and from the start of its loop on nothing changes but what its lock
        // is for.
        unsafe { &*self.heard }
    }

    /// Waits so long for a picture that is new, and copies it; none, where there is none.
    ///
    /// # Errors
    /// Why it gives none any more.
    pub(super) fn take(&self, within: Duration, into: &mut Taken) -> Result<Option<Format>, String> {
        let waits = |state: &mut State| !state.is_fresh && state.ended.is_none();
        let waited = self.heard().changed.wait_timeout_while(self.heard().state(), within, waits);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        // SAFETY: it runs, and its lock is not held on this thread.
        unsafe { (self.pipewire.loop_lock)(self.main_loop) };
        let taken = self.copy(into);
        // SAFETY: it was locked above.
        unsafe { (self.pipewire.loop_unlock)(self.main_loop) };
        taken
    }

    /// With the loop locked.
    fn copy(&self, into: &mut Taken) -> Result<Option<Format>, String> {
        let mut state = self.heard().state();
        if let Some(why) = &state.ended {
            return Err(why.clone());
        }
        let Some(format) = state.format.filter(|_| state.is_fresh && !state.held.is_null()) else { return Ok(None) };
        state.is_fresh = false;
        // SAFETY: a held buffer is the library's, and stays while the loop is locked.
        let copied = unsafe { copy_picture(&*state.held, &format, into) };
        Ok(copied.then_some(format))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: each was made by the function of its name, where it is not null, and goes once, in the order in which
        // the library wants it: nothing calls back after the loop has stopped but from here.
        unsafe {
            if !self.main_loop.is_null() {
                (self.pipewire.loop_stop)(self.main_loop);
            }
            if !self.stream.is_null() {
                (self.pipewire.stream_destroy)(self.stream);
            }
            if !self.core.is_null() {
                (self.pipewire.core_disconnect)(self.core);
            }
            if !self.context.is_null() {
                (self.pipewire.context_destroy)(self.context);
            }
            if !self.main_loop.is_null() {
                (self.pipewire.loop_destroy)(self.main_loop);
            }
            drop(Box::from_raw(self.heard));
        }
    }
}

/// The first plane of a buffer, and what of it is the picture.
///
/// # Safety
/// The buffer is the library's, and its loop is locked.
unsafe fn plane(buffer: &Buffer) -> Option<(&Data, Chunk)> {
    // SAFETY: the library sets these, each to null or to what it says it is.
    unsafe {
        let inner = buffer.inner.as_ref()?;
        let data = inner.datas.as_ref().filter(|_| inner.datas_count > 0)?;
        // The other side may write into it meanwhile: it is read once.
        let chunk = (!data.chunk.is_null()).then(|| data.chunk.read_volatile())?;
        (!data.data.is_null() && data.size_max > 0).then_some((data, chunk))
    }
}

/// Whether it has a picture: a pointer that moved over it comes in buffers without one.
///
/// # Safety
/// As for [`plane`].
unsafe fn has_picture(buffer: &Buffer) -> bool {
    // SAFETY: as asked for.
    unsafe { plane(buffer) }.is_some_and(|(_, chunk)| chunk.size > 0 && chunk.flags & CORRUPTED == 0)
}

/// The part of the picture that is meant.
///
/// # Safety
/// As for [`plane`].
unsafe fn crop_of(buffer: &Buffer) -> Option<Region> {
    // SAFETY: the library sets these, and so many of them as it says.
    unsafe {
        let inner = buffer.inner.as_ref()?;
        let metas = (0..inner.metas_count as usize).map(|n| inner.metas.wrapping_add(n));
        let metas = metas.take_while(|meta| !meta.is_null()).map(|meta| &*meta);
        let mut crops = metas.filter(|meta| meta.kind == pod::CROP && meta.size >= pod::CROP_BYTES);
        crops.next().filter(|meta| !meta.data.is_null()).map(|meta| meta.data.read_volatile())
    }
}

/// Copies its picture; `false`, where it has no whole one.
///
/// # Safety
/// As for [`plane`].
unsafe fn copy_picture(buffer: &Buffer, format: &Format, into: &mut Taken) -> bool {
    // SAFETY: as asked for.
    let (found, crop) = unsafe { (plane(buffer), crop_of(buffer)) };
    let Some((data, chunk)) = found else { return false };
    let Some(part) = part_of(format, crop, data.size_max, chunk) else { return false };
    into.data.clear();
    into.data.resize(part.filled, 0);
    // SAFETY: `part` lies within what is mapped. The other side may write there meanwhile, which spoils the picture, and
    // nothing else: bytes are copied, and no reference to them is made.
    unsafe { data.data.add(part.from).copy_to_nonoverlapping(into.data.as_mut_ptr(), part.bytes) };
    (into.width, into.height, into.stride) = (part.width, part.height, part.stride);
    true
}

/// Where in a mapped memory a picture lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    from: usize,
    /// To be copied.
    bytes: usize,
    /// With its last line as long as the others.
    filled: usize,
    width: usize,
    height: usize,
    stride: usize,
}

/// Where the picture lies, whatever is said of it; none, where it is not whole within the memory.
fn part_of(format: &Format, crop: Option<Region>, size_max: u32, chunk: Chunk) -> Option<Part> {
    let whole = |number: u32| usize::try_from(number).ok();
    let (width, height, mapped) = (whole(format.width)?, whole(format.height)?, whole(size_max)?);
    let offset = whole(chunk.offset)?.checked_rem(mapped)?;
    let length = whole(chunk.size)?.min(mapped - offset);
    let stride = match usize::try_from(chunk.stride).ok()? {
        0 => width.checked_mul(4)?,
        stride => stride,
    };
    let crop = crop.and_then(|Region { corner: [left, top], size: [wide, high] }| {
        let (left, top) = (usize::try_from(left).ok()?, usize::try_from(top).ok()?);
        let (wide, high) = (whole(wide)?, whole(high)?);
        let is_inside = left.checked_add(wide)? <= width && top.checked_add(high)? <= height;
        (is_inside && wide > 0 && high > 0).then_some((left, top, wide, high))
    });
    let (left, top, width, height) = crop.unwrap_or((0, 0, width, height));
    let line = width.checked_mul(4)?;
    let skipped = top.checked_mul(stride)?.checked_add(left.checked_mul(4)?)?;
    let needed = height.checked_sub(1)?.checked_mul(stride)?.checked_add(line)?;
    let filled = height.checked_mul(stride)?;
    let is_whole = skipped.checked_add(needed)? <= length && left.checked_mul(4)?.checked_add(line)? <= stride;
    is_whole.then_some(Part { from: offset + skipped, bytes: needed, filled, width, height, stride })
}

/// # Safety
/// `data` is a [`Heard`], as for all that the library calls here.
unsafe extern "C" fn state_changed(data: *mut c_void, _: c_int, now: c_int, error: *const c_char) {
    // SAFETY: it is what was given to `stream_listen`.
    let heard = unsafe { &*data.cast::<Heard>() };
    if now != FAILED && now != UNCONNECTED {
        return;
    }
    // SAFETY: it is null or text that ends.
    let why = (!error.is_null()).then(|| unsafe { CStr::from_ptr(error) }.to_string_lossy().into_owned());
    let mut state = heard.state();
    state.ended.get_or_insert_with(|| why.unwrap_or_else(|| "its stream ended".to_owned()));
    heard.changed.notify_all();
}

/// # Safety
/// As above; `param` is null or a value of PipeWire's, of which the length comes first.
unsafe extern "C" fn param_changed(data: *mut c_void, id: u32, param: *const u32) {
    // SAFETY: as above.
    let heard = unsafe { &*data.cast::<Heard>() };
    if id != PARAM_FORMAT {
        return;
    }
    give_back(heard);
    if param.is_null() {
        // Another one follows, or the end.
        heard.state().format = None;
        return;
    }
    // SAFETY: the library has checked that it is as long as it says.
    let bytes = unsafe {
        let length = usize::try_from(*param).unwrap_or(usize::MAX).saturating_add(8).min(FORMAT_MAX);
        std::slice::from_raw_parts(param.cast::<u8>(), length)
    };
    let format = pod::read(bytes);
    tracing::debug!(?format, "the pictures of a screen have a format");
    heard.state().format = format;
    if format.is_none() {
        heard.state().ended.get_or_insert_with(|| "its pictures are of a kind that is not known".to_owned());
        heard.changed.notify_all();
        return;
    }
    let answers = heard.answers.each_ref().map(Pod::as_ptr);
    // SAFETY: this is the loop's thread; the library copies the parameters.
    let answer = unsafe { (heard.pipewire.stream_update)(heard.stream, answers.as_ptr(), 2) };
    if answer < 0 {
        tracing::debug!(answer, "PipeWire does not take how buffers are to be");
    }
}

/// # Safety
/// As above.
unsafe extern "C" fn remove_buffer(data: *mut c_void, buffer: *mut Buffer) {
    // SAFETY: as above.
    let heard = unsafe { &*data.cast::<Heard>() };
    let mut state = heard.state();
    if state.held == buffer {
        (state.held, state.is_fresh) = (null_mut(), false);
    }
}

/// # Safety
/// As above.
unsafe extern "C" fn process(data: *mut c_void) {
    // SAFETY: as above.
    let heard = unsafe { &*data.cast::<Heard>() };
    let PipeWire { stream_dequeue, stream_queue, .. } = heard.pipewire;
    // SAFETY: this is the loop's thread, and each buffer is the stream's own.
    unsafe {
        loop {
            let buffer = stream_dequeue(heard.stream);
            if buffer.is_null() {
                return;
            }
            if !has_picture(&*buffer) {
                stream_queue(heard.stream, buffer);
                continue;
            }
            let before = {
                let mut state = heard.state();
                state.is_fresh = true;
                std::mem::replace(&mut state.held, buffer)
            };
            if !before.is_null() {
                stream_queue(heard.stream, before);
            }
            heard.changed.notify_all();
        }
    }
}

/// Gives the newest picture's buffer back. On the loop's thread.
fn give_back(heard: &Heard) {
    let held = {
        let mut state = heard.state();
        state.is_fresh = false;
        std::mem::replace(&mut state.held, null_mut())
    };
    if !held.is_null() {
        // SAFETY: it is the stream's own, and was not removed.
        unsafe { (heard.pipewire.stream_queue)(heard.stream, held) };
    }
}

#[cfg(test)]
mod tests {
    use std::mem::{offset_of, size_of};

    use proptest::prelude::*;

    use super::*;
    use crate::cameras::convert::Pixels;

    /// As in the headers, of machines with 64 bits.
    #[cfg(target_pointer_width = "64")]
    #[test]
    fn structures_lie_as_the_library_has_them() {
        assert_eq!(size_of::<Hook>(), 48);
        // Two more follow in later versions.
        assert_eq!(size_of::<Events>(), 96 - 16);
        assert_eq!((offset_of!(Events, param_changed), offset_of!(Events, remove_buffer)), (40, 56));
        assert_eq!((offset_of!(Events, state_changed), offset_of!(Events, process)), (16, 64));
        assert_eq!((size_of::<Inner>(), offset_of!(Inner, metas), offset_of!(Inner, datas)), (24, 8, 16));
        assert_eq!((size_of::<Data>(), offset_of!(Data, file), offset_of!(Data, size_max)), (40, 8, 20));
        assert_eq!((offset_of!(Data, data), offset_of!(Data, chunk)), (24, 32));
        assert_eq!((size_of::<Chunk>(), offset_of!(Chunk, stride)), (16, 8));
        assert_eq!((size_of::<Meta>(), offset_of!(Meta, data), size_of::<Region>()), (16, 8, 16));
    }

    const FORMAT: Format = Format { width: 6, height: 4, pixels: Pixels::BGRX };

    fn chunk(offset: u32, size: u32, stride: i32) -> Chunk {
        Chunk { offset, size, stride, flags: 0 }
    }

    #[test]
    fn lines_may_be_longer_than_they_are_wide() {
        let whole = Part { from: 0, bytes: 24 * 4, filled: 24 * 4, width: 6, height: 4, stride: 24 };
        assert_eq!(part_of(&FORMAT, None, 96, chunk(0, 96, 24)), Some(whole));
        assert_eq!(part_of(&FORMAT, None, 96, chunk(0, 96, 0)), Some(whole));
        let long = Part { from: 8, bytes: 32 * 3 + 24, filled: 128, width: 6, height: 4, stride: 32 };
        assert_eq!(part_of(&FORMAT, None, 200, chunk(8, 120, 32)), Some(long));
        for bad in [chunk(0, 95, 24), chunk(1, 96, 24), chunk(0, 96, 23), chunk(0, 96, -24), chunk(0, 96, i32::MAX)] {
            assert_eq!(part_of(&FORMAT, None, 96, bad), None, "{bad:?}");
        }
        assert_eq!(part_of(&FORMAT, None, 0, chunk(0, 96, 24)), None);
    }

    #[test]
    fn of_a_window_the_part_that_is_meant_is_taken() {
        let part = |corner, size| part_of(&FORMAT, Some(Region { corner, size }), 96, chunk(0, 96, 24));
        let inner = Part { from: 24 + 8, bytes: 24 + 12, filled: 48, width: 3, height: 2, stride: 24 };
        assert_eq!(part([2, 1], [3, 2]), Some(inner));
        // What lies beyond the picture, or has no size, is no part: all of it is taken.
        for (corner, size) in [([-1, 0], [3, 2]), ([4, 0], [3, 2]), ([0, 3], [6, 2]), ([0, 0], [0, 0])] {
            assert_eq!(part(corner, size).map(|part| (part.width, part.height)), Some((6, 4)));
        }
    }

    proptest! {
        #[test]
        fn prop_nothing_is_read_beyond_what_is_mapped(
            (width, height, size_max) in (1..40_u32, 1..40_u32, 0..10_000_u32),
            (offset, size, stride) in (any::<u32>(), any::<u32>(), prop_oneof![any::<i32>(), 0..300_i32]),
            crop in proptest::option::of((any::<[i32; 2]>(), any::<[u32; 2]>())),
            near in proptest::option::of(([0..40_i32, 0..40], [0..40_u32, 0..40])),
        ) {
            let crop = near.or(crop).map(|(corner, size)| Region { corner, size });
            let format = Format { width, height, pixels: Pixels::RGBX };
            if let Some(part) = part_of(&format, crop, size_max, chunk(offset, size, stride)) {
                prop_assert!(part.from + part.bytes <= size_max as usize);
                prop_assert!(part.bytes <= part.filled && part.filled == part.stride * part.height);
                prop_assert!(part.width * 4 <= part.stride);
            }
        }
    }
}
