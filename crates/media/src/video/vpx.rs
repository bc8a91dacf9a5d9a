//! libvpx, found at run time: the few functions that are used, and of its structures the parts in front, which have
//! been the same since 2017.
//!
//! Not linked, so that everything builds with cargo alone, on a machine without it too. What cannot be checked by the
//! compiler is checked when the library is found: the versions by what its initialisers answer, and the layout of its
//! settings by the defaults that it writes into them.
//!
//! # Invariants
//! 1. No structure of the library is smaller here than there: each has room behind what is known of it.
//! 2. A slice of the library's memory is made only after its size was checked, and does not outlive the call that the
//!    library keeps it for.

#![allow(unsafe_code, reason = "the library is in C; everything that is, is in this file")]

use std::ffi::{c_int, c_long, c_uint, c_ulong, c_void};
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use libloading::Library;

use super::codec::{Encoded, VideoError};
use super::picture::{Picture, SIDE_MAX};

/// Where it is, newest first. Each number stands for one layout of the whole library; those below were looked at.
#[cfg(target_os = "linux")]
const NAMES: &[&str] = &["libvpx.so.12", "libvpx.so.11", "libvpx.so.9", "libvpx.so.8", "libvpx.so.7", "libvpx.so.6"];
#[cfg(target_os = "linux")]
const PACKAGE: &str =
    "Debian and Ubuntu: apt-get install libvpx7, or the libvpx package that they have; Fedora: dnf install libvpx";
#[cfg(target_os = "macos")]
const NAMES: &[&str] = &["libvpx.dylib", "/opt/homebrew/lib/libvpx.dylib", "/usr/local/lib/libvpx.dylib"];
#[cfg(target_os = "macos")]
const PACKAGE: &str = "brew install libvpx";
#[cfg(target_os = "windows")]
const NAMES: &[&str] = &["libvpx-1.dll", "vpx.dll", "libvpx.dll"];
#[cfg(target_os = "windows")]
const PACKAGE: &str = "libvpx-1.dll, for example of MSYS2, beside the program";
#[cfg(not(any(target_os = "linux", target_os = "macos", target_os = "windows")))]
const NAMES: &[&str] = &["libvpx.so"];
#[cfg(not(any(target_os = "linux", target_os = "macos", target_os = "windows")))]
const PACKAGE: &str = "libvpx";

/// `VPX_CODEC_OK` and `VPX_CODEC_ABI_MISMATCH`.
const OK: c_int = 0;
const OTHER_VERSION: c_int = 3;
/// Versions of the interface that are asked for, until the library says that it is the one.
const ENCODER_VERSIONS: std::ops::RangeInclusive<c_int> = 14..=60;
const DECODER_VERSIONS: std::ops::RangeInclusive<c_int> = 6..=40;
/// `VPX_IMG_FMT_I420`.
const I420: c_int = 0x102;
/// `VPX_DL_REALTIME`.
const REALTIME: c_ulong = 1;
/// `VPX_EFLAG_FORCE_KF`.
const FORCE_KEY: c_long = 1;
/// `VPX_FRAME_IS_KEY`.
const IS_KEY: u32 = 1;
/// `VPX_CBR`.
const CONSTANT_RATE: c_int = 1;
/// Controls, by their numbers in `vp8cx.h`.
const CPU_USED: c_int = 13;
const STATIC_THRESHOLD: c_int = 17;
const KEY_RATE_MAX: c_int = 26;
const SCREEN: c_int = 31;

/// The front of `vpx_codec_enc_cfg_t`.
#[repr(C)]
struct Config {
    usage: c_uint,
    threads: c_uint,
    profile: c_uint,
    width: c_uint,
    height: c_uint,
    bit_depth: c_int,
    input_bit_depth: c_uint,
    timebase: [c_int; 2],
    error_resilient: u32,
    pass: c_int,
    lag_in_frames: c_uint,
    drop_threshold: c_uint,
    resize_allowed: c_uint,
    scaled: [c_uint; 2],
    resize_thresholds: [c_uint; 2],
    rate_mode: c_int,
    /// `vpx_fixed_buf_t`: address and length.
    two_pass: [usize; 2],
    first_pass: [usize; 2],
    kilobits: c_uint,
    quantizer_min: c_uint,
    quantizer_max: c_uint,
    undershoot: c_uint,
    overshoot: c_uint,
    buffer_ms: c_uint,
    buffer_initial_ms: c_uint,
    buffer_optimal_ms: c_uint,
    two_pass_bias: [c_uint; 3],
    two_pass_complexity: c_uint,
    key_mode: c_int,
    key_distance_min: c_uint,
    key_distance_max: c_uint,
    /// What else there is: some 500 bytes in 1.12.
    room: [u64; 512],
}

