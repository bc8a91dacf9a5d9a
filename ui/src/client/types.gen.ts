// Generated from crates/engine/src/api by ./dev bless; not to be edited.

export type DeliveryState = "stored" | "relayed" | "delivered" | "read";

export type PeerPath = "direct" | "turn" | "relay";

export type ServerState = "online" | "connecting" | "offline";

export type PeerPolicy = "all" | "turnOnly" | "none";

export type PresenceStatus = "online" | "away" | "dnd" | "offline";

export type RoomKind = "chat" | "direct";

export type Visibility = "private" | "public";

export type Role = "reader" | "member" | "moderator" | "owner";

export type NoParams = Record<symbol, never>;

export type Done = Record<symbol, never>;

export type RegisterParams = { 
/**
 * The server's address: `http(s)://host[:port]`; a bare `host[:port]` means https, on loopback http.
 */
server: string, handle: string, password: string, displayName?: string, inviteCode?: string, };

export type LoginParams = { server: string, handle: string, password: string, };

export type SignedIn = { userId: string, deviceId: string, };

export type LogoutParams = { 
/**
 * Sign out although something has not left this device yet; without it the answer is `conflict` with a count.
 */
force?: boolean, };

export type Whoami = { 
/**
 * `null` while nobody is signed in on this data folder.
 */
account: OwnAccount | null, };

export type OwnAccount = { userId: string, deviceId: string, handle: string, displayName: string, server: string, 
/**
 * Whether this account administers the server.
 */
admin: boolean, };

export type Devices = { devices: Array<Device>, };

export type Device = { deviceId: string, addedAt: number, 
/**
 * Whether it is the device that answers.
 */
this: boolean, revoked: boolean, };

export type DeviceParams = { deviceId: string, };

export type ProfileParams = { displayName: string, };

export type ChangePasswordParams = { oldPassword: string, newPassword: string, };

export type NetStatus = { server: ServerState, 
/**
 * What stands in the way, as a sentence; absent while all is well.
 */
problem?: string, peers: Array<PeerStatus>, 
/**
 * Accounts of this server that are online, this one included; as last told by the server.
 */
onlineCount: number, 
/**
 * Bytes from and to the server since the engine started.
 */
serverBytesIn: number, serverBytesOut: number, };

export type DoctorParams = { 
/**
 * Another server than the one that is signed in to, as a person types it.
 */
server?: string, };

export type Diagnosis = { 
/**
 * Whether nothing stands in the way.
 */
well: boolean, checks: Array<Check>, };

export type Check = { subject: CheckSubject, state: CheckState, 
/**
 * What was found.
 */
sentence: string, 
/**
 * What to do; absent where nothing needs to be done.
 */
advice?: string, };

export type CheckSubject = "server" | "key" | "version" | "clock" | "session" | "links" | "udp" | "nat" | "turn";

export type CheckState = "good" | "limited" | "broken";

export type PeerStatus = { userId: string, deviceId: string, path: PeerPath, 
/**
 * Round trip, milliseconds; `null` until measured.
 */
rttMs: number | null, bytesIn: number, bytesOut: number, };

export type SetOnlineParams = { online: boolean, };

export type SetPolicyParams = { peers: PeerPolicy, };

export type CreateRoomParams = { name: string, kind: RoomKind, visibility: Visibility, topic?: string, };

export type RoomCreated = { roomId: string, };

export type Rooms = { rooms: Array<Room>, };

export type Room = { roomId: string, 
/**
 * Of a direct room: the other person's display name.
 */
name: string, topic: string, kind: RoomKind, visibility: Visibility, role: Role, memberCount: number, 
/**
 * Of a direct room: the other person.
 */
peerUserId?: string, 
/**
 * Messages of others after the read mark; deleted ones count nowhere.
 */
unreadCount: number, 
/**
 * Those of them that mention this person, or everybody.
 */
mentionsCount: number, 
/**
 * What of it this person wants to be told about.
 */
notify: NotifyLevel, favourite: boolean, 
/**
 * What this person began to write here, on any of their devices.
 */
draft?: string, 
/**
 * The message that it answers.
 */
draftReplyTo?: string, 
/**
 * Up to and including this message the person has read the room.
 */
readUpTo?: string, lastMessage?: Message, };

