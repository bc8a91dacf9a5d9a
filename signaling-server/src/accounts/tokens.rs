//! Tokens: short-lived access tokens that anybody can check, and refresh tokens that are used once.
//!
//! An **access token** is a JWT (RFC 7519) signed with EdDSA (RFC 8037) by the token key. It names the account, the
//! device and the family of refresh tokens it came with, and is good for minutes. Whoever accepts one also asks
//! `Accounts::session` whether the family is still alive, so that a log-out counts at once.
//!
//! A **refresh token** is `device ‖ family ‖ secret ‖ mark`. The secret is 256 random bits, of which only a hash is
//! kept; the mark is a MAC under a key of the server, so that a made-up token is told from an old one and cannot end
//! anybody's session. Using a token retires it and makes its successor. What the store keeps of the successor beside
//! its hash is its secret under a pad derived from the retired secret: so whoever repeats the retired token within the
//! grace (20 parallel requests, an answer that was lost) gets the *same* successor, over a restart too, and the store
//! alone gives nobody a token. A retired token after the grace is a stolen one: see `Accounts::refresh`.
//!
//! # Invariants
//! 1. Only EdDSA by the key of our key id, our issuer and audience, within its time, is accepted. Tests:
//!    `only_our_own_tokens_within_their_time_are_accepted` and those over the socket.
//! 2. A family has one good token at any time. Test: `a_repeat_within_the_grace_gives_the_same_successor`.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use momoland_protocol::id::{AccountId, DeviceId, random};
use momoland_protocol::limits::ACCESS_TOKEN_BYTES_MAX;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::signing_keys::SigningKeys;
use crate::clock::Clock;
use crate::records::{RetiredToken, TokenFamily};

/// Whom access tokens are for.
const AUDIENCE: &str = "momoland";

/// How far another clock may be off, seconds. Tokens are checked by the server that made them, so this only covers its
/// own clock being set.
const LEEWAY_S: u64 = 5;

/// Retired tokens of one family that are remembered, while their grace lasts. More: the oldest loses its grace.
const RETIRED_MAX: usize = 8;

const SECRET_BYTES: usize = 32;
const MARK_BYTES: usize = 16;
const REFRESH_BYTES: usize = DeviceId::LENGTH + FAMILY_BYTES + SECRET_BYTES + MARK_BYTES;
const FAMILY_BYTES: usize = 16;

const HASH_CONTEXT: &str = "momoland server 1: refresh token hash";
const PAD_CONTEXT: &str = "momoland server 1: refresh token successor";

/// The claims of an access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    /// The account.
    sub: String,
    device: String,
    /// The family of refresh tokens.
    sid: String,
    iat: u64,
    nbf: u64,
    exp: u64,
    jti: String,
}

/// What an access token says, its signature, issuer, audience and time checked. Not yet whether it is still signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessToken {
    pub account: AccountId,
    pub device: DeviceId,
    pub family: FamilyId,
    pub expires_at_ms: u64,
}

/// The name of a family of refresh tokens.
pub type FamilyId = [u8; FAMILY_BYTES];

/// A refresh token whose mark is ours.
pub struct RefreshToken {
    pub device: DeviceId,
    pub family: FamilyId,
    secret: Secret,
}

type Secret = Zeroizing<[u8; SECRET_BYTES]>;

/// Why a token was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of this server, or not signed as ours are.
    #[error("This is not a token of this server.")]
    Foreign,
    #[error("The access token has expired; refresh it.")]
    Expired,
    /// From the future: the server's clock was set back, or somebody else made it.
    #[error("The access token is not valid yet.")]
    TooEarly,
}

/// There is no key to sign with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an access token could not be made: {0}")]
pub struct SigningFailed(String);

/// Makes and checks tokens.
pub struct Tokens {
    clock: Clock,
    issuer: String,
    key_id: String,
    signs: EncodingKey,
    checks: DecodingKey,
    validation: Validation,
    mark_key: Zeroizing<[u8; 32]>,
    access_ttl: Duration,
}