/// `vpx_codec_ctx_t`: of the library alone, 56 bytes.
#[repr(C)]
struct Context([u64; 32]);

/// The front of `vpx_image_t`: as much as is read of the library's own.
#[repr(C)]
struct ImageFront {
    format: c_int,
    colour_space: c_int,
    range: c_int,
    stored_width: c_uint,
    stored_height: c_uint,
    bit_depth: c_uint,
    width: c_uint,
    height: c_uint,
    rendered: [c_uint; 2],
    chroma_shifts: [c_uint; 2],
    planes: [*mut u8; 4],
    strides: [c_int; 4],
}

/// `vpx_image_t` for the library to write.
#[repr(C)]
struct Image {
    front: ImageFront,
    room: [u64; 32],
}

/// The front of `vpx_codec_cx_pkt_t`, of a picture.
#[repr(C)]
struct Packet {
    kind: c_int,
    picture: PacketPicture,
}

#[repr(C)]
struct PacketPicture {
    data: *const u8,
    length: usize,
    at: i64,
    duration: c_ulong,
    flags: u32,
}

type Interface = unsafe extern "C" fn() -> *const c_void;

/// The library's functions. It is never unloaded.
pub(super) struct Vpx {
    vp8_encoder: Interface,
    vp8_decoder: Interface,
    config_default: unsafe extern "C" fn(*const c_void, *mut Config, c_uint) -> c_int,
    encoder_init: unsafe extern "C" fn(*mut Context, *const c_void, *const Config, c_long, c_int) -> c_int,
    config_set: unsafe extern "C" fn(*mut Context, *const Config) -> c_int,
    encode: unsafe extern "C" fn(*mut Context, *const Image, i64, c_ulong, c_long, c_ulong) -> c_int,
    next_packet: unsafe extern "C" fn(*mut Context, *mut *const c_void) -> *const Packet,
    control: unsafe extern "C" fn(*mut Context, c_int, ...) -> c_int,
    decoder_init: unsafe extern "C" fn(*mut Context, *const c_void, *const c_void, c_long, c_int) -> c_int,
    decode: unsafe extern "C" fn(*mut Context, *const u8, c_uint, *mut c_void, c_long) -> c_int,
    next_picture: unsafe extern "C" fn(*mut Context, *mut *const c_void) -> *const ImageFront,
    destroy: unsafe extern "C" fn(*mut Context) -> c_int,
    wrap: unsafe extern "C" fn(*mut Image, c_int, c_uint, c_uint, c_uint, *mut u8) -> *mut Image,
    encoder_version: c_int,
    decoder_version: c_int,
    _library: Library,
}

/// The library, looked for once.
pub(super) fn library() -> Result<&'static Vpx, VideoError> {
    static FOUND: OnceLock<Result<Vpx, VideoError>> = OnceLock::new();
    FOUND.get_or_init(find).as_ref().map_err(Clone::clone)
}

fn find() -> Result<Vpx, VideoError> {
    // SAFETY: what these names stand for is a plain C library, whose loading runs nothing of interest.
    let library = NAMES.iter().find_map(|name| unsafe { Library::new(name) }.ok());
    let library = library.ok_or(VideoError::Missing(PACKAGE))?;
    let mut vpx = bind(library).map_err(|error| VideoError::Unfit(error.to_string()))?;
    vpx.negotiate()?;
    Ok(vpx)
}