export type Directory = { rooms: Array<DirectoryRoom>, };

export type DirectoryRoom = { roomId: string, name: string, topic: string, memberCount: number, joined: boolean, };

export type JoinRoomParams = { roomId?: string, 
/**
 * An invite as `rooms.invite` gave it.
 */
invite?: string, };

export type RoomParams = { roomId: string, };

export type InviteParams = { roomId: string, 
/**
 * `member` unless said otherwise; never above one's own.
 */
role?: Role, 
/**
 * How many people may use it; unlimited unless said otherwise.
 */
maxUses?: number, 
/**
 * Seconds; seven days unless said otherwise.
 */
ttlS?: number, };

export type Invite = { 
/**
 * `momoland://join/…`: holds the server, the room and the secret. Whoever has it may join.
 */
invite: string, };

export type Members = { members: Array<Member>, };

export type Member = { userId: string, handle: string, displayName: string, role: Role, status: PresenceStatus, lastSeen?: number, };

export type SetRoleParams = { roomId: string, userId: string, role: Role, };

export type RemoveMemberParams = { roomId: string, userId: string, 
/**
 * Refuse this person's later joins too.
 */
ban?: boolean, };

export type UpdateRoomParams = { roomId: string, name?: string, topic?: string, visibility?: Visibility, };

export type DirectParams = { userId: string, };

export type SendParams = { roomId: string, text: string, replyTo?: string, };

export type Sent = { messageId: string, state: DeliveryState, };

export type ListMessagesParams = { roomId: string, 
/**
 * Messages before this message, as `next` of an earlier answer gives it.
 */
before?: string, 
/**
 * Messages after this message.
 */
after?: string, 
/**
 * 1 to 10,000; 50 unless said otherwise.
 */
limit?: number, };

export type Messages = { 
/**
 * Oldest first.
 */
messages: Array<Message>, 
/**
 * Where older messages go on; absent once the room's beginning is here. Beside an empty page: what is older cannot be
 * had just now.
 */
next?: string, };

export type Message = { messageId: string, roomId: string, 
/**
 * The author's user id.
 */
author: string, deviceId: string, 
/**
 * As it was edited last; empty where it was deleted.
 */
text: string, sentAt: number, editedAt?: number, 
/**
 * It was deleted: a mark stays in its place, without text, reactions, pin and mentions.
 */
deletedAt?: number, 
/**
 * Absent where it was deleted and by whom is not known.
 */
deletedBy?: string, replyTo?: string, 
/**
 * By when the first person of each reacted.
 */
reactions: Array<Reaction>, pinned: boolean, 
/**
 * The user ids of who is named in it.
 */
mentions: Array<string>, 
/**
 * Whether everybody is.
 */
mentionsRoom: boolean, files: Array<MessageFile>, 
/**
 * It is no message but tells of a call that is over; its text is empty. More than one may tell of one call: the
 * longest counts.
 */
call?: MessageCall, state: DeliveryState, };

export type Reaction = { emoji: string, 
/**
 * In the order in which they reacted.
 */
userIds: Array<string>, };

export type MessageFile = { fileId: string, };

export type MessageCall = { callId: string, 
/**
 * The user id of who called.
 */
from: string, media: CallMedia, beganAt: number, 
/**
 * Milliseconds until one was alone in it; 0 where nobody answered.
 */
lengthMs: number, 
/**
 * The user ids of who was in it.
 */
userIds: Array<string>, outcome: MessageCallOutcome, };

export type MessageCallOutcome = "held" | "unanswered" | "declined" | "busy";

export type MarkReadParams = { roomId: string, 
/**
 * Read up to and including this message.
 */
messageId: string, };

export type MessageParams = { roomId: string, messageId: string, };

export type EditParams = { roomId: string, messageId: string, text: string, };

