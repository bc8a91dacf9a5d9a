//! Every setting of the server: its name, its default, its unit, its environment variable.
//!
//! One table, [`SETTINGS`], feeds the file, the environment and `--help`, so that the three cannot differ. A value from
//! the environment wins over the file, the file over the default. The defaults run with none. A key of the file that
//! the table does not know, and a value that a setting cannot take, are refused with a sentence before anything is
//! opened.
//!
//! Not here: whether an address can be bound or a folder written, which only trying shows (`main`, `App::open`).

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use momoland_protocol::limits::DEVICES_PER_ACCOUNT_MAX;

/// What every environment variable of ours starts with.
const ENVIRONMENT_PREFIX: &str = "MOMOLAND_";

/// Bytes of a configuration file; beyond it is not one.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Characters of a registration invite code, at least: shorter ones are guessed within the rate limits in days.
const INVITE_CODE_CHARS_MIN: usize = 8;

/// Characters of a shared TURN secret, at least: each credential lets anybody guess offline.
const TURN_SECRET_CHARS_MIN: usize = 16;

/// The server's settings, as they are used.
#[derive(Debug, Clone)]
pub struct Config {
    pub listen: SocketAddr,
    pub data: PathBuf,
    pub log: String,
    /// What people see the server called.
    pub name: String,
    /// The handle whose account administers; without it the first account does.
    pub admin: Option<String>,
    pub registration: Registration,
    /// Codes that open `Registration::Invite`. Never empty there.
    pub invite_codes: BTreeSet<String>,
    /// Origins that browsers may call from, exactly as they send them.
    pub cors_origins: BTreeSet<String>,
    /// Proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    pub limits: Limits,
    pub turn: TurnSettings,
    pub access_token_ttl: Duration,
    pub refresh_token_ttl: Duration,
    pub refresh_grace: Duration,
    pub shutdown_grace: Duration,
    pub shutdown_retry_spread: Duration,
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    Open,
    Invite,
    Closed,
}

/// Bounds on sizes, rates and times.
#[derive(Debug, Clone)]
pub struct Limits {
    pub connections_max: usize,
    pub connections_per_address_max: usize,
    pub body_bytes_max: usize,
    pub header_timeout: Duration,
    pub body_timeout: Duration,
    /// How long the other side may leave what it was sent unread.
    pub stall_timeout: Duration,
    /// From the upgrade of a WebSocket to its authentication.
    pub handshake_timeout: Duration,
    pub registrations_per_minute: u32,
    pub login_failures_per_account_per_minute: u32,
    pub login_failures_per_address_per_minute: u32,
    pub requests_per_minute: u32,
    pub connects_per_minute: u32,
    pub devices_per_account_max: usize,
    pub password_threads: usize,
    pub password_queue_max: usize,
}

/// The way for devices that reach each other by no other.
#[derive(Debug, Clone)]
pub struct TurnSettings {
    pub listen: TurnListen,
    /// Where devices find it, host and port, if not where the server itself is.
    pub public: Option<(String, Option<u16>)>,
    /// What a TURN server elsewhere shares; without it one is made at each start.
    pub secret: Option<String>,
    /// Ranges that are closed by default and may be relayed to.
    pub allow: Vec<IpNet>,
    /// The UDP ports of relayed addresses.
    pub ports: RangeInclusive<u16>,
    pub credential_ttl: Duration,
    pub allocations_max: usize,
    pub allocations_per_account_max: usize,
    pub bytes_per_second_per_account: u64,
}

/// Where the embedded TURN server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnListen {
    /// On the server's own address and port, over UDP.
    WithServer,
    At(SocketAddr),
    /// Nowhere.
    Off,
}

/// One setting: a row of the table.
#[derive(Debug)]
pub struct Setting {
    /// The key in the file; upper case and prefixed, it is the environment variable.
    pub key: &'static str,
    pub default: &'static str,
    /// The unit, or the form, of its value.
    pub unit: &'static str,
    pub about: &'static str,
    apply: fn(&mut Config, &str) -> Result<(), String>,
}

