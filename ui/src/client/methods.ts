// The methods of the API: each with what it takes and what it answers. This table only pairs the engine's types.
import type {
  Activities, AnnounceParams, Announced, AnnouncementParams, Announcements, ArchiveDocParams, CallDevices, CallList,
  CallParams, CallStarted, CallStats, CallView, ChangePasswordParams, CommentParams, Commented, Comments, CreateDocParams,
  CreateRoomParams, DeletePostParams, DeviceParams, Devices, Diagnosis, DirectParams, Directory, DocAsItWas,
  DocAwarenessParams, DocCreated, DocHistory, DocHistoryParams, DocParams, DocState, DocStateParams, DocText,
  DocVersionParams, Docs, DoctorParams, Done, Drafts, EditDocParams, EditParams, EditPostParams, ExportDocParams,
  ExportedDoc, FeedAuthors, FeedAuthorsParams, FollowParams, Following, HideParams, ImportDocParams, Invite,
  InviteParams, JoinCallParams, JoinRoomParams, LikeParams, ListActivityParams, ListCommentsParams, ListDocsParams,
  ListMessagesParams, ListNotificationsParams, ListPostsParams, ListPresenceParams, Locations, LoginParams,
  LogoutParams, MarkNotificationsReadParams, MarkReadParams, Members, MessageParams, Messages, NetStatus, NoParams,
  NotificationSent, Notifications, OneMessage, OpenedDoc, PinParams, Pins, PlayParams, PlaybackParams, Posts, PresenceList, ProfileParams,
  PublishParams, Published, ReactParams, Receipts, RegisterParams, RemoveMemberParams, RenameDocParams, RoomCreated,
  RoomParams, Rooms, SendNotificationParams, SendParams, Sent, SetAuthorParams, SetCallMediaParams, SetDraftParams,
  SetEditorsParams, SetFavouriteParams, SetIdleParams, SetNotifyParams, SetOnlineParams, SetPolicyParams,
  SetPostingParams, SetPresenceParams, SetRoleParams, SetTypingParams, ShareLocationParams, SharedLocation, SignedIn,
  StartCallParams, StopLocationParams, TestCallParams, UpdateDocParams, UpdateRoomParams, ViewCallParams, Whoami,
} from "@/client/types";