export type ReactParams = { roomId: string, messageId: string, 
/**
 * Exactly one emoji.
 */
emoji: string, on: boolean, };

export type PinParams = { roomId: string, messageId: string, on: boolean, };

export type OneMessage = { message: Message, };

export type Pins = { 
/**
 * The one that was pinned first, first.
 */
messages: Array<Message>, };

export type Receipts = { 
/**
 * Of members who have it or have read it; neither its author nor this person is among them.
 */
receipts: Array<Receipt>, };

export type Receipt = { userId: string, state: ReceiptState, };

export type ReceiptState = "delivered" | "read";

export type SetDraftParams = { roomId: string, 
/**
 * Empty: there is no draft any more.
 */
text: string, replyTo?: string, };

export type Drafts = { 
/**
 * The one that changed last, first.
 */
drafts: Array<Draft>, };

export type Draft = { roomId: string, text: string, replyTo?: string, changedAt: number, };

export type SetTypingParams = { roomId: string, typing: boolean, };

export type ListPresenceParams = { roomId?: string, };

export type PresenceList = { users: Array<UserPresence>, 
/**
 * How many of `users` are not offline.
 */
count: number, };

export type UserPresence = { userId: string, handle: string, displayName: string, status: PresenceStatus, text?: string, lastSeen?: number, };

export type SetPresenceParams = { 
/**
 * `online`, `away` or `dnd`, on all devices; `offline` is `net.setOnline`'s business and is refused here.
 */
status: PresenceStatus, 
/**
 * Without one, the text that is there stays; an empty one takes it away.
 */
text?: string, };

export type SetIdleParams = { 
/**
 * Whether nobody sits at this device. Who is idle on all devices, and chose to be online, is shown as away.
 */
idle: boolean, };

export type NotifyLevel = "all" | "mentions" | "none";

export type SetNotifyParams = { roomId: string, level: NotifyLevel, };

export type SetFavouriteParams = { roomId: string, on: boolean, };

export type ShareLocationParams = { roomId: string, 
/**
 * −90 to 90, north positive.
 */
lat: number, 
/**
 * −180 to 180, east positive.
 */
lng: number, 
/**
 * Radius in which the person is, metres.
 */
accuracyM?: number, 
/**
 * Live for so many seconds, 1 to 86,400; without it the position is said once and kept. While one is live, a further
 * call moves it, and changes its end where that differs by more than a tenth of this.
 */
ttlS?: number, 
/**
 * How much others may know; `exact` unless said otherwise.
 */
precision?: LocationPrecision, };

export type LocationPrecision = "exact" | "street" | "district" | "city";

export type SharedLocation = { lat: number, lng: number, accuracyM?: number, 
/**
 * When it ends by itself; absent where it was said once.
 */
until?: number, };

export type StopLocationParams = { 
/**
 * Everywhere without it.
 */
roomId?: string, 
/**
 * Leave the last position where others can see it; not unless said otherwise.
 */
keepLast?: boolean, };

export type Locations = { 
/**
 * One entry a person.
 */
locations: Array<Location>, };

export type Location = { roomId: string, userId: string, lat: number, lng: number, accuracyM?: number, 
/**
 * When they were there.
 */
at: number, 
/**
 * Of a live one: when it ends by itself.
 */
until?: number, };

export type PublishParams = { 
/**
 * The feed of a room; without it the server's public feed.
 */
roomId?: string, 
/**
 * One line of at most 200 characters; may be empty where the body is not.
 */
title: string, 
/**
 * Markdown, at most 32 KiB.
 */
body: string, 
/**
 * At most ten of at most 32 characters.
 */
tags?: Array<string>, };

export type Published = { postId: string, };

export type EditPostParams = { postId: string, title?: string, body?: string, tags?: Array<string>, };

export type DeletePostParams = { 
/**
 * The post's id, or the comment's.
 */
postId: string, };

export type HideParams = { 
/**
 * The post's id, or the comment's.
 */
postId: string, on: boolean, 
/**
 * Why, for those who do not see it any more: one line of at most 200 characters.
 */
reason?: string, };

