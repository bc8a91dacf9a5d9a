//! Where somebody is: positions that are kept (what an event of [`crate::event::Action::LOCATION`] says) and live
//! ones (ephemerals of the kind [`crate::ephemeral::kind::LOCATION`]).
//!
//! Coordinates are WGS 84 in units of 10⁻⁷ degrees, about a centimetre: whole numbers, so that no NaN and no infinity
//! can be said (compare GeoJSON, RFC 7946 §4, for datum and ranges).

use minicbor::{Decode, Encode};

use crate::cbor::{Bounded, DecodeError, bound};
use crate::clock::UnixMillis;
use crate::id::EventId;

/// Units of a coordinate in one degree.
pub const UNITS_PER_DEGREE: i32 = 10_000_000;

/// The largest accuracy that is worth saying, metres: half the way round the earth.
pub const ACCURACY_M_MAX: u32 = 20_037_509;

/// A share ends by itself after this at the latest, milliseconds.
pub const SHARE_LASTS_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// One position at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Point {
    /// Latitude, north positive: −90° to 90° in [`UNITS_PER_DEGREE`].
    #[n(0)]
    pub lat: i32,
    /// Longitude, east positive: −180° to 180° in [`UNITS_PER_DEGREE`].
    #[n(1)]
    pub lng: i32,
    /// Radius in which the person is, metres; `None` where it is not known.
    #[n(2)]
    pub accuracy_m: Option<u32>,
    /// When they were there, by their device's clock.
    #[n(3)]
    pub at: UnixMillis,
}

impl Bounded for Point {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound((-90 * UNITS_PER_DEGREE..=90 * UNITS_PER_DEGREE).contains(&self.lat), "lat")?;
        bound((-180 * UNITS_PER_DEGREE..=180 * UNITS_PER_DEGREE).contains(&self.lng), "lng")?;
        bound(self.accuracy_m.is_none_or(|radius| radius <= ACCURACY_M_MAX), "accuracy")
    }
}

/// What an event of [`crate::event::Action::LOCATION`] says. Of one device in one room only the latest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum LocationContent {
    /// A position, said once.
    #[n(0)]
    Once {
        /// Where.
        #[n(0)]
        point: Point,
    },
    /// Positions follow as ephemerals that name this event.
    #[n(1)]
    Begun {
        /// When it ends by itself.
        #[n(0)]
        until: UnixMillis,
    },
    /// No more follow.
    #[n(2)]
    Ended {
        /// Where the person was last, if they leave that.
        #[n(0)]
        last: Option<Point>,
    },
}

impl Bounded for LocationContent {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        match self {
            Self::Once { point } | Self::Ended { last: Some(point) } => point.check_bounds(),
            Self::Begun { .. } | Self::Ended { last: None } => Ok(()),
        }
    }
}

/// One live position, the payload of an ephemeral.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct LivePosition {
    /// The event with which the sharing began. It is over when that is followed by another of its device that does not
    /// begin it anew.
    #[n(0)]
    pub share: EventId,
    /// Where.
    #[n(1)]
    pub point: Point,
}

impl Bounded for LivePosition {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        self.point.check_bounds()
    }
}
