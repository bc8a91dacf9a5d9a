//! Counters and gauges, in Prometheus' text form.
//!
//! Every name is here. Labels come from closed sets (routes of the table, status codes, reasons), never from what a
//! client sent, so the number of series is bounded.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the request durations' buckets, seconds. A hash of a password lies in the middle.
const DURATION_BOUNDS_S: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.25, 1.0, 5.0, 30.0];

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

/// A counter for each value of one label.
#[derive(Debug, Default)]
pub struct CounterBy(Mutex<BTreeMap<&'static str, u64>>);

/// Raised while it lives.
#[derive(Debug)]
pub struct Raised<'a>(&'a Gauge);

/// Everything that is counted.
#[derive(Debug, Default)]
pub struct Metrics {
    pub ws_bytes_out: Counter,
    pub ws_bytes_in: Counter,
    pub ws_frames_out: Counter,
    pub ws_frames_in: Counter,
    pub ws_connections: Gauge,
    pub ws_connects: Counter,
    pub events_stored: Counter,
    pub introductions: Counter,
    pub rooms: Gauge,
    pub ws_goodbyes: CounterBy,
    pub ws_dropped: CounterBy,
    pub connections: Gauge,
    pub connections_refused: Counter,
    pub registrations: Counter,
    pub logins: Counter,
    pub refreshes: Counter,
    pub auth_failures: CounterBy,
    pub rate_limited: CounterBy,
    pub notices_missed: Counter,
    /// Relayed addresses that are held.
    pub turn_allocations: Gauge,
    pub turn_allocations_made: Counter,
    /// Data to peers, without headers, and from them.
    pub turn_bytes_out: Counter,
    pub turn_bytes_in: Counter,
    pub turn_refused: CounterBy,
    pub http_in_flight: Gauge,
    http: Mutex<BTreeMap<(String, &'static str, u16), u64>>,
    http_durations: Durations,
}

#[derive(Debug, Default)]
struct Durations {
    buckets: [AtomicU64; DURATION_BOUNDS_S.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

impl Counter {
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub fn increment(&self) {
        self.add(1);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Gauge {
    /// Raises it by one until the guard goes.
    pub fn raise(&self) -> Raised<'_> {
        self.increment();
        Raised(self)
    }

    pub fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn decrement(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        self.0.decrement();
    }
}

impl CounterBy {
    pub fn increment(&self, label: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(label).or_default() += 1;
    }

    pub fn get(&self, label: &str) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(label).copied().unwrap_or_default()
    }
}

impl Metrics {
    /// A request was answered. `route` is one of the table's paths, `method` one of its methods.
    pub fn http_answered(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let mut http = self.http.lock().unwrap_or_else(PoisonError::into_inner);
        *http.entry((route.to_owned(), method, status)).or_default() += 1;
        drop(http);
        let seconds = took.as_secs_f64();
        for (bucket, bound) in self.http_durations.buckets.iter().zip(DURATION_BOUNDS_S) {
            if seconds <= bound {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.http_durations.count.fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.http_durations.sum_us.fetch_add(micros, Ordering::Relaxed);
    }

    /// The exposition (Prometheus text format 0.0.4).
    pub fn render(&self) -> String {
        let mut text = Exposition::default();
        text.family("momoland_build_info", "gauge", "The version that runs.");
        text.sample("momoland_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        text.gauge("momoland_ws_connections", "WebSockets that are open.", &self.ws_connections);
        text.counter("momoland_ws_connects_total", "WebSockets that were authenticated.", &self.ws_connects);
        text.counter("momoland_ws_bytes_out_total", "Bytes of frames sent on WebSockets.", &self.ws_bytes_out);
        text.counter("momoland_ws_bytes_in_total", "Bytes of frames received on WebSockets.", &self.ws_bytes_in);
        text.counter("momoland_ws_frames_out_total", "Frames sent on WebSockets.", &self.ws_frames_out);
        text.counter("momoland_ws_frames_in_total", "Frames received on WebSockets.", &self.ws_frames_in);
        text.counter("momoland_events_stored_total", "Events that the relay stored.", &self.events_stored);
        text.counter("momoland_introductions_total", "Signals passed between two devices.", &self.introductions);
        text.gauge("momoland_rooms", "Rooms with members, without accounts' own.", &self.rooms);
        text.counter_by("momoland_ws_goodbyes_total", "reason", "WebSockets that the server ended.", &self.ws_goodbyes);
        text.counter_by(
            "momoland_ws_dropped_total",
            "reason",
            "What came on WebSockets and was not passed on.",
            &self.ws_dropped,
        );
        text.gauge("momoland_connections", "TCP connections that are open, WebSockets included.", &self.connections);
        text.counter(
            "momoland_connections_refused_total",
            "TCP connections turned away because too many were open.",
            &self.connections_refused,
        );
        text.counter("momoland_registrations_total", "Accounts that were made.", &self.registrations);
        text.counter("momoland_logins_total", "Log-ins that succeeded.", &self.logins);
        text.counter("momoland_refreshes_total", "Refreshes that succeeded.", &self.refreshes);
        text.counter_by(
            "momoland_auth_failures_total",
            "reason",
            "Passwords, tokens, proofs and codes that were refused.",
            &self.auth_failures,
        );
        text.counter_by("momoland_rate_limited_total", "limit", "Requests refused for their rate.", &self.rate_limited);
        text.counter(
            "momoland_notices_missed_total",
            "Account notices that a slow connection missed and made up by looking.",
            &self.notices_missed,
        );
        text.gauge("momoland_turn_allocations", "Relayed addresses that are held.", &self.turn_allocations);
        text.counter("momoland_turn_allocations_total", "Relayed addresses given.", &self.turn_allocations_made);
        text.counter("momoland_turn_bytes_out_total", "Bytes of data relayed to peers.", &self.turn_bytes_out);
        text.counter("momoland_turn_bytes_in_total", "Bytes of data relayed from peers.", &self.turn_bytes_in);
        text.counter_by("momoland_turn_refused_total", "reason", "What TURN refused or dropped.", &self.turn_refused);
        text.gauge("momoland_http_in_flight", "HTTP requests that are being answered.", &self.http_in_flight);
        self.render_http(&mut text);
        render_process(&mut text);
        text.0
    }

    fn render_http(&self, text: &mut Exposition) {
        text.family("momoland_http_requests_total", "counter", "HTTP requests that were answered.");
        let http = self.http.lock().unwrap_or_else(PoisonError::into_inner);
        for ((route, method, status), count) in http.iter() {
            let status = status.to_string();
            text.sample(
                "momoland_http_requests_total",
                &[("method", method), ("route", route), ("status", &status)],
                count,
            );
        }
        drop(http);
        let name = "momoland_http_request_duration_seconds";
        text.family(name, "histogram", "From the head of a request to its answer.");
        let bucket_name = format!("{name}_bucket");
        for (bucket, bound) in self.http_durations.buckets.iter().zip(DURATION_BOUNDS_S) {
            text.sample(&bucket_name, &[("le", &bound.to_string())], bucket.load(Ordering::Relaxed));
        }
        let count = self.http_durations.count.load(Ordering::Relaxed);
        text.sample(&bucket_name, &[("le", "+Inf")], count);
        let sum = Duration::from_micros(self.http_durations.sum_us.load(Ordering::Relaxed)).as_secs_f64();
        text.sample(&format!("{name}_sum"), &[], sum);
        text.sample(&format!("{name}_count"), &[], count);
    }
}

#[derive(Default)]
struct Exposition(String);

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        if !labels.is_empty() {
            let pairs: Vec<String> =
                labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escape(value))).collect();
            let _ = write!(self.0, "{{{}}}", pairs.join(","));
        }
        let _ = writeln!(self.0, " {value}");
    }

    fn counter(&mut self, name: &str, help: &str, counter: &Counter) {
        self.family(name, "counter", help);
        self.sample(name, &[], counter.get());
    }

    fn gauge(&mut self, name: &str, help: &str, gauge: &Gauge) {
        self.family(name, "gauge", help);
        self.sample(name, &[], gauge.get());
    }

    fn counter_by(&mut self, name: &str, label: &str, help: &str, counters: &CounterBy) {
        self.family(name, "counter", help);
        for (value, count) in counters.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            self.sample(name, &[(label, value)], count);
        }
    }
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The process's own figures, under the names that Prometheus' libraries use. Linux only; elsewhere they are left out.
fn render_process(text: &mut Exposition) {
    let field = |file: &str, name: &str| -> Option<u64> {
        let status = std::fs::read_to_string(file).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    if let Some(kib) = field("/proc/self/status", "VmRSS:") {
        text.family("process_resident_memory_bytes", "gauge", "Resident memory.");
        text.sample("process_resident_memory_bytes", &[], kib * 1024);
    }
    if let Ok(entries) = std::fs::read_dir("/proc/self/fd") {
        text.family("process_open_fds", "gauge", "Open file descriptors.");
        text.sample("process_open_fds", &[], entries.count());
    }
    // utime and stime are fields 14 and 15 (proc(5)), in ticks of 1/100 s on every Linux that Rust runs on; the name in
    // field 2 may hold anything, so counting starts behind its closing bracket.
    let ticks = std::fs::read_to_string("/proc/self/stat").ok().and_then(|stat| {
        let fields: Vec<u64> =
            stat.rsplit(')').next()?.split_whitespace().skip(11).take(2).flat_map(str::parse).collect();
        Some(fields.iter().sum::<u64>())
    });
    if let Some(ticks) = ticks {
        text.family("process_cpu_seconds_total", "counter", "User and system time.");
        text.sample("process_cpu_seconds_total", &[], Duration::from_millis(ticks * 10).as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exposition_has_every_family_once_and_counts() {
        let metrics = Metrics::default();
        metrics.ws_bytes_out.add(7);
        metrics.auth_failures.increment("password");
        metrics.http_answered("GET", "/healthz", 200, Duration::from_millis(3));
        let raised = metrics.ws_connections.raise();
        let text = metrics.render();
        for line in [
            "momoland_ws_bytes_out_total 7",
            "momoland_ws_connections 1",
            "momoland_events_stored_total 0",
            "momoland_auth_failures_total{reason=\"password\"} 1",
            "momoland_http_requests_total{method=\"GET\",route=\"/healthz\",status=\"200\"} 1",
            "momoland_http_request_duration_seconds_bucket{le=\"0.001\"} 0",
            "momoland_http_request_duration_seconds_bucket{le=\"0.005\"} 1",
            "momoland_http_request_duration_seconds_bucket{le=\"+Inf\"} 1",
            "momoland_http_request_duration_seconds_sum 0.003",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        let mut families: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        let all = families.len();
        families.sort_unstable();
        families.dedup();
        assert_eq!(families.len(), all);
        drop(raised);
        assert_eq!(metrics.ws_connections.get(), 0);
    }
}