export type Hidden = { userId: string, name: string, 
/**
 * May be empty.
 */
reason: string, at: number, };

export type FollowParams = { userId: string, on: boolean, };

export type Following = { people: Array<FeedPerson>, };

export type FeedPerson = { userId: string, name: string, };

export type Posting = "members" | "curated";

export type FeedPolicy = { posting: Posting, mayPost: boolean, 
/**
 * Hides, removes, and says who may post.
 */
mayModerate: boolean, };

export type SetPostingParams = { 
/**
 * The feed of a room; without it the server's public feed.
 */
roomId?: string, posting: Posting, };

export type SetAuthorParams = { 
/**
 * The feed of a room; without it the server's public feed.
 */
roomId?: string, userId: string, on: boolean, };

export type FeedAuthorsParams = { 
/**
 * The feed of a room; without it the server's public feed.
 */
roomId?: string, };

export type FeedAuthors = { policy: FeedPolicy, 
/**
 * Listed, beside the moderators and owners.
 */
authors: Array<FeedPerson>, };

export type LikeParams = { 
/**
 * The post's id, or the comment's.
 */
postId: string, on: boolean, };

export type CommentParams = { postId: string, 
/**
 * Markdown, at most 32 KiB.
 */
text: string, 
/**
 * The comment that it answers.
 */
replyTo?: string, };

export type Commented = { commentId: string, };

export type FeedOrder = "new" | "top" | "hot";

export type ListPostsParams = { 
/**
 * The feed of a room; without it the server's public feed.
 */
roomId?: string, 
/**
 * `new` unless said otherwise.
 */
order?: FeedOrder, 
/**
 * Only what was written by people whom this person follows.
 */
followed?: boolean, 
/**
 * As `next` of an earlier answer gives it: goes on in the order that the first page had, so that what is liked or
 * published meanwhile moves nothing past the reader.
 */
before?: string, 
/**
 * 1 to 200; 20 unless said otherwise.
 */
limit?: number, };

export type Posts = { 
/**
 * The room whose feed it is.
 */
roomId: string, policy: FeedPolicy, 
/**
 * First those that are read first.
 */
posts: Array<Post>, 
/**
 * Where it goes on; absent at the end.
 */
next?: string, };

export type Post = { postId: string, roomId: string, 
/**
 * The author's user id.
 */
author: string, 
/**
 * The author may share no room with this person, so the name comes along.
 */
authorName: string, 
/**
 * Whether this person follows the author.
 */
followed: boolean, 
/**
 * Moderators hid it. Its words are empty then for all but its author and those who moderate.
 */
hidden?: Hidden, title: string, body: string, tags: Array<string>, publishedAt: number, editedAt?: number, likesCount: number, 
/**
 * Whether this person likes it.
 */
liked: boolean, commentsCount: number, 
/**
 * It was taken back: only in the event that says so.
 */
deleted: boolean, };

export type ListCommentsParams = { postId: string, 
/**
 * Comments before this comment, as `next` of an earlier answer gives it.
 */
before?: string, 
/**
 * 1 to 1,000; 50 unless said otherwise.
 */
limit?: number, };

export type Comments = { 
/**
 * Oldest first.
 */
comments: Array<Comment>, 
/**
 * Where older comments go on; absent at the beginning.
 */
next?: string, };

export type Comment = { commentId: string, postId: string, roomId: string, 
/**
 * The author's user id.
 */
author: string, authorName: string, 
/**
 * Moderators hid it. Its text is empty then for all but its author and those who moderate.
 */
hidden?: Hidden, 
/**
 * Empty where it was taken back: the answers to it keep their place.
 */
text: string, replyTo?: string, sentAt: number, likesCount: number, liked: boolean, deleted: boolean, };

export type DocEditing = "author" | "members" | "listed";

export type Doc = { docId: string, roomId: string, title: string, 
/**
 * The account that created it.
 */
author: string, editing: DocEditing, 
/**
 * Who is listed, with `listed`.
 */
editors: Array<string>, createdAt: number, changedAt: number, archived: boolean, deleted: boolean, 
/**
 * Why this person can only read it, as a sentence; absent where they may write.
 */
readOnly?: string, };

