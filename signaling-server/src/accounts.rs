pub mod handles;
pub mod passwords;
pub mod signing_keys;
pub mod tokens;
