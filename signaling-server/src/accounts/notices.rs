//! Notices: what happened to accounts, for the connections that it concerns.

use momoland_protocol::id::{AccountId, DeviceId};
use tokio::sync::broadcast;

/// Notices that a listener may be behind. Beyond, it misses some and is told so: it then asks `Accounts::is_signed_in`
/// for each of its connections, since a revocation must not be lost.
const BEHIND_MAX: usize = 1024;

/// Something happened to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Its display name is another.
    ProfileChanged { account: AccountId },
    /// It has one more device.
    DeviceAdded { account: AccountId, device: DeviceId },
    /// An administrator told it something, or everybody where there is none.
    Told { account: Option<AccountId> },
    /// A device is no longer signed in: its connections end.
    SignedOut { account: AccountId, device: DeviceId, reason: SignOut },
}

/// Why a device is no longer signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignOut {
    /// It logged out itself.
    LoggedOut,
    /// The password was changed on another device.
    PasswordChanged,
    /// The account revoked it, for ever.
    Revoked,
    /// One of its retired refresh tokens came again.
    TokenReused,
}

/// Where notices are sent and listened to.
#[derive(Debug, Clone)]
pub struct Notices(broadcast::Sender<Notice>);

impl Notices {
    pub fn new() -> Self {
        Self(broadcast::Sender::new(BEHIND_MAX))
    }

    /// Listens from now on. `RecvError::Lagged` means that notices were missed, see [`BEHIND_MAX`].
    pub fn listen(&self) -> broadcast::Receiver<Notice> {
        self.0.subscribe()
    }

    pub(super) fn send(&self, notice: Notice) {
        // No listener means that nobody is connected.
        let _ = self.0.send(notice);
    }
}

impl Default for Notices {
    fn default() -> Self {
        Self::new()
    }
}
