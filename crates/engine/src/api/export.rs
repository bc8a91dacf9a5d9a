//! The API's types as TypeScript, for `ui/src/client/types.gen.ts`.

use ts_rs::{Config, TS};

use crate::api::error::ErrorKind;
use crate::api::events::Event;
use crate::api::types::*;

const HEADER: &str = "// Generated from crates/engine/src/api by ./dev bless; not to be edited.\n";

/// The whole file.
pub fn typescript() -> String {
    let config = Config::default();
    let mut file = HEADER.to_owned();
    macro_rules! declare {
        ($($name:ident,)+) => {
            $(
                file.push_str("\nexport ");
                file.push_str(&$name::decl(&config));
                file.push('\n');
            )+
        };
    }
    declare! {
        DeliveryState, PeerPath, ServerState, PeerPolicy, PresenceStatus, RoomKind, Visibility, Role, NoParams, Done,
        RegisterParams, LoginParams, SignedIn, LogoutParams, Whoami, OwnAccount, Devices, Device, DeviceParams,
        ProfileParams, ChangePasswordParams, NetStatus, DoctorParams, Diagnosis, Check, CheckSubject, CheckState, PeerStatus, SetOnlineParams, SetPolicyParams, CreateRoomParams,
        RoomCreated, Rooms, Room, Directory, DirectoryRoom, JoinRoomParams, RoomParams, InviteParams, Invite, Members,
        Member, SetRoleParams, RemoveMemberParams, UpdateRoomParams, DirectParams, SendParams, Sent, ListMessagesParams,
        Messages, Message, Reaction, MessageFile, MessageCall, MessageCallOutcome, MarkReadParams, MessageParams, EditParams, ReactParams, PinParams,
        OneMessage, Pins, Receipts, Receipt, ReceiptState, SetDraftParams, Drafts, Draft, SetTypingParams,
        ListPresenceParams, PresenceList, UserPresence, SetPresenceParams, SetIdleParams, NotifyLevel, SetNotifyParams, SetFavouriteParams, ShareLocationParams, LocationPrecision,
        SharedLocation, StopLocationParams, Locations, Location, PublishParams, Published, EditPostParams,
        DeletePostParams, HideParams, Hidden, FollowParams, Following, FeedPerson, Posting, FeedPolicy, SetPostingParams,
        SetAuthorParams, FeedAuthorsParams, FeedAuthors, LikeParams, CommentParams, Commented, FeedOrder, ListPostsParams, Posts, Post,
        ListCommentsParams, Comments, Comment, DocEditing, Doc, CreateDocParams, DocCreated, Docs, ListDocsParams,
        DocParams, OpenedDoc, DocText, DocOp, DocInsert, DocDelete, EditDocParams, UpdateDocParams, DocStateParams,
        DocState, DocPresence, DocAwarenessParams, SetEditorsParams, RenameDocParams, ArchiveDocParams,
        ExportFormat, ExportDocParams, ExportedDoc, ImportFormat, ImportDocParams, DocHistoryParams,
        DocHistory, DocVersion, DocVersionParams, DocAsItWas, ListNotificationsParams,
        Notifications, Notification, NotificationKind, NotificationLevel, NotificationState,
        MarkNotificationsReadParams, SendNotificationParams, NotificationSent, AnnounceParams, Announced,
        Announcements, Announcement, AnnouncementParams, ListActivityParams, Activities, Activity, ActivityKind,
        StartCallParams, CallMedia, JoinCallParams, PlayParams, PlaybackParams, PlaybackAction, CallListening, ListeningState, CallParams, TestCallParams, SetCallMediaParams, CallDevices, MediaDevice, ScreenSource,
        ScreenKind, CallSound, CallPicture, PictureSource, Tile, ViewCallParams, CallView, CallStarted, CallList, CallPart, CallEnd, Call,
        CallParticipant, CallStats, CallPeerStats, AudioStats, VideoStats, SentPictures, SentVideo, Event,
        ErrorKind,
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the window reads them.
    fn path() -> std::path::PathBuf {
        // Of the run, not of the build: clones that share a target folder share what was compiled.
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs it");
        std::path::Path::new(&manifest).join("../../ui/src/client/types.gen.ts")
    }

    #[test]
    fn the_windows_types_are_current() {
        let current = typescript();
        if std::env::var_os("MOMOLAND_BLESS").is_some() {
            std::fs::write(path(), &current).unwrap();
        }
        let committed = std::fs::read_to_string(path()).unwrap();
        assert!(committed == current, "run ./dev bless: ui/src/client/types.gen.ts is not what the API's types say");
    }
}