fn bind(library: Library) -> Result<Vpx, libloading::Error> {
    macro_rules! function {
        ($name:literal) => {
            // SAFETY: the types are those of libvpx's headers for these names, unchanged since 1.4.
            *unsafe { library.get(concat!($name, "\0").as_bytes()) }?
        };
    }
    Ok(Vpx {
        vp8_encoder: function!("vpx_codec_vp8_cx"),
        vp8_decoder: function!("vpx_codec_vp8_dx"),
        config_default: function!("vpx_codec_enc_config_default"),
        encoder_init: function!("vpx_codec_enc_init_ver"),
        config_set: function!("vpx_codec_enc_config_set"),
        encode: function!("vpx_codec_encode"),
        next_packet: function!("vpx_codec_get_cx_data"),
        control: function!("vpx_codec_control_"),
        decoder_init: function!("vpx_codec_dec_init_ver"),
        decode: function!("vpx_codec_decode"),
        next_picture: function!("vpx_codec_get_frame"),
        destroy: function!("vpx_codec_destroy"),
        wrap: function!("vpx_img_wrap"),
        encoder_version: 0,
        decoder_version: 0,
        _library: library,
    })
}

impl Vpx {
    /// Finds the versions that this library answers to.
    fn negotiate(&mut self) -> Result<(), VideoError> {
        let config = self.defaults()?;
        let mut context = Box::new(Context([0; 32]));
        let encoder = ENCODER_VERSIONS.into_iter().find(|version| {
            // SAFETY: context and settings are of this call's own, and longer than the library's.
            let answer = unsafe {
                (self.encoder_init)(&raw mut *context, (self.vp8_encoder)(), &raw const *config, 0, *version)
            };
            if answer == OK {
                // SAFETY: it was just made.
                unsafe { (self.destroy)(&raw mut *context) };
            }
            answer != OTHER_VERSION
        });
        let decoder = DECODER_VERSIONS.into_iter().find(|version| {
            // SAFETY: as above; no settings are the default ones.
            let answer = unsafe { (self.decoder_init)(&raw mut *context, (self.vp8_decoder)(), null(), 0, *version) };
            if answer == OK {
                // SAFETY: it was just made.
                unsafe { (self.destroy)(&raw mut *context) };
            }
            answer != OTHER_VERSION
        });
        let unfit = || VideoError::Unfit("another interface".to_owned());
        (self.encoder_version, self.decoder_version) = (encoder.ok_or_else(unfit)?, decoder.ok_or_else(unfit)?);
        Ok(())
    }

    /// The library's own settings, if they lie where they are known to.
    fn defaults(&self) -> Result<Box<Config>, VideoError> {
        // SAFETY: all fields are numbers and pointers, for which zeros are values.
        let mut config: Box<Config> = Box::new(unsafe { std::mem::zeroed() });
        // SAFETY: longer than the library's, which writes its own length.
        let answer = unsafe { (self.config_default)((self.vp8_encoder)(), &raw mut *config, 0) };
        let known = (config.width, config.height, config.timebase) == (320, 240, [1, 30])
            && (config.kilobits, config.quantizer_min, config.quantizer_max) == (256, 4, 63)
            && (config.buffer_ms, config.buffer_initial_ms, config.buffer_optimal_ms) == (6_000, 4_000, 5_000)
            && (config.key_distance_min, config.key_distance_max) == (0, 128);
        if answer != OK || !known {
            return Err(VideoError::Unfit("other settings".to_owned()));
        }
        Ok(config)
    }
}

impl std::fmt::Debug for Vpx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vpx").field("encoder_version", &self.encoder_version).finish_non_exhaustive()
    }
}

fn check(doing: &str, answer: c_int) -> Result<(), VideoError> {
    if answer == OK { Ok(()) } else { Err(VideoError::Codec(format!("{doing} failed ({answer})"))) }
}

/// How to encode.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// Even.
    pub(super) width: u16,
    /// Even.
    pub(super) height: u16,
    pub(super) kilobits: u32,
    pub(super) cpu_used: i32,
    pub(super) screen: bool,
}

pub(super) struct Encoder {
    vpx: &'static Vpx,
    context: Box<Context>,
    config: Box<Config>,
    /// The newest time given, which the library wants to grow.
    at: i64,
}

// SAFETY: the library's state belongs to its context alone, and may be used by one thread after the other.
unsafe impl Send for Encoder {}

