//! `location.*`.

use momoland_protocol::id::RoomId;
use momoland_protocol::location::{ACCURACY_M_MAX, Point, SHARE_LASTS_MS_MAX, UNITS_PER_DEGREE};

use super::{id, written};
use crate::api::error::ApiError;
use crate::api::types::{
    Done, LocationPrecision, Locations, RoomParams, ShareLocationParams, SharedLocation, StopLocationParams, degrees,
};
use crate::engine::Engine;

/// Metres of one degree along a meridian, about.
const METRES_PER_DEGREE: f64 = 111_320.0;

pub(super) async fn share(engine: &Engine, params: ShareLocationParams) -> Result<SharedLocation, ApiError> {
    let room: RoomId = id(&params.room_id, "room")?;
    let lasts_ms = params.ttl_s.map(lasts_ms).transpose()?;
    let precision = params.precision.unwrap_or(LocationPrecision::Exact);
    let (lat, lng) = (coordinate(params.lat, 90, precision)?, coordinate(params.lng, 180, precision)?);
    let accuracy_m = accuracy(params.accuracy_m, precision)?;
    let (point, until, stored) = engine
        .with_home(move |home| {
            let now = home.wall();
            let point = Point { lat, lng, accuracy_m, at: now };
            let (until, stored) = home.share_location(room, point, lasts_ms)?;
            Ok((point, until, stored))
        })
        .await?;
    if let Some(stored) = stored {
        written(stored).await?;
    }
    if until.is_some() {
        engine
            .with_home(move |home| {
                home.move_to(room, point);
                Ok(())
            })
            .await?;
    }
    Ok(SharedLocation {
        lat: degrees(point.lat),
        lng: degrees(point.lng),
        accuracy_m: point.accuracy_m,
        until: until.map(|until| until.0),
    })
}

pub(super) async fn stop(engine: &Engine, params: StopLocationParams) -> Result<Done, ApiError> {
    let room = params.room_id.as_deref().map(|text| id::<RoomId>(text, "room")).transpose()?;
    let keep_last = params.keep_last.unwrap_or(false);
    let stored = engine.with_home(move |home| home.stop_sharing(room, keep_last)).await?;
    for stored in stored {
        written(stored).await?;
    }
    Ok(Done {})
}

pub(super) async fn list(engine: &Engine, params: RoomParams) -> Result<Locations, ApiError> {
    let room: RoomId = id(&params.room_id, "room")?;
    engine.with_home(move |home| Ok(Locations { locations: home.list_locations(room)? })).await
}

fn lasts_ms(ttl_s: u64) -> Result<u64, ApiError> {
    let lasts_ms = ttl_s.checked_mul(1000).filter(|lasts_ms| (1..=SHARE_LASTS_MS_MAX).contains(lasts_ms));
    lasts_ms.ok_or_else(|| ApiError::invalid("A position is shared for 1 to 86,400 seconds, which is a day."))
}

/// A coordinate in whole units, rounded to a precision.
fn coordinate(degrees: f64, limit: i32, precision: LocationPrecision) -> Result<i32, ApiError> {
    // NaN is in no range.
    if !(-f64::from(limit)..=f64::from(limit)).contains(&degrees) {
        return Err(ApiError::invalid("A position is a latitude from -90 to 90 and a longitude from -180 to 180."));
    }
    let step = step(precision);
    // Within ±1.8 × 10⁹, so it fits.
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked, and 180 × 10⁷ fits into 31 bits")]
    let steps = (degrees * f64::from(UNITS_PER_DEGREE / step)).round() as i32;
    Ok((steps * step).clamp(-limit * UNITS_PER_DEGREE, limit * UNITS_PER_DEGREE))
}

/// Units to which coordinates are rounded.
fn step(precision: LocationPrecision) -> i32 {
    match precision {
        LocationPrecision::Exact => UNITS_PER_DEGREE / 100_000,
        LocationPrecision::Street => UNITS_PER_DEGREE / 1_000,
        LocationPrecision::District => UNITS_PER_DEGREE / 100,
        LocationPrecision::City => UNITS_PER_DEGREE / 10,
    }
}

/// The radius that is told: what rounding took away makes it larger, so that it stays true.
fn accuracy(accuracy_m: Option<f64>, precision: LocationPrecision) -> Result<Option<u32>, ApiError> {
    let told = match accuracy_m {
        Some(radius) if (0.0..=f64::from(ACCURACY_M_MAX)).contains(&radius) => Some(radius),
        Some(_) => return Err(ApiError::invalid("An accuracy is a radius in metres, not negative.")),
        None => None,
    };
    if precision == LocationPrecision::Exact {
        return Ok(told.map(whole_metres));
    }
    // Half of the diagonal of a square of one step.
    let lost = f64::from(step(precision)) / f64::from(UNITS_PER_DEGREE) * METRES_PER_DEGREE / std::f64::consts::SQRT_2;
    Ok(Some(whole_metres(told.unwrap_or(0.0) + lost)))
}

fn whole_metres(metres: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and bounded before")]
    let whole = metres.ceil().min(f64::from(ACCURACY_M_MAX)) as u32;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_stay_in_their_ranges() {
        let exact = |degrees, limit| coordinate(degrees, limit, LocationPrecision::Exact);
        assert_eq!(exact(-90.0, 90).unwrap(), -900_000_000);
        assert_eq!(exact(180.0, 180).unwrap(), 1_800_000_000);
        assert_eq!(exact(-0.0, 90).unwrap(), 0);
        for (bad, limit) in [(f64::NAN, 90), (f64::INFINITY, 180), (90.000_1, 90), (-180.000_1, 180)] {
            assert!(exact(bad, limit).is_err(), "{bad}");
        }
    }

    // Rules: LO1
    #[test]
    fn a_rounded_position_says_how_much_was_lost() {
        let city = coordinate(38.366_67, 90, LocationPrecision::City).unwrap();
        assert!((degrees(city) - 38.4).abs() < 1e-9);
        assert_eq!(accuracy(Some(12.0), LocationPrecision::Exact).unwrap(), Some(12));
        assert_eq!(accuracy(None, LocationPrecision::Exact).unwrap(), None);
        let radius = accuracy(Some(12.0), LocationPrecision::City).unwrap().unwrap();
        assert!((7_800..8_000).contains(&radius), "{radius}");
        assert!(accuracy(Some(-1.0), LocationPrecision::Exact).is_err());
        assert!(accuracy(Some(f64::NAN), LocationPrecision::City).is_err());
    }

    #[test]
    fn a_share_lasts_from_a_second_to_a_day() {
        assert_eq!(lasts_ms(1).unwrap(), 1_000);
        assert_eq!(lasts_ms(86_400).unwrap(), SHARE_LASTS_MS_MAX);
        for bad in [0, 86_401, 1_000_000_000_000, u64::MAX] {
            assert!(lasts_ms(bad).is_err(), "{bad}");
        }
    }
}
