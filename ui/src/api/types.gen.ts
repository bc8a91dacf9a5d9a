// Generated from crates/engine/src/api by ./dev bless; not to be edited.

export type DeliveryState = "stored" | "relayed" | "delivered" | "read";

export type PeerPath = "direct" | "turn" | "relay";

export type ServerState = "online" | "connecting" | "offline";

export type PeerPolicy = "all" | "turnOnly" | "none";

export type PresenceStatus = "online" | "away" | "offline";

export type RoomKind = "chat" | "direct";

export type Visibility = "private" | "public";

export type Role = "reader" | "member" | "moderator" | "owner";

export type NoParams = Record<string, never>;

export type Done = Record<string, never>;

export type RegisterParams = { server: string, handle: string, password: string, displayName?: string, inviteCode?: string, };

export type LoginParams = { server: string, handle: string, password: string, };

export type SignedIn = { userId: string, deviceId: string, };

export type LogoutParams = { force?: boolean, };

export type Whoami = { account: OwnAccount | null, };

export type OwnAccount = { userId: string, deviceId: string, handle: string, displayName: string, server: string, admin: boolean, };

export type Devices = { devices: Array<Device>, };

export type Device = { deviceId: string, addedAt: number, this: boolean, revoked: boolean, };

export type DeviceParams = { deviceId: string, };

export type ProfileParams = { displayName: string, };

export type ChangePasswordParams = { oldPassword: string, newPassword: string, };

export type NetStatus = { server: ServerState, problem?: string, peers: Array<PeerStatus>, onlineCount: number, serverBytesIn: number, serverBytesOut: number, };

export type PeerStatus = { userId: string, deviceId: string, path: PeerPath, rttMs: number | null, bytesIn: number, bytesOut: number, };

export type SetOnlineParams = { online: boolean, };

export type SetPolicyParams = { peers: PeerPolicy, };

export type CreateRoomParams = { name: string, kind: RoomKind, visibility: Visibility, topic?: string, };

export type RoomCreated = { roomId: string, };

export type Rooms = { rooms: Array<Room>, };

export type Room = { roomId: string, name: string, topic: string, kind: RoomKind, visibility: Visibility, role: Role, memberCount: number, peerUserId?: string, unreadCount: number, readUpTo?: string, lastMessage?: Message, };

export type Directory = { rooms: Array<DirectoryRoom>, };

export type DirectoryRoom = { roomId: string, name: string, topic: string, memberCount: number, joined: boolean, };

export type JoinRoomParams = { roomId?: string, invite?: string, };

export type RoomParams = { roomId: string, };

export type InviteParams = { roomId: string, role?: Role, maxUses?: number, ttlS?: number, };

export type Invite = { invite: string, };

export type Members = { members: Array<Member>, };

export type Member = { userId: string, handle: string, displayName: string, role: Role, status: PresenceStatus, lastSeen?: number, };

export type SetRoleParams = { roomId: string, userId: string, role: Role, };

export type RemoveMemberParams = { roomId: string, userId: string, ban?: boolean, };

export type UpdateRoomParams = { roomId: string, name?: string, topic?: string, visibility?: Visibility, };

export type DirectParams = { userId: string, };

export type SendParams = { roomId: string, text: string, replyTo?: string, };

export type Sent = { messageId: string, state: DeliveryState, };

export type ListMessagesParams = { roomId: string, before?: string, after?: string, limit?: number, };

export type Messages = { messages: Array<Message>, next?: string, };

export type Message = { messageId: string, roomId: string, author: string, deviceId: string, text: string, sentAt: number, editedAt?: number, replyTo?: string, reactions: Array<Reaction>, files: Array<MessageFile>, state: DeliveryState, };

export type Reaction = { emoji: string, userIds: Array<string>, };

export type MessageFile = { fileId: string, };

export type MarkReadParams = { roomId: string, messageId: string, };

export type SetTypingParams = { roomId: string, typing: boolean, };

export type ListPresenceParams = { roomId?: string, };

export type PresenceList = { users: Array<UserPresence>, count: number, };

export type UserPresence = { userId: string, handle: string, displayName: string, status: PresenceStatus, text?: string, lastSeen?: number, };

export type SetPresenceParams = { status: PresenceStatus, text?: string, };

export type Event = { "type": "account.changed", } | { "type": "net.changed", status: NetStatus, } | { "type": "peer.changed", peer?: PeerStatus, userId: string, deviceId: string, } | { "type": "room.changed", room: Room, } | { "type": "room.removed", roomId: string, } | { "type": "member.joined", roomId: string, member: Member, } | { "type": "member.left", roomId: string, userId: string, } | { "type": "message.new", roomId: string, message: Message, } | { "type": "message.changed", roomId: string, message: Message, } | { "type": "typing.changed", roomId: string, userId: string, typing: boolean, } | { "type": "presence.changed", userId: string, status: PresenceStatus, text?: string, lastSeen?: number, } | { "type": "resync", };

export type ErrorKind = "unauthorized" | "forbidden" | "not_found" | "invalid" | "conflict" | "rate_limited" | "offline" | "internal";