/// Every setting, in the order in which `--help` shows them.
pub static SETTINGS: &[Setting] = &[
    Setting {
        key: "listen",
        default: "127.0.0.1:7420",
        unit: "address:port",
        about: "Where it listens. Port 0 takes a free one and logs it.",
        apply: |config, value| parse_into(&mut config.listen, value, "an address and a port, like 127.0.0.1:7420"),
    },
    Setting {
        key: "data",
        default: "./momoland-data",
        unit: "folder",
        about: "Where accounts, rooms and keys are kept. Made if absent.",
        apply: |config, value| {
            if value.is_empty() {
                return Err("must name a folder".to_owned());
            }
            config.data = PathBuf::from(value);
            Ok(())
        },
    },
    Setting {
        key: "log",
        default: "info",
        unit: "filter",
        about: "What is logged: error, warn, info, debug, trace, or per module as in info,signaling_server=debug.",
        apply: |config, value| {
            tracing_subscriber::EnvFilter::try_new(value).map_err(|error| format!("is not a log filter ({error})"))?;
            value.clone_into(&mut config.log);
            Ok(())
        },
    },
    Setting {
        key: "name",
        default: "Momoland",
        unit: "text",
        about: "What people see this server called.",
        apply: |config, value| {
            let chars = value.chars().count();
            if chars == 0 || chars > 64 || value.chars().any(char::is_control) {
                return Err("must have 1 to 64 characters and no control characters".to_owned());
            }
            value.clone_into(&mut config.name);
            Ok(())
        },
    },
    Setting {
        key: "admin",
        default: "",
        unit: "handle",
        about: "The account that administers. Empty: the first account does.",
        apply: |config, value| {
            if value.is_empty() {
                config.admin = None;
                return Ok(());
            }
            crate::accounts::handles::Handle::parse(value).map_err(|error| error.to_string())?;
            config.admin = Some(value.to_owned());
            Ok(())
        },
    },
    Setting {
        key: "registration",
        default: "open",
        unit: "open | invite | closed",
        about: "Who may make an account: everybody, who has an invite code, nobody.",
        apply: |config, value| {
            config.registration = match value {
                "open" => Registration::Open,
                "invite" => Registration::Invite,
                "closed" => Registration::Closed,
                _ => return Err("must be open, invite or closed".to_owned()),
            };
            Ok(())
        },
    },
    Setting {
        key: "invite_codes",
        default: "",
        unit: "list",
        about: "The codes that open registration by invite, of at least 8 characters each.",
        apply: |config, value| {
            let codes: BTreeSet<String> = items(value).map(str::to_owned).collect();
            if codes.iter().any(|code| code.chars().count() < INVITE_CODE_CHARS_MIN) {
                return Err(format!("has a code with fewer than {INVITE_CODE_CHARS_MIN} characters"));
            }
            config.invite_codes = codes;
            Ok(())
        },
    },
    Setting {
        key: "cors_origins",
        default: "",
        unit: "list",
        about: "Origins that browser pages may call from, each like https://chat.example.org.",
        apply: |config, value| {
            let mut origins = BTreeSet::new();
            for origin in items(value) {
                origins.insert(parse_origin(origin)?);
            }
            config.cors_origins = origins;
            Ok(())
        },
    },
    Setting {
        key: "trusted_proxies",
        default: "",
        unit: "list of addresses or CIDR ranges",
        about: "Proxies whose X-Forwarded-For header counts. Everybody else's is ignored.",
        apply: |config, value| {
            let mut proxies = Vec::new();
            for item in items(value) {
                proxies.push(parse_network(item)?);
            }
            config.trusted_proxies = proxies;
            Ok(())
        },
    },
    Setting {
        key: "max_connections",
        default: "16384",
        unit: "connections",
        about: "Open connections at once; more are turned away with 503.",
        apply: |config, value| number_into(&mut config.limits.connections_max, value, 1, 1_000_000),
    },
    Setting {
        key: "max_connections_per_address",
        default: "8192",
        unit: "connections",
        about: "Open connections at once from one address (IPv6: one /64). Trusted proxies are exempt.",
        apply: |config, value| number_into(&mut config.limits.connections_per_address_max, value, 1, 1_000_000),
    },
    Setting {
        key: "max_body_bytes",
        default: "16384",
        unit: "bytes",
        about: "The largest request body.",
        apply: |config, value| number_into(&mut config.limits.body_bytes_max, value, 1024, 1 << 20),
    },
    Setting {
        key: "header_timeout_s",
        default: "10",
        unit: "seconds",
        about: "How long a connection may take to send a request's head, the time between two requests included.",
        apply: |config, value| seconds_into(&mut config.limits.header_timeout, value, 1, 600),
    },
    Setting {
        key: "body_timeout_s",
        default: "15",
        unit: "seconds",
        about: "How long a request's body may take.",
        apply: |config, value| seconds_into(&mut config.limits.body_timeout, value, 1, 600),
    },
    Setting {
        key: "stall_timeout_s",
        default: "30",
        unit: "seconds",
        about: "How long a connection's other side may take nothing of what it was sent, WebSockets included.",
        apply: |config, value| seconds_into(&mut config.limits.stall_timeout, value, 1, 600),
    },
    Setting {
        key: "handshake_timeout_s",
        default: "10",
        unit: "seconds",
        about: "How long a WebSocket may stay unauthenticated.",
        apply: |config, value| seconds_into(&mut config.limits.handshake_timeout, value, 1, 600),
    },
    Setting {
        key: "registrations_per_minute",
        default: "120",
        unit: "a minute and address",
        about: "Registrations tried from one address.",
        apply: |config, value| number_into(&mut config.limits.registrations_per_minute, value, 1, 1_000_000),
    },
    Setting {
        key: "login_failures_per_account_per_minute",
        default: "10",
        unit: "a minute, account and address",
        about: "Wrong passwords for one account from one address. Failures from elsewhere do not count against it.",
        apply: |config, value| {
            number_into(&mut config.limits.login_failures_per_account_per_minute, value, 1, 1_000_000)
        },
    },
    Setting {
        key: "login_failures_per_address_per_minute",
        default: "60",
        unit: "a minute and address",
        about: "Wrong passwords and bad refresh tokens from one address.",
        apply: |config, value| {
            number_into(&mut config.limits.login_failures_per_address_per_minute, value, 1, 1_000_000)
        },
    },
    Setting {
        key: "requests_per_minute",
        default: "12000",
        unit: "a minute and address",
        about: "Requests of any kind from one address, the WebSocket's frames not counted.",
        apply: |config, value| number_into(&mut config.limits.requests_per_minute, value, 1, 10_000_000),
    },
    Setting {
        key: "connects_per_minute",
        default: "2000",
        unit: "a minute and address",
        about: "Authenticated WebSocket connects from one address.",
        apply: |config, value| number_into(&mut config.limits.connects_per_minute, value, 1, 1_000_000),
    },
    Setting {
        key: "max_devices_per_account",
        default: "32",
        unit: "devices",
        about: "Devices of one account that are not revoked.",
        apply: |config, value| {
            number_into(&mut config.limits.devices_per_account_max, value, 1, DEVICES_PER_ACCOUNT_MAX)
        },
    },
    Setting {
        key: "password_threads",
        default: "2",
        unit: "threads",
        about: "Passwords hashed at once; each takes 19 MiB and one core for some 50 ms.",
        apply: |config, value| number_into(&mut config.limits.password_threads, value, 1, 8),
    },
    Setting {
        key: "password_queue",
        default: "1024",
        unit: "requests",
        about: "Requests that may wait for their password to be hashed; more are answered with 503.",
        apply: |config, value| number_into(&mut config.limits.password_queue_max, value, 1, 100_000),
    },
    Setting {
        key: "turn_listen",
        default: "",
        unit: "address:port or off",
        about: "Where the embedded TURN server listens, UDP. Empty: on the server's own address and port.",
        apply: |config, value| {
            config.turn.listen =
                match value {
                    "" => TurnListen::WithServer,
                    "off" => TurnListen::Off,
                    _ => TurnListen::At(value.parse().map_err(|_| {
                        format!("must be an address and a port, like 0.0.0.0:7420, or off, not {value:?}")
                    })?),
                };
            Ok(())
        },
    },
    Setting {
        key: "turn_public",
        default: "",
        unit: "host or host:port",
        about: "Where devices find TURN: the address from outside, or another TURN server that shares the secret. \
                Empty: where they find this server.",
        apply: |config, value| {
            config.turn.public = if value.is_empty() { None } else { Some(parse_host(value)?) };
            Ok(())
        },
    },
    Setting {
        key: "turn_secret",
        default: "",
        unit: "text",
        about: "The secret that TURN credentials are made with, of at least 16 characters: coturn's \
                static-auth-secret. Empty: a fresh one at each start.",
        apply: |config, value| {
            if !value.is_empty() && value.chars().count() < TURN_SECRET_CHARS_MIN {
                return Err(format!("must have at least {TURN_SECRET_CHARS_MIN} characters"));
            }
            config.turn.secret = if value.is_empty() { None } else { Some(value.to_owned()) };
            Ok(())
        },
    },
    Setting {
        key: "turn_allow",
        default: "",
        unit: "list of addresses or CIDR ranges",
        about: "Ranges that TURN may relay to although they are loopback, link-local or private.",
        apply: |config, value| {
            let mut allow = Vec::new();
            for item in items(value) {
                allow.push(parse_network(item)?);
            }
            config.turn.allow = allow;
            Ok(())
        },
    },
    Setting {
        key: "turn_ports",
        default: "49152-65535",
        unit: "first-last",
        about: "The UDP ports of relayed addresses, which a firewall must let through.",
        apply: |config, value| {
            let refusal = || format!("must be two ports from 1024 to 65535, like 49152-65535, not {value:?}");
            let (first, last) = value.split_once('-').ok_or_else(refusal)?;
            let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port >= 1024).ok_or_else(refusal);
            let (first, last) = (port(first)?, port(last)?);
            if first > last {
                return Err(refusal());
            }
            config.turn.ports = first..=last;
            Ok(())
        },
    },
    Setting {
        key: "turn_credential_ttl_s",
        default: "3600",
        unit: "seconds",
        about: "Life of TURN credentials; devices that are connected get new ones in time.",
        apply: |config, value| seconds_into(&mut config.turn.credential_ttl, value, 10, 86_400),
    },
    Setting {
        key: "turn_allocations",
        default: "4096",
        unit: "addresses",
        about: "Relayed addresses at once; each takes a port and an open file.",
        apply: |config, value| number_into(&mut config.turn.allocations_max, value, 1, 60_000),
    },
    Setting {
        key: "turn_allocations_per_account",
        default: "128",
        unit: "addresses",
        about: "Relayed addresses of one account at once. A device takes one for each of its links and networks.",
        apply: |config, value| number_into(&mut config.turn.allocations_per_account_max, value, 1, 60_000),
    },
    Setting {
        key: "turn_bytes_per_second_per_account",
        default: "12500000",
        unit: "bytes a second",
        about: "What TURN relays for one account, both ways together; what is more is lost.",
        apply: |config, value| {
            number_into(&mut config.turn.bytes_per_second_per_account, value, 10_000, 1_000_000_000_000)
        },
    },
    Setting {
        key: "access_token_ttl_s",
        default: "900",
        unit: "seconds",
        about: "Life of an access token.",
        apply: |config, value| seconds_into(&mut config.access_token_ttl, value, 30, 86_400),
    },
    Setting {
        key: "refresh_token_ttl_days",
        default: "90",
        unit: "days",
        about: "How long a device may stay away and still be signed in.",
        apply: |config, value| {
            let mut days = 0_u64;
            number_into(&mut days, value, 1, 3_650)?;
            config.refresh_token_ttl = Duration::from_secs(days * 86_400);
            Ok(())
        },
    },
    Setting {
        key: "refresh_grace_s",
        default: "30",
        unit: "seconds",
        about: "How long a used refresh token may be repeated without counting as stolen.",
        apply: |config, value| seconds_into(&mut config.refresh_grace, value, 0, 600),
    },
    Setting {
        key: "shutdown_grace_s",
        default: "8",
        unit: "seconds",
        about: "How long a stop waits for connections to end.",
        apply: |config, value| seconds_into(&mut config.shutdown_grace, value, 0, 60),
    },
    Setting {
        key: "shutdown_retry_spread_s",
        default: "6",
        unit: "seconds",
        about: "Over how long clients are asked to spread their return after a stop.",
        apply: |config, value| seconds_into(&mut config.shutdown_retry_spread, value, 0, 600),
    },
];