export type CreateDocParams = { roomId: string, title: string, editing: DocEditing, 
/**
 * Accounts, with `listed` only.
 */
editors?: Array<string>, };

export type DocCreated = { docId: string, };

export type Docs = { docs: Array<Doc>, };

export type ListDocsParams = { roomId: string, 
/**
 * Those that were deleted, instead of the others.
 */
deleted?: boolean, };

export type DocParams = { docId: string, };

export type OpenedDoc = { doc: Doc, 
/**
 * The Yjs client id for this editor: each that is opened gets another one.
 */
clientId: number, 
/**
 * Its first blocks, to be shown until all is taken in: ProseMirror's JSON of nodes in the schema of the window's editor.
 * They are bounded, and need not be all that an editor makes of the update.
 */
beginning: Array<unknown>, 
/**
 * All of it, as one update.
 */
update: string, stateVector: string, 
/**
 * Who is in it, this device aside.
 */
present: Array<DocPresence>, };

export type DocText = { text: string, };

export type DocOp = DocInsert | DocDelete;

export type DocInsert = { at: number, insert: string, };

export type DocDelete = { at: number, 
/**
 * How much.
 */
delete: number, };

export type EditDocParams = { docId: string, ops: Array<DocOp>, };

export type UpdateDocParams = { docId: string, update: string, };

export type DocStateParams = { docId: string, 
/**
 * What the asker has; nothing where it is left out.
 */
stateVector?: string, };

export type DocState = { 
/**
 * What the asker lacks, as one update.
 */
update: string, stateVector: string, };

export type DocPresence = { userId: string, deviceId: string, state: unknown, };

export type DocAwarenessParams = { docId: string, 
/**
 * Of which editor: the client id that `docs.open` gave it. Of several here, the one that moved last is shown.
 */
clientId?: number, 
/**
 * An object; `null` where this person goes.
 */
state: unknown, };

export type SetEditorsParams = { docId: string, 
/**
 * Left out: those who are listed.
 */
editing?: DocEditing, 
/**
 * Accounts, with `listed`.
 */
editors?: Array<string>, };

export type RenameDocParams = { docId: string, title: string, };

export type ArchiveDocParams = { docId: string, archived: boolean, };

export type ExportFormat = "markdown" | "text" | "html";

export type ExportDocParams = { docId: string, format: ExportFormat, };

export type ExportedDoc = { content: string, 
/**
 * What a file of it may be called.
 */
fileName: string, mediaType: string, };

export type ImportFormat = "markdown" | "text";

export type ImportDocParams = { docId: string, format: ImportFormat, 
/**
 * It goes to the document's end.
 */
content: string, };

export type DocHistoryParams = { docId: string, 
/**
 * Versions before this one, as `next` of an earlier answer gives it.
 */
before?: string, limit?: number, };

export type DocHistory = { versions: Array<DocVersion>, next?: string, };

export type DocVersion = { versionId: string, userId: string, beganAt: number, at: number, };

export type DocVersionParams = { docId: string, versionId: string, };

export type DocAsItWas = { version: DocVersion, markdown: string, before: string, };

export type ListNotificationsParams = { 
/**
 * Notifications before this point, as `next` of an earlier answer gives it.
 */
before?: string, 
/**
 * 1 to 1,000; 50 unless said otherwise.
 */
limit?: number, };

export type Notifications = { 
/**
 * The newest first.
 */
notifications: Array<Notification>, 
/**
 * Of all of them, not only of those in this answer.
 */
unreadCount: number, next?: string, };

export type Notification = { notificationId: string, kind: NotificationKind, title: string, body: string, level: NotificationLevel, roomId?: string, messageId?: string, postId?: string, 
/**
 * Whose doing it is.
 */
userId?: string, at: number, 
/**
 * Follows the room's read mark, whichever device set that.
 */
read: boolean, };

export type NotificationKind = "mention" | "reply" | "direct" | "message" | "room" | "post" | "personal";