/// What a retired token is worth.
#[derive(Debug)]
pub(super) enum Standing {
    /// It is the good one: it may be rotated.
    Current,
    /// It was used within the grace; this is the good one now.
    Repeated(SecretOfSuccessor),
    /// It was used before the grace, or its successor was used long ago: somebody has an old copy.
    Reused,
}

/// The good token's secret, found through a predecessor.
pub(super) struct SecretOfSuccessor(Secret);

impl Tokens {
    /// # Errors
    /// [`SigningFailed`] where the key cannot be put into the form that signing needs.
    pub fn new(clock: Clock, keys: &SigningKeys, access_ttl: Duration) -> Result<Self, SigningFailed> {
        let issuer = keys.server_key().to_string();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[&issuer]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // The times are checked below, by our own clock: the library asks the machine's.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Ok(Self {
            clock,
            issuer,
            key_id: keys.token_key_id(),
            signs: EncodingKey::from_ed_der(&keys.token_pkcs8().map_err(SigningFailed)?),
            checks: DecodingKey::from_ed_der(&keys.token_public()),
            validation,
            mark_key: keys.refresh_mark_key(),
            access_ttl,
        })
    }

    /// How long an access token is good.
    pub fn access_ttl(&self) -> Duration {
        self.access_ttl
    }

    /// A fresh access token.
    ///
    /// # Errors
    /// [`SigningFailed`].
    pub fn issue_access(
        &self,
        account: AccountId,
        device: DeviceId,
        family: FamilyId,
    ) -> Result<String, SigningFailed> {
        let now_s = self.clock.unix_ms() / 1000;
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            sub: account.to_string(),
            device: device.to_string(),
            sid: URL_SAFE_NO_PAD.encode(family),
            iat: now_s,
            nbf: now_s,
            exp: now_s.saturating_add(self.access_ttl.as_secs()),
            jti: URL_SAFE_NO_PAD.encode(random::<16>()),
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.key_id.clone());
        jsonwebtoken::encode(&header, &claims, &self.signs).map_err(|error| SigningFailed(error.to_string()))
    }

    /// Checks an access token.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn check_access(&self, token: &str) -> Result<AccessToken, TokenError> {
        if token.len() > ACCESS_TOKEN_BYTES_MAX {
            return Err(TokenError::Foreign);
        }
        let foreign = |_| TokenError::Foreign;
        let header = jsonwebtoken::decode_header(token).map_err(foreign)?;
        if header.kid.as_deref() != Some(&self.key_id) {
            return Err(TokenError::Foreign);
        }
        let claims: Claims = jsonwebtoken::decode(token, &self.checks, &self.validation).map_err(foreign)?.claims;
        let now_s = self.clock.unix_ms() / 1000;
        if now_s >= claims.exp.saturating_add(LEEWAY_S) {
            return Err(TokenError::Expired);
        }
        if claims.nbf.max(claims.iat) > now_s.saturating_add(LEEWAY_S) {
            return Err(TokenError::TooEarly);
        }
        let family = URL_SAFE_NO_PAD.decode(&claims.sid).map_err(|_| TokenError::Foreign)?;
        Ok(AccessToken {
            account: claims.sub.parse().map_err(|_| TokenError::Foreign)?,
            device: claims.device.parse().map_err(|_| TokenError::Foreign)?,
            family: family.try_into().map_err(|_| TokenError::Foreign)?,
            expires_at_ms: claims.exp.saturating_mul(1000),
        })
    }

    /// Reads a refresh token. That its mark is ours says that it was good once, not that it still is.
    ///
    /// # Errors
    /// [`TokenError::Foreign`].
    pub fn read_refresh(&self, token: &str) -> Result<RefreshToken, TokenError> {
        // The longest text that can be one, so that a megabyte is not decoded.
        if token.len() > REFRESH_BYTES * 2 {
            return Err(TokenError::Foreign);
        }
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(token).map_err(|_| TokenError::Foreign)?);
        let (marked, mark) = bytes.split_last_chunk::<MARK_BYTES>().ok_or(TokenError::Foreign)?;
        // Compared as hashes, in a time that does not depend on how much of it is right.
        if blake3::hash(mark) != blake3::hash(&self.mark(marked)) {
            return Err(TokenError::Foreign);
        }
        let (device, rest) = marked.split_first_chunk().ok_or(TokenError::Foreign)?;
        let (family, secret) = rest.split_first_chunk().ok_or(TokenError::Foreign)?;
        let secret = Zeroizing::new(secret.try_into().map_err(|_| TokenError::Foreign)?);
        Ok(RefreshToken { device: DeviceId(*device), family: *family, secret })
    }

    /// A new family, and the text of its first token.
    pub(super) fn start_family(&self, device: DeviceId) -> (TokenFamily, String) {
        let secret = Zeroizing::new(random());
        let family = TokenFamily {
            id: random(),
            used_at_ms: self.clock.unix_ms(),
            current: hash_of(&secret),
            retired: Vec::new(),
        };
        let text = self.write_refresh(device, family.id, &secret);
        (family, text)
    }

    /// Retires `token`, which must be the family's current one; the text of its successor.
    pub(super) fn rotate(&self, family: &mut TokenFamily, token: &RefreshToken, grace: Duration) -> String {
        let now_ms = self.clock.unix_ms();
        let successor: Secret = Zeroizing::new(random());
        family.retired.retain(|retired| within(grace, retired.at_ms, now_ms));
        if family.retired.len() == RETIRED_MAX {
            family.retired.remove(0);
        }
        family.retired.push(RetiredToken {
            hash: family.current,
            at_ms: now_ms,
            sealed_successor: *seal(&token.secret, &successor),
        });
        family.current = hash_of(&successor);
        family.used_at_ms = now_ms;
        self.write_refresh(token.device, family.id, &successor)
    }

    /// What `token` is worth to its family.
    pub(super) fn standing(&self, family: &TokenFamily, token: &RefreshToken, grace: Duration) -> Standing {
        let hash = hash_of(&token.secret);
        if equal(&hash, &family.current) {
            return Standing::Current;
        }
        let now_ms = self.clock.unix_ms();
        let Some(place) = family.retired.iter().position(|retired| equal(&retired.hash, &hash)) else {
            return Standing::Reused;
        };
        let mut chain = family.retired.iter().skip(place).peekable();
        if !chain.peek().is_some_and(|retired| within(grace, retired.at_ms, now_ms)) {
            return Standing::Reused;
        }
        let mut secret = token.secret.clone();
        for retired in chain {
            secret = seal(&secret, &retired.sealed_successor);
        }
        // Each link unseals the next; a chain that does not end at the good token is damaged, and grants nothing.
        if equal(&hash_of(&secret), &family.current) {
            Standing::Repeated(SecretOfSuccessor(secret))
        } else {
            Standing::Reused
        }
    }

    /// The text of the good token that a repeat found.
    pub(super) fn write_successor(&self, token: &RefreshToken, successor: &SecretOfSuccessor) -> String {
        self.write_refresh(token.device, token.family, &successor.0)
    }

    fn write_refresh(&self, device: DeviceId, family: FamilyId, secret: &Secret) -> String {
        let mut bytes = Zeroizing::new(Vec::with_capacity(REFRESH_BYTES));
        bytes.extend_from_slice(device.as_bytes());
        bytes.extend_from_slice(&family);
        bytes.extend_from_slice(secret.as_slice());
        let mark = self.mark(&bytes);
        bytes.extend_from_slice(&mark);
        URL_SAFE_NO_PAD.encode(bytes.as_slice())
    }

    fn mark(&self, bytes: &[u8]) -> [u8; MARK_BYTES] {
        let mac = blake3::keyed_hash(&self.mark_key, bytes);
        mac.as_bytes().first_chunk().copied().unwrap_or_default()
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("issuer", &self.issuer).field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefreshToken").field("device", &self.device).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SecretOfSuccessor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretOfSuccessor(…)")
    }
}