/// Why the settings cannot be used. Nothing was opened or changed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("The configuration file {path} cannot be read: {cause}. Name another with --config, or leave it away.")]
    Unreadable { path: String, cause: String },
    #[error("The configuration file {path} is not TOML: {cause}.")]
    Malformed { path: String, cause: String },
    #[error(
        "The configuration file {path} has a setting {key:?} that does not exist. `momoland-server --help` lists them."
    )]
    UnknownKey { path: String, key: String },
    #[error("The setting {key} ({source_name}) {cause}.")]
    BadValue { key: &'static str, source_name: String, cause: String },
    #[error(
        "TURN is elsewhere (MOMOLAND_TURN_LISTEN is off and MOMOLAND_TURN_PUBLIC is set), but MOMOLAND_TURN_SECRET is \
         not set: give the secret that the TURN server there has."
    )]
    TurnElsewhereWithoutSecret,
    #[error("Registration is by invite, but no code is set: set MOMOLAND_INVITE_CODES, or another registration.")]
    InviteWithoutCodes,
}

impl Config {
    /// The settings from `file`, if given, and from `environment`, over the defaults.
    ///
    /// # Errors
    /// A [`ConfigError`] whose sentence names the setting and where it came from.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::standard();
        if let Some(path) = file {
            config.apply_file(path)?;
        }
        for (name, value) in environment {
            let Some(setting) = SETTINGS.iter().find(|setting| setting.environment_name() == name) else { continue };
            config.apply(setting, &value, &name)?;
        }
        config.check()?;
        Ok(config)
    }

    /// The settings of a server that was told nothing.
    pub fn standard() -> Self {
        let mut config = Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7420)),
            data: PathBuf::new(),
            log: String::new(),
            name: String::new(),
            admin: None,
            registration: Registration::Open,
            invite_codes: BTreeSet::new(),
            cors_origins: BTreeSet::new(),
            trusted_proxies: Vec::new(),
            limits: Limits {
                connections_max: 0,
                connections_per_address_max: 0,
                body_bytes_max: 0,
                header_timeout: Duration::ZERO,
                body_timeout: Duration::ZERO,
                stall_timeout: Duration::ZERO,
                handshake_timeout: Duration::ZERO,
                registrations_per_minute: 0,
                login_failures_per_account_per_minute: 0,
                login_failures_per_address_per_minute: 0,
                requests_per_minute: 0,
                connects_per_minute: 0,
                devices_per_account_max: 0,
                password_threads: 0,
                password_queue_max: 0,
            },
            turn: TurnSettings {
                listen: TurnListen::WithServer,
                public: None,
                secret: None,
                allow: Vec::new(),
                ports: 0..=0,
                credential_ttl: Duration::ZERO,
                allocations_max: 0,
                allocations_per_account_max: 0,
                bytes_per_second_per_account: 0,
            },
            access_token_ttl: Duration::ZERO,
            refresh_token_ttl: Duration::ZERO,
            refresh_grace: Duration::ZERO,
            shutdown_grace: Duration::ZERO,
            shutdown_retry_spread: Duration::ZERO,
        };
        for setting in SETTINGS {
            // The defaults stand in the table above, and `every_default_is_a_value_its_setting_takes` holds them there.
            let applied = (setting.apply)(&mut config, setting.default);
            debug_assert!(applied.is_ok(), "the default of {} is refused: {applied:?}", setting.key);
        }
        config
    }

    /// Variables that look like settings of ours and are none: most likely misspelt.
    pub fn unknown_variables(environment: impl IntoIterator<Item = (String, String)>) -> Vec<String> {
        let known: BTreeSet<String> = SETTINGS.iter().map(Setting::environment_name).collect();
        environment
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| name.starts_with(ENVIRONMENT_PREFIX) && !known.contains(name))
            .collect()
    }

    fn apply_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let shown = path.display().to_string();
        let unreadable = |cause: String| ConfigError::Unreadable { path: shown.clone(), cause };
        let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
        if size > FILE_BYTES_MAX {
            return Err(unreadable(format!("it is larger than {FILE_BYTES_MAX} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| ConfigError::Malformed {
            path: shown.clone(),
            cause: one_line(&error),
        })?;
        for (key, value) in table {
            let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) else {
                return Err(ConfigError::UnknownKey { path: shown, key });
            };
            let text = text_of(&value).map_err(|cause| ConfigError::BadValue {
                key: setting.key,
                source_name: shown.clone(),
                cause,
            })?;
            self.apply(setting, &text, &shown)?;
        }
        Ok(())
    }

    fn apply(&mut self, setting: &'static Setting, value: &str, source: &str) -> Result<(), ConfigError> {
        (setting.apply)(self, value.trim()).map_err(|cause| ConfigError::BadValue {
            key: setting.key,
            source_name: source.to_owned(),
            cause,
        })
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.registration == Registration::Invite && self.invite_codes.is_empty() {
            return Err(ConfigError::InviteWithoutCodes);
        }
        let elsewhere = self.turn.listen == TurnListen::Off && self.turn.public.is_some();
        if elsewhere && self.turn.secret.is_none() {
            return Err(ConfigError::TurnElsewhereWithoutSecret);
        }
        Ok(())
    }
}