export type Methods = {
  "account.register": { params: RegisterParams; result: SignedIn };
  "account.login": { params: LoginParams; result: SignedIn };
  "account.logout": { params: LogoutParams; result: Done };
  "account.whoami": { params: NoParams; result: Whoami };
  "account.devices": { params: NoParams; result: Devices };
  "account.revokeDevice": { params: DeviceParams; result: Done };
  "account.setProfile": { params: ProfileParams; result: Done };
  "account.changePassword": { params: ChangePasswordParams; result: Done };
  "net.status": { params: NoParams; result: NetStatus };
  "net.doctor": { params: DoctorParams; result: Diagnosis };
  "net.setOnline": { params: SetOnlineParams; result: Done };
  "net.setPolicy": { params: SetPolicyParams; result: Done };
  "rooms.create": { params: CreateRoomParams; result: RoomCreated };
  "rooms.list": { params: NoParams; result: Rooms };
  "rooms.directory": { params: NoParams; result: Directory };
  "rooms.join": { params: JoinRoomParams; result: RoomCreated };
  "rooms.leave": { params: RoomParams; result: Done };
  "rooms.invite": { params: InviteParams; result: Invite };
  "rooms.members": { params: RoomParams; result: Members };
  "rooms.setRole": { params: SetRoleParams; result: Done };
  "rooms.remove": { params: RemoveMemberParams; result: Done };
  "rooms.update": { params: UpdateRoomParams; result: Done };
  "rooms.direct": { params: DirectParams; result: RoomCreated };
  "rooms.setNotify": { params: SetNotifyParams; result: Done };
  "rooms.setFavourite": { params: SetFavouriteParams; result: Done };
  "messages.send": { params: SendParams; result: Sent };
  "messages.list": { params: ListMessagesParams; result: Messages };
  "messages.edit": { params: EditParams; result: OneMessage };
  "messages.delete": { params: MessageParams; result: OneMessage };
  "messages.react": { params: ReactParams; result: OneMessage };
  "messages.pin": { params: PinParams; result: OneMessage };
  "messages.pins": { params: RoomParams; result: Pins };
  "messages.receipts": { params: MessageParams; result: Receipts };
  "messages.markRead": { params: MarkReadParams; result: Done };
  "messages.markUnread": { params: MessageParams; result: Done };
  "drafts.set": { params: SetDraftParams; result: Done };
  "drafts.list": { params: NoParams; result: Drafts };
  "docs.create": { params: CreateDocParams; result: DocCreated };
  "docs.list": { params: ListDocsParams; result: Docs };
  "docs.open": { params: DocParams; result: OpenedDoc };
  "docs.close": { params: DocParams; result: Done };
  "docs.text": { params: DocParams; result: DocText };
  "docs.edit": { params: EditDocParams; result: Done };
  "docs.update": { params: UpdateDocParams; result: Done };
  "docs.state": { params: DocStateParams; result: DocState };
  "docs.awareness": { params: DocAwarenessParams; result: Done };
  "docs.setEditors": { params: SetEditorsParams; result: Done };
  "docs.rename": { params: RenameDocParams; result: Done };
  "docs.archive": { params: ArchiveDocParams; result: Done };
  "docs.delete": { params: DocParams; result: Done };
  "docs.restore": { params: DocParams; result: Done };
  "docs.export": { params: ExportDocParams; result: ExportedDoc };
  "docs.import": { params: ImportDocParams; result: Done };
  "docs.history": { params: DocHistoryParams; result: DocHistory };
  "docs.version": { params: DocVersionParams; result: DocAsItWas };
  "docs.revert": { params: DocVersionParams; result: Done };
  "typing.set": { params: SetTypingParams; result: Done };
  "presence.list": { params: ListPresenceParams; result: PresenceList };
  "presence.set": { params: SetPresenceParams; result: Done };
  "presence.setIdle": { params: SetIdleParams; result: Done };
  "notifications.list": { params: ListNotificationsParams; result: Notifications };
  "notifications.markRead": { params: MarkNotificationsReadParams; result: Done };
  "notifications.send": { params: SendNotificationParams; result: NotificationSent };
  "admin.announce": { params: AnnounceParams; result: Announced };
  "announcements.list": { params: NoParams; result: Announcements };
  "announcements.dismiss": { params: AnnouncementParams; result: Done };
  "activity.list": { params: ListActivityParams; result: Activities };
  "location.share": { params: ShareLocationParams; result: SharedLocation };
  "location.stop": { params: StopLocationParams; result: Done };
  "location.list": { params: RoomParams; result: Locations };
  "calls.start": { params: StartCallParams; result: CallStarted };
  "calls.join": { params: JoinCallParams; result: CallStarted };
  "calls.decline": { params: CallParams; result: Done };
  "calls.leave": { params: CallParams; result: Done };
  "calls.setMedia": { params: SetCallMediaParams; result: Done };
  "calls.devices": { params: NoParams; result: CallDevices };
  "calls.test": { params: TestCallParams; result: Done };
  "calls.list": { params: NoParams; result: CallList };
  "calls.play": { params: PlayParams; result: Done };
  "calls.playback": { params: PlaybackParams; result: Done };
  "calls.view": { params: ViewCallParams; result: CallView };
  "calls.stats": { params: CallParams; result: CallStats };
  "feed.publish": { params: PublishParams; result: Published };
  "feed.edit": { params: EditPostParams; result: Done };
  "feed.delete": { params: DeletePostParams; result: Done };
  "feed.list": { params: ListPostsParams; result: Posts };
  "feed.like": { params: LikeParams; result: Done };
  "feed.hide": { params: HideParams; result: Done };
  "feed.follow": { params: FollowParams; result: Done };
  "feed.following": { params: NoParams; result: Following };
  "feed.setPosting": { params: SetPostingParams; result: Done };
  "feed.setAuthor": { params: SetAuthorParams; result: Done };
  "feed.authors": { params: FeedAuthorsParams; result: FeedAuthors };
  "feed.comment": { params: CommentParams; result: Commented };
  "feed.comments": { params: ListCommentsParams; result: Comments };
};

export type Method = keyof Methods;
export type Params<M extends Method> = Methods[M]["params"];
export type Result<M extends Method> = Methods[M]["result"];