impl Encoder {
    pub(super) fn new(vpx: &'static Vpx, settings: Settings) -> Result<Self, VideoError> {
        let Settings { width, height, kilobits, cpu_used, screen } = settings;
        if width % 2 != 0 || height % 2 != 0 || width == 0 || height == 0 || width > SIDE_MAX || height > SIDE_MAX {
            return Err(VideoError::Codec(format!("{width}×{height} is no size to encode")));
        }
        let mut config = vpx.defaults()?;
        (config.width, config.height) = (width.into(), height.into());
        config.timebase = [1, 90_000];
        // What follows a lost picture can be decoded, if badly, and a key picture sets everything anew.
        config.error_resilient = 1;
        config.lag_in_frames = 0;
        config.rate_mode = CONSTANT_RATE;
        config.kilobits = kilobits;
        // A screen may be as sharp as it can; where there is no room, pictures are left out, not blurred.
        (config.quantizer_min, config.quantizer_max) = if screen { (2, 48) } else { (2, 56) };
        (config.undershoot, config.overshoot) = (100, 15);
        (config.buffer_ms, config.buffer_initial_ms, config.buffer_optimal_ms) = (1_000, 500, 600);
        config.drop_threshold = 30;
        config.resize_allowed = 0;
        // Key pictures are made when they are asked for, and else never.
        config.key_mode = 0;
        let mut context = Box::new(Context([0; 32]));
        // SAFETY: as in `negotiate`; the library copies the settings.
        let answer = unsafe {
            (vpx.encoder_init)(&raw mut *context, (vpx.vp8_encoder)(), &raw const *config, 0, vpx.encoder_version)
        };
        check("the encoder", answer)?;
        // From here on dropping it destroys the context.
        let mut encoder = Self { vpx, context, config, at: -1 };
        encoder.set(CPU_USED, cpu_used)?;
        encoder.set(STATIC_THRESHOLD, 1)?;
        // A key picture takes at most what 250 ms may, so that sound behind it does not wait.
        encoder.set(KEY_RATE_MAX, 750)?;
        encoder.set(SCREEN, c_int::from(screen))?;
        Ok(encoder)
    }

    fn set(&mut self, control: c_int, value: c_int) -> Result<(), VideoError> {
        // SAFETY: the context is whole, and each of these controls takes one int.
        check("a setting", unsafe { (self.vpx.control)(&raw mut *self.context, control, value) })
    }

    pub(super) fn set_rate(&mut self, kilobits: u32) -> Result<(), VideoError> {
        self.config.kilobits = kilobits;
        // SAFETY: the context is whole, and the settings are the library's own but for the rate.
        check("the rate", unsafe { (self.vpx.config_set)(&raw mut *self.context, &raw const *self.config) })
    }

    /// `picture` is of the encoder's size: `vp8` has looked.
    pub(super) fn encode(&mut self, picture: &Picture, at: i64, key: bool) -> Result<Option<Encoded>, VideoError> {
        let duration = at.saturating_sub(self.at).clamp(1, 90_000);
        self.at = at.max(self.at + 1);
        // SAFETY: all fields are numbers and pointers, for which zeros are values.
        let mut image: Box<Image> = Box::new(unsafe { std::mem::zeroed() });
        let data = picture.planes().as_ptr().cast_mut();
        let (width, height) = (c_uint::from(picture.width()), c_uint::from(picture.height()));
        // SAFETY: the description is longer than the library's. Of even sides the planes lie as the library expects
        // them with an alignment of one, and are as long. Encoding only reads them.
        let wrapped = unsafe { (self.vpx.wrap)(&raw mut *image, I420, width, height, 1, data) };
        if wrapped.is_null() {
            return Err(VideoError::Codec("no room for a picture".to_owned()));
        }
        let flags = if key { FORCE_KEY } else { 0 };
        let duration = c_ulong::try_from(duration).unwrap_or(1);
        // SAFETY: the context is whole, and the picture outlives the call: there is no lag.
        let answer =
            unsafe { (self.vpx.encode)(&raw mut *self.context, &raw const *image, self.at, duration, flags, REALTIME) };
        check("encoding", answer)?;
        let mut encoded: Option<Encoded> = None;
        let mut iterator = null();
        loop {
            // SAFETY: the context is whole, and the iterator is of this call.
            let packet = unsafe { (self.vpx.next_packet)(&raw mut *self.context, &raw mut iterator) };
            // SAFETY: the library gives null or a packet that lives until the next call of `encode`.
            let Some(packet) = (unsafe { packet.as_ref() }) else { break };
            // `VPX_CODEC_CX_FRAME_PKT`; others have other fields.
            if packet.kind != 0 {
                continue;
            }
            let PacketPicture { data, length, flags, .. } = packet.picture;
            if data.is_null() || length == 0 || length > isize::MAX as usize {
                continue;
            }
            // SAFETY: not null, and as long as the library says, until the next call of `encode`.
            let data = unsafe { std::slice::from_raw_parts(data, length) };
            let so_far = encoded.get_or_insert_with(|| Encoded { key: flags & IS_KEY != 0, data: Vec::new() });
            so_far.data.extend_from_slice(data);
        }
        Ok(encoded)
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: the context is whole, and not used again.
        unsafe { (self.vpx.destroy)(&raw mut *self.context) };
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder")
            .field("width", &self.config.width)
            .field("height", &self.config.height)
            .finish_non_exhaustive()
    }
}