impl Registration {
    /// The word for it in the configuration and in `/.well-known/momoland`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Invite => "invite",
            Self::Closed => "closed",
        }
    }
}

impl Setting {
    /// The environment variable that sets it.
    pub fn environment_name(&self) -> String {
        format!("{ENVIRONMENT_PREFIX}{}", self.key.to_uppercase())
    }
}

/// What `--help` prints below the usage line.
pub fn describe_settings() -> String {
    let mut text = String::new();
    for setting in SETTINGS {
        let default = if setting.default.is_empty() { "none" } else { setting.default };
        text.push_str(&format!(
            "  {} / {}\n      {} [{}; default: {}]\n",
            setting.environment_name(),
            setting.key,
            setting.about,
            setting.unit,
            default
        ));
    }
    text
}

fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// A value of the file in the form that the environment would give it.
fn text_of(value: &toml::Value) -> Result<String, String> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Array(values) => {
            let mut texts = Vec::with_capacity(values.len());
            for value in values {
                match value {
                    toml::Value::String(text) if !text.contains(',') => texts.push(text.clone()),
                    _ => return Err("must be a list of strings without commas".to_owned()),
                }
            }
            Ok(texts.join(","))
        }
        toml::Value::Boolean(_) | toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => {
            Err("must be a string, a whole number or a list of strings".to_owned())
        }
    }
}