export type NotificationLevel = "info" | "success" | "warning" | "error";

export type NotificationState = "read" | "unread" | "gone";

export type MarkNotificationsReadParams = { 
/**
 * All of them, where it is left out. What was written in the rooms stays unread there.
 */
notificationId?: string, };

export type SendNotificationParams = { userId: string, 
/**
 * At most 128 characters in one line.
 */
title: string, 
/**
 * At most 4,096 bytes. Lines may break.
 */
body: string, level: NotificationLevel, };

export type NotificationSent = { notificationId: string, };

export type AnnounceParams = { 
/**
 * At most 4,096 bytes. Lines may break.
 */
message: string, level: NotificationLevel, 
/**
 * Seconds for which it is told to those who come online: up to 90 days, a week unless said otherwise.
 */
ttlS?: number, };

export type Announced = { announcementId: string, };

export type Announcements = { 
/**
 * What is in force and was not put away, the oldest first.
 */
announcements: Array<Announcement>, };

export type Announcement = { announcementId: string, message: string, level: NotificationLevel, 
/**
 * Who told it.
 */
userId: string, at: number, expiresAt: number, };

export type AnnouncementParams = { announcementId: string, };

export type ListActivityParams = { 
/**
 * Of one room; of all of them where it is left out.
 */
roomId?: string, 
/**
 * Activities before this point, as `next` of an earlier answer gives it.
 */
before?: string, 
/**
 * 1 to 1,000; 50 unless said otherwise.
 */
limit?: number, };

export type Activities = { 
/**
 * The newest first.
 */
activities: Array<Activity>, next?: string, };

export type Activity = { activityId: string, kind: ActivityKind, roomId: string, 
/**
 * Who did it.
 */
userId: string, 
/**
 * The other person, where it is done to one.
 */
targetUserId?: string, 
/**
 * What they became.
 */
role?: Role, 
/**
 * What the room, the document or the post is called from then on.
 */
name?: string, messageId?: string, docId?: string, postId?: string, at: number, };

export type ActivityKind = "created" | "joined" | "left" | "removed" | "banned" | "invited" | "role" | "renamed" | "pinned" | "document" | "post";

export type StartCallParams = { roomId: string, media: CallMedia, };

export type CallMedia = "audio" | "video";

export type JoinCallParams = { callId: string, 
/**
 * Whether to come in with the camera on; without it: off.
 */
camera?: boolean, };

export type PlayParams = { callId: string, 
/**
 * Of a file on this machine: WAV, FLAC, MP3, Ogg Vorbis or AAC.
 */
path: string, };

export type PlaybackParams = { callId: string, action: PlaybackAction, 
/**
 * Where to go on, for `seek`.
 */
positionMs?: number, };

export type PlaybackAction = "play" | "pause" | "seek" | "stop";

export type CallListening = { 
/**
 * The device that has it.
 */
deviceId: string, 
/**
 * Whose that is, while they are in the call.
 */
userId?: string, title: string, 
/**
 * Where its format tells.
 */
lengthMs?: number, state: ListeningState, 
/**
 * How far it was at `at`; while it plays it goes on from there.
 */
positionMs: number, at: number, 
/**
 * Who changed something of it last, while they are in the call.
 */
changedBy?: string, 
/**
 * Why it failed, for a person, where it is played from here.
 */
problem?: string, };

export type ListeningState = "playing" | "paused" | "stopped" | "failed" | "left";

export type CallParams = { callId: string, };

export type TestCallParams = { on: boolean, 
/**
 * Whether the camera is tried too: `calls.view` without a call shows it.
 */
camera?: boolean, 
/**
 * Plays a short sound.
 */
sound?: boolean, };