pub(super) struct Decoder {
    vpx: &'static Vpx,
    context: Box<Context>,
}

// SAFETY: as of the encoder.
unsafe impl Send for Decoder {}

impl Decoder {
    pub(super) fn new(vpx: &'static Vpx) -> Result<Self, VideoError> {
        let mut context = Box::new(Context([0; 32]));
        // SAFETY: as in `negotiate`.
        let answer =
            unsafe { (vpx.decoder_init)(&raw mut *context, (vpx.vp8_decoder)(), null(), 0, vpx.decoder_version) };
        check("the decoder", answer)?;
        Ok(Self { vpx, context })
    }

    pub(super) fn decode(&mut self, data: &[u8]) -> Result<Option<Picture>, VideoError> {
        let length = c_uint::try_from(data.len()).map_err(|_| VideoError::Codec("too long".to_owned()))?;
        // SAFETY: the context is whole, the data as long as said, and only read within the call.
        let answer = unsafe { (self.vpx.decode)(&raw mut *self.context, data.as_ptr(), length, null_mut(), 0) };
        check("decoding", answer)?;
        let mut iterator = null();
        // SAFETY: the context is whole, and the iterator is of this call.
        let image = unsafe { (self.vpx.next_picture)(&raw mut *self.context, &raw mut iterator) };
        // SAFETY: the library gives null or a picture that lives until the next call of `decode`. It is a reference to
        // its front alone, as long as the library's own from 1.4 on.
        let Some(front) = (unsafe { image.as_ref() }) else { return Ok(None) };
        copy(front).map(Some)
    }
}

fn copy(image: &ImageFront) -> Result<Picture, VideoError> {
    let refused = || VideoError::Codec("a picture of an unknown kind".to_owned());
    let side = |side: c_uint| u16::try_from(side).ok().filter(|side| *side > 0 && *side <= SIDE_MAX);
    let (width, height) = side(image.width).zip(side(image.height)).ok_or_else(refused)?;
    let stored_is_larger = image.stored_width >= image.width && image.stored_height >= image.height;
    if image.format != I420 || image.chroma_shifts != [1, 1] || image.bit_depth != 8 || !stored_is_larger {
        return Err(refused());
    }
    let (columns, rows) = (usize::from(width), usize::from(height));
    let (half_columns, half_rows) = (columns.div_ceil(2), rows.div_ceil(2));
    let mut planes = Vec::with_capacity(columns * rows + 2 * half_columns * half_rows);
    let sizes = [(columns, rows), (half_columns, half_rows), (half_columns, half_rows)];
    for ((plane, stride), (columns, rows)) in image.planes.into_iter().zip(image.strides).zip(sizes) {
        let stride = usize::try_from(stride).ok().filter(|stride| *stride >= columns).ok_or_else(refused)?;
        if plane.is_null() {
            return Err(refused());
        }
        for row in 0..rows {
            // SAFETY: not null; the library stores at least as many rows of at least as many columns, a stride apart.
            let line = unsafe { std::slice::from_raw_parts(plane.add(row * stride), columns) };
            planes.extend_from_slice(line);
        }
    }
    Picture::from_planes(width, height, planes).ok_or_else(refused)
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the context is whole, and not used again.
        unsafe { (self.vpx.destroy)(&raw mut *self.context) };
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}