fn one_line(error: &toml::de::Error) -> String {
    error.message().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn parse_into<T: std::str::FromStr>(place: &mut T, value: &str, form: &str) -> Result<(), String> {
    *place = value.parse().map_err(|_| format!("must be {form}, not {value:?}"))?;
    Ok(())
}

fn number_into<T>(place: &mut T, value: &str, min: T, max: T) -> Result<(), String>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display + Copy,
{
    let refusal = || format!("must be a whole number from {min} to {max}, not {value:?}");
    let number: T = value.parse().map_err(|_| refusal())?;
    if number < min || number > max {
        return Err(refusal());
    }
    *place = number;
    Ok(())
}

fn seconds_into(place: &mut Duration, value: &str, min: u64, max: u64) -> Result<(), String> {
    let mut seconds = 0;
    number_into(&mut seconds, value, min, max)?;
    *place = Duration::from_secs(seconds);
    Ok(())
}

/// An origin as browsers serialise it (RFC 6454 §6.2): scheme, host, port unless it is the scheme's own, nothing after.
fn parse_origin(text: &str) -> Result<String, String> {
    let refusal = || format!("has {text:?}, which is not an origin like https://chat.example.org");
    let (scheme, rest) = text.split_once("://").ok_or_else(refusal)?;
    let scheme_fits = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c));
    let rest_fits = !rest.is_empty()
        && rest.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:[]".contains(c))
        && !rest.ends_with(':');
    if scheme_fits && rest_fits { Ok(text.to_owned()) } else { Err(refusal()) }
}