fn hash_of(secret: &Secret) -> [u8; 32] {
    blake3::derive_key(HASH_CONTEXT, secret.as_slice())
}

/// A one-time pad: secrets are random and each seals one successor only. Its own inverse.
fn seal(under: &Secret, successor: &[u8; SECRET_BYTES]) -> Secret {
    let pad = Zeroizing::new(blake3::derive_key(PAD_CONTEXT, under.as_slice()));
    let mut sealed = Zeroizing::new(*successor);
    for (byte, pad) in sealed.iter_mut().zip(pad.iter()) {
        *byte ^= pad;
    }
    sealed
}

/// In a time that does not depend on where they differ.
fn equal(a: &[u8; 32], b: &[u8; 32]) -> bool {
    blake3::Hash::from_bytes(*a) == blake3::Hash::from_bytes(*b)
}

fn within(grace: Duration, at_ms: u64, now_ms: u64) -> bool {
    Duration::from_millis(now_ms.saturating_sub(at_ms)) <= grace
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::clock::ManualClock;

    const GRACE: Duration = Duration::from_secs(30);
    const NOW_MS: u64 = 1_790_000_000_000;

    fn world() -> (Tokens, SigningKeys, ManualClock) {
        let (clock, hand) = Clock::manual(NOW_MS);
        let keys = SigningKeys::generate();
        let tokens = Tokens::new(clock, &keys, Duration::from_secs(900)).unwrap();
        (tokens, keys, hand)
    }

    fn claims(keys: &SigningKeys) -> Value {
        let now_s = NOW_MS / 1000;
        json!({
            "iss": keys.server_key().to_string(), "aud": AUDIENCE, "sub": AccountId([1; 16]).to_string(),
            "device": DeviceId([2; 32]).to_string(), "sid": URL_SAFE_NO_PAD.encode([3; 16]),
            "iat": now_s, "nbf": now_s, "exp": now_s + 900, "jti": "x",
        })
    }

    fn signed(keys: &SigningKeys, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(keys.token_key_id());
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_der(&keys.token_pkcs8().unwrap())).unwrap()
    }

    #[test]
    fn an_access_token_says_who_it_is_for() {
        let (tokens, _keys, hand) = world();
        let text = tokens.issue_access(AccountId([1; 16]), DeviceId([2; 32]), [3; 16]).unwrap();
        let token = tokens.check_access(&text).unwrap();
        assert_eq!((token.account, token.device, token.family), (AccountId([1; 16]), DeviceId([2; 32]), [3; 16]));
        assert_eq!(token.expires_at_ms, NOW_MS + 900_000);
        hand.advance(Duration::from_secs(904));
        assert!(tokens.check_access(&text).is_ok(), "within the leeway");
        hand.advance(Duration::from_secs(1));
        assert_eq!(tokens.check_access(&text), Err(TokenError::Expired));
    }

    #[test]
    fn only_our_own_tokens_within_their_time_are_accepted() {
        let (tokens, keys, _hand) = world();
        let good = claims(&keys);
        assert!(tokens.check_access(&signed(&keys, &good)).is_ok());
        let now_s = NOW_MS / 1000;
        for (claim, value, error) in [
            ("iss", json!("somebody"), TokenError::Foreign),
            ("aud", json!("else"), TokenError::Foreign),
            ("sub", json!("nobody"), TokenError::Foreign),
            ("device", json!("ab"), TokenError::Foreign),
            ("sid", json!("short"), TokenError::Foreign),
            ("exp", json!(now_s - 5), TokenError::Expired),
            ("exp", json!("soon"), TokenError::Foreign),
            ("nbf", json!(now_s + 6), TokenError::TooEarly),
            ("iat", json!(now_s + 6), TokenError::TooEarly),
        ] {
            let mut bad = good.clone();
            bad[claim] = value;
            assert_eq!(tokens.check_access(&signed(&keys, &bad)), Err(error), "{claim}");
        }
        for claim in ["iss", "aud", "sub", "device", "sid", "exp", "nbf", "iat", "jti"] {
            let mut bad = good.clone();
            bad.as_object_mut().unwrap().remove(claim);
            assert_eq!(tokens.check_access(&signed(&keys, &bad)), Err(TokenError::Foreign), "without {claim}");
        }
        let stranger = SigningKeys::generate();
        assert_eq!(tokens.check_access(&signed(&stranger, &good)), Err(TokenError::Foreign), "another key");
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(keys.token_key_id());
        let by_stranger = EncodingKey::from_ed_der(&stranger.token_pkcs8().unwrap());
        let forged = jsonwebtoken::encode(&header, &good, &by_stranger).unwrap();
        assert_eq!(tokens.check_access(&forged), Err(TokenError::Foreign), "another key under our key id");
        for text in ["", "a", "a.b", "a.b.c", "....", &"x".repeat(100_000)] {
            assert_eq!(tokens.check_access(text), Err(TokenError::Foreign));
        }
    }

    #[test]
    fn other_algorithms_are_refused() {
        let (tokens, keys, _hand) = world();
        let body = URL_SAFE_NO_PAD.encode(claims(&keys).to_string());
        let head = |alg: &str| {
            URL_SAFE_NO_PAD.encode(json!({ "alg": alg, "typ": "JWT", "kid": keys.token_key_id() }).to_string())
        };
        for text in [format!("{}.{body}.", head("none")), format!("{}.{body}.AAAA", head("None"))] {
            assert_eq!(tokens.check_access(&text), Err(TokenError::Foreign));
        }
        // The public key, which everybody has, as the secret of a MAC: in each form in which it is published.
        let public = keys.token_public();
        let published = URL_SAFE_NO_PAD.encode(public);
        for secret in [&public[..], published.as_bytes()] {
            let mut header = Header::new(Algorithm::HS256);
            header.kid = Some(keys.token_key_id());
            let forged = jsonwebtoken::encode(&header, &claims(&keys), &EncodingKey::from_secret(secret)).unwrap();
            assert_eq!(tokens.check_access(&forged), Err(TokenError::Foreign));
        }
    }

    #[test]
    fn a_repeat_within_the_grace_gives_the_same_successor() {
        let (tokens, _keys, hand) = world();
        let device = DeviceId([2; 32]);
        let (mut family, first) = tokens.start_family(device);
        let first = tokens.read_refresh(&first).unwrap();
        assert!(matches!(tokens.standing(&family, &first, GRACE), Standing::Current));
        let second = tokens.rotate(&mut family, &first, GRACE);
        hand.advance(Duration::from_secs(5));
        let Standing::Repeated(found) = tokens.standing(&family, &first, GRACE) else { panic!("a repeat") };
        assert_eq!(tokens.write_successor(&first, &found), second);

        let second = tokens.read_refresh(&second).unwrap();
        let third = tokens.rotate(&mut family, &second, GRACE);
        let Standing::Repeated(found) = tokens.standing(&family, &first, GRACE) else { panic!("over two steps") };
        assert_eq!(tokens.write_successor(&first, &found), third);

        hand.advance(Duration::from_millis(25_001));
        assert!(matches!(tokens.standing(&family, &first, GRACE), Standing::Reused));
        assert!(matches!(tokens.standing(&family, &second, GRACE), Standing::Repeated(_)));
        let third = tokens.read_refresh(&third).unwrap();
        assert!(matches!(tokens.standing(&family, &third, GRACE), Standing::Current));
    }

    #[test]
    fn the_memory_of_a_family_is_bounded() {
        let (tokens, _keys, _hand) = world();
        let (mut family, mut text) = tokens.start_family(DeviceId([2; 32]));
        let mut all = Vec::new();
        for _ in 0..20 {
            let token = tokens.read_refresh(&text).unwrap();
            text = tokens.rotate(&mut family, &token, GRACE);
            all.push(token);
            assert!(family.retired.len() <= RETIRED_MAX);
        }
        assert!(matches!(tokens.standing(&family, &all[0], GRACE), Standing::Reused));
        assert!(matches!(tokens.standing(&family, &all[19], GRACE), Standing::Repeated(_)));
    }

    #[test]
    fn a_made_up_refresh_token_is_foreign() {
        let (tokens, _keys, _hand) = world();
        let (_, text) = tokens.start_family(DeviceId([2; 32]));
        let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(tokens.read_refresh(&URL_SAFE_NO_PAD.encode(&changed)).is_err(), "byte {place}");
        }
        for text in ["", "AA", &text[..text.len() - 4], &format!("{text}AAAA"), &"A".repeat(1_000_000), "\u{e9}"] {
            assert!(tokens.read_refresh(text).is_err());
        }
        let (others, _, _) = world();
        assert!(others.read_refresh(&text).is_err(), "another server's");
    }
}
