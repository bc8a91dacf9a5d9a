//! What the log promises, over memory and over sled.