export type SetCallMediaParams = { 
/**
 * Without it: the call that this device is in.
 */
callId?: string, 
/**
 * Whether one's microphone is heard.
 */
mic?: boolean, 
/**
 * The microphone to use, by its id of `calls.devices`; an empty one for the system's choice.
 */
microphone?: string, 
/**
 * What to hear with, likewise.
 */
speakers?: string, 
/**
 * Whether one's camera is seen.
 */
camera?: boolean, 
/**
 * Whether one's screen is seen.
 */
screen?: boolean, 
/**
 * The camera to use, by its id of `calls.devices`; an empty one for the system's choice.
 */
cameraDevice?: string, 
/**
 * The screen or window to show, by its id of `calls.devices`; an empty one for the main screen.
 */
screenSource?: string, 
/**
 * Whether what the microphone hears is freed of echo and noise, and made as loud as speech.
 */
processing?: boolean, };

export type CallDevices = { microphones: Array<MediaDevice>, speakers: Array<MediaDevice>, cameras: Array<MediaDevice>, screens: Array<ScreenSource>, 
/**
 * The microphone that was chosen; without it the system's choice is used.
 */
chosenMicrophone?: string, chosenSpeakers?: string, chosenCamera?: string, 
/**
 * Whether what the microphone hears is freed of echo and noise.
 */
processing: boolean, };

export type MediaDevice = { deviceId: string, name: string, isDefault: boolean, };

export type ScreenSource = { sourceId: string, name: string, kind: ScreenKind, isDefault: boolean, };

export type ScreenKind = "screen" | "window" | "asked";

export type CallSound = { microphone?: string, speakers?: string, 
/**
 * What is wrong with them, for a person.
 */
problem?: string, };

export type CallPicture = { camera?: string, 
/**
 * What is wrong with it, with the screen or with the codec, for a person.
 */
problem?: string, };

export type PictureSource = "camera" | "screen";

export type Tile = { 
/**
 * Whose; one's own device: what one sends.
 */
deviceId: string, source: PictureSource, 
/**
 * Of the screen's pixels. Pictures come no larger than that.
 */
width: number, height: number, };

export type ViewCallParams = { 
/**
 * Without it: the camera that is tried out (`calls.test`).
 */
callId?: string, 
/**
 * All that this window shows, 12 at most; none: no pictures.
 */
tiles: Array<Tile>, };

export type CallView = { 
/**
 * Each picture that comes for these tiles bears it.
 */
view: number, };

export type CallStarted = { 
/**
 * Of two who call each other at once both end in the call with one of the two ids; either names it.
 */
callId: string, };

export type CallList = { calls: Array<Call>, };

export type CallPart = "ringing" | "out" | "calling" | "in" | "ended";

export type CallEnd = "left" | "declined" | "busy" | "unanswered" | "elsewhere" | "removed";

export type Call = { callId: string, roomId: string, media: CallMedia, part: CallPart, 
/**
 * Whether one's own microphone is heard.
 */
mic: boolean, 
/**
 * Whether one is heard speaking.
 */
speaking: boolean, 
/**
 * Whether one's own camera is seen.
 */
camera: boolean, 
/**
 * Whether one's own screen is seen.
 */
screen: boolean, 
/**
 * Since when this device is in it, or the other that it was heard of from.
 */
since: number, 
/**
 * While this device is in it.
 */
sound?: CallSound, 
/**
 * While one's camera or screen is on.
 */
picture?: CallPicture, 
/**
 * The others in it.
 */
participants: Array<CallParticipant>, 
/**
 * While this device is in it, once a file was played.
 */
listening?: CallListening, ended?: CallEnd, };

export type CallParticipant = { userId: string, deviceId: string, mic: boolean, speaking: boolean, camera: boolean, screen: boolean, since: number, path?: PeerPath, };

export type CallStats = { callId: string, peers: Array<CallPeerStats>, };

export type CallPeerStats = { userId: string, deviceId: string, path?: PeerPath, audio: AudioStats, 
/**
 * Their camera, once something of it came.
 */
video?: VideoStats, 
/**
 * Their screen, likewise.
 */
screen?: VideoStats, 
/**
 * What goes to them.
 */
sent?: SentPictures, };