/// A name or an address, with a port or without; an IPv6 address with a port is in brackets (RFC 3986 §3.2.2).
fn parse_host(text: &str) -> Result<(String, Option<u16>), String> {
    let refusal = || format!("must be a host, or a host and a port like turn.example.org:3478, not {text:?}");
    if let Ok(address) = text.parse::<SocketAddr>() {
        return if address.port() == 0 { Err(refusal()) } else { Ok((address.ip().to_string(), Some(address.port()))) };
    }
    if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>() {
        return Ok((address.to_string(), None));
    }
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(port.parse().ok().filter(|port| *port != 0).ok_or_else(refusal)?)),
        None => (text, None),
    };
    let fits = !name.is_empty()
        && name.len() <= 253
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.' || c == '_');
    if fits { Ok((name.to_owned(), port)) } else { Err(refusal()) }
}

fn parse_network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| format!("has {text:?}, which is neither an address nor a range like 10.0.0.0/8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_environment(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::load(None, pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    fn from_file(text: &str) -> Result<Config, ConfigError> {
        let file = written(text);
        Config::load(Some(file.path()), [])
    }

    fn written(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn every_default_is_a_value_its_setting_takes() {
        let mut config = Config::standard();
        for setting in SETTINGS {
            assert_eq!((setting.apply)(&mut config, setting.default), Ok(()), "{}", setting.key);
        }
    }

    #[test]
    fn nothing_said_gives_a_server_on_loopback() {
        let config = from_environment(&[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:7420");
        assert_eq!(config.data, PathBuf::from("./momoland-data"));
        assert_eq!(config.registration, Registration::Open);
        assert_eq!(config.limits.registrations_per_minute, 120);
        assert_eq!(config.limits.connects_per_minute, 2000);
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "listen = \"127.0.0.1:1\"\nname = \"From the file\"\nmax_connections = 9").unwrap();
        let environment = [("MOMOLAND_LISTEN".to_owned(), "127.0.0.1:2".to_owned())];
        let config = Config::load(Some(file.path()), environment).unwrap();
        assert_eq!(config.listen.port(), 2);
        assert_eq!(config.name, "From the file");
        assert_eq!(config.limits.connections_max, 9);
    }

    #[test]
    fn a_list_is_an_array_in_the_file_and_commas_in_the_environment() {
        let by_file = from_file("cors_origins = [\"https://a.example\", \"http://b.example:81\"]").unwrap();
        let by_environment =
            from_environment(&[("MOMOLAND_CORS_ORIGINS", "https://a.example, http://b.example:81")]).unwrap();
        assert_eq!(by_file.cors_origins, by_environment.cors_origins);
        assert_eq!(by_file.cors_origins.len(), 2);
    }

    #[test]
    fn unknown_keys_and_bad_values_are_refused_with_a_sentence() {
        for (text, says) in [
            ("lisen = \"127.0.0.1:1\"", "does not exist"),
            ("listen = \"localhost\"", "The setting listen"),
            ("listen = 5", "The setting listen"),
            ("listen = [", "is not TOML"),
            ("[limits]\nx = 1", "does not exist"),
            ("name = true", "must be a string"),
            ("max_connections = 0", "whole number from 1"),
            ("max_connections = -1", "whole number from 1"),
            ("registration = \"maybe\"", "open, invite or closed"),
            ("registration = \"invite\"", "no code is set"),
            ("registration = \"invite\"\ninvite_codes = [\"short\"]", "fewer than 8"),
            ("cors_origins = [\"*\"]", "not an origin"),
            ("cors_origins = [\"null\"]", "not an origin"),
            ("cors_origins = [\"https://a.example/\"]", "not an origin"),
            ("cors_origins = [\"https://A.example\"]", "not an origin"),
            ("trusted_proxies = [\"10.0.0.0/33\"]", "neither an address nor a range"),
            ("admin = \"a b\"", "The setting admin"),
            ("turn_listen = \"here\"", "or off"),
            ("turn_public = \"a b\"", "must be a host"),
            ("turn_public = \"a.example:0\"", "must be a host"),
            ("turn_public = \"http://a.example\"", "must be a host"),
            ("turn_secret = \"short\"", "at least 16"),
            ("turn_allow = [\"everywhere\"]", "neither an address nor a range"),
            ("turn_ports = \"60000-50000\"", "two ports"),
            ("turn_ports = \"80-90\"", "two ports"),
            ("turn_listen = \"off\"\nturn_public = \"a.example\"", "MOMOLAND_TURN_SECRET is not set"),
            ("log = \"=[\"", "not a log filter"),
        ] {
            let sentence = from_file(text).unwrap_err().to_string();
            assert!(sentence.contains(says), "{text}: {sentence}");
            assert!(sentence.ends_with('.') && !sentence.contains('\n'), "{text}: {sentence}");
        }
        let absent = Config::load(Some(Path::new("/nowhere/momoland.toml")), []).unwrap_err().to_string();
        assert!(absent.contains("cannot be read"), "{absent}");
    }

    #[test]
    fn where_turn_is_found_is_a_host_with_or_without_a_port() {
        for (text, host, port) in [
            ("turn.example.org", "turn.example.org", None),
            ("turn.example.org:3478", "turn.example.org", Some(3478)),
            ("192.0.2.1", "192.0.2.1", None),
            ("192.0.2.1:5000", "192.0.2.1", Some(5000)),
            ("2001:db8::1", "2001:db8::1", None),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("[2001:db8::1]:5000", "2001:db8::1", Some(5000)),
        ] {
            let config = from_environment(&[("MOMOLAND_TURN_PUBLIC", text)]).unwrap();
            assert_eq!(config.turn.public, Some((host.to_owned(), port)), "{text}");
        }
    }

    #[test]
    fn a_misspelt_variable_is_noticed() {
        let environment = [("MOMOLAND_LISTN", "x"), ("MOMOLAND_LISTEN", "x"), ("HOME", "x")];
        let pairs = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(Config::unknown_variables(pairs), ["MOMOLAND_LISTN"]);
    }
}
