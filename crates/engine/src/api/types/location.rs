//! `location.*`.

use momoland_protocol::location::UNITS_PER_DEGREE;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Positions as a front gives them: WGS 84 degrees.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShareLocationParams {
    pub room_id: String,
    /// −90 to 90, north positive.
    pub lat: f64,
    /// −180 to 180, east positive.
    pub lng: f64,
    /// Radius in which the person is, metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub accuracy_m: Option<f64>,
    /// Live for so many seconds, 1 to 86,400; without it the position is said once and kept. While one is live, a further
    /// call moves it, and changes its end where that differs by more than a tenth of this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub ttl_s: Option<u64>,
    /// How much others may know; `exact` unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub precision: Option<LocationPrecision>,
}

/// To what a position is rounded before it leaves this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum LocationPrecision {
    /// About a metre.
    Exact,
    /// About 100 m.
    Street,
    /// About a kilometre.
    District,
    /// About ten kilometres.
    City,
}

/// What others see.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SharedLocation {
    pub lat: f64,
    pub lng: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub accuracy_m: Option<u32>,
    /// When it ends by itself; absent where it was said once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub until: Option<u64>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StopLocationParams {
    /// Everywhere without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub room_id: Option<String>,
    /// Leave the last position where others can see it; not unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub keep_last: Option<bool>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Locations {
    /// One entry a person.
    pub locations: Vec<Location>,
}

/// Where somebody is, or left word that they were.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    pub room_id: String,
    pub user_id: String,
    pub lat: f64,
    pub lng: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub accuracy_m: Option<u32>,
    /// When they were there.
    #[ts(type = "number")]
    pub at: u64,
    /// Of a live one: when it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub until: Option<u64>,
}

/// A coordinate as fronts see it.
pub(crate) fn degrees(units: i32) -> f64 {
    f64::from(units) / f64::from(UNITS_PER_DEGREE)
}