export type AudioStats = { packetsReceived: number, packetsLost: number, framesDecoded: number, framesRecovered: number, framesConcealed: number, jitterMs: number, 
/**
 * What the jitter buffer adds.
 */
delayMs: number, 
/**
 * There and back, on a direct way or by TURN.
 */
rttMs?: number, 
/**
 * From their mouth to this ear, without what the devices themselves add.
 */
mouthToEarMs?: number, 
/**
 * Received, of Opus, over the last second.
 */
bitsPerSecond: number, 
/**
 * Packets that were no Opus of one frame.
 */
packetsRefused: number, 
/**
 * How loud, 0 to 1.
 */
level: number, speaking: boolean, };

export type VideoStats = { packetsReceived: number, 
/**
 * Never came, although they were asked for again.
 */
packetsLost: number, 
/**
 * Packets and frames that were no VP8.
 */
packetsRefused: number, framesDecoded: number, 
/**
 * Given up, because a part was missing for too long.
 */
framesDropped: number, keyFramesAsked: number, width: number, height: number, framesPerSecond: number, bitsPerSecond: number, 
/**
 * From the first packet of a frame to the picture: what waiting and decoding add.
 */
delayMs: number, };

export type SentPictures = { video?: SentVideo, screen?: SentVideo, };

export type SentVideo = { width: number, height: number, framesPerSecond: number, bitsPerSecond: number, 
/**
 * What the way is thought to carry.
 */
targetBitsPerSecond: number, keyFrames: number, };

export type Event = { "type": "account.changed", } | { "type": "net.changed", status: NetStatus, } | { "type": "peer.changed", 
/**
 * Absent where the peer is gone.
 */
peer?: PeerStatus, userId: string, deviceId: string, } | { "type": "room.changed", room: Room, } | { "type": "room.removed", roomId: string, } | { "type": "member.joined", roomId: string, member: Member, } | { "type": "member.left", roomId: string, userId: string, } | { "type": "message.new", roomId: string, message: Message, } | { "type": "message.changed", roomId: string, message: Message, } | { "type": "typing.changed", roomId: string, userId: string, typing: boolean, } | { "type": "presence.changed", userId: string, 
/**
 * A name may come after its person, and change.
 */
displayName: string, status: PresenceStatus, text?: string, lastSeen?: number, } | { "type": "location.changed", roomId: string, userId: string, lat: number, lng: number, accuracyM?: number, at: number, 
/**
 * Of a live one: when it ends by itself.
 */
until?: number, ended?: boolean, } | { "type": "post.new", post: Post, } | { "type": "post.changed", post: Post, } | { "type": "comment.new", comment: Comment, } | { "type": "comment.changed", comment: Comment, } | { "type": "ranking.changed", roomId: string, order: FeedOrder, 
/**
 * The first twenty.
 */
postIds: Array<string>, } | { "type": "feed.changed", roomId: string, policy: FeedPolicy, } | { "type": "follow.changed", userId: string, on: boolean, } | { "type": "doc.changed", doc: Doc, } | { "type": "doc.update", docId: string, update: string, } | { "type": "doc.awareness", docId: string, userId: string, deviceId: string, state: unknown, } | { "type": "doc.reset", docId: string, } | { "type": "doc.removed", docId: string, roomId: string, } | { "type": "notification.new", notification: Notification, 
/**
 * Whether this person does not want to be disturbed: it is listed, and nothing pops up or rings.
 */
silent: boolean, unreadCount: number, } | { "type": "notification.changed", notificationIds: Array<string>, state: NotificationState, unreadCount: number, } | { "type": "announcement.new", announcement: Announcement, } | { "type": "announcement.gone", announcementId: string, } | { "type": "activity.new", activity: Activity, } | { "type": "call.incoming", callId: string, roomId: string, from: string, media: CallMedia, } | { "type": "call.changed", call: Call, } | { "type": "call.stats", callId: string, peers: Array<CallPeerStats>, } | { "type": "call.test", 
/**
 * How loud the microphone was, 0 to 1.
 */
level: number, speaking: boolean, sound?: CallSound, picture?: CallPicture, } | { "type": "resync", };

export type ErrorKind = "unauthorized" | "forbidden" | "not_found" | "invalid" | "conflict" | "rate_limited" | "offline" | "internal";
