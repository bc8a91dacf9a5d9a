// Every word that the window says, in one place. A sentence with a gap is a function, so that nothing is glued together
// in a screen and another language can order it as it needs. The engine's own sentences (refusals) are shown as they are.
import type { DeliveryState, PeerPath, PresenceStatus, Role } from "@/api/types.gen";

const plural = new Intl.PluralRules("en");
const list = new Intl.ListFormat("en", { type: "conjunction" });
const number = new Intl.NumberFormat("en");

function count(n: number, one: string, other: string): string {
  return `${number.format(n)} ${plural.select(n) === "one" ? one : other}`;
}

const roles: Readonly<Record<Role, string>> = { owner: "Owner", moderator: "Moderator", member: "Member", reader: "Reader" };
const delivery: Readonly<Record<DeliveryState, string>> = { stored: "Kept on this device", relayed: "At the relay", delivered: "Delivered", read: "Read by all" };
const presence: Readonly<Record<PresenceStatus, string>> = { online: "here", away: "idle", dnd: "not to be disturbed", offline: "offline" };
const paths: Readonly<Record<PeerPath, string>> = { direct: "direct", turn: "turn", relay: "relay" };

export const strings = {
  product: "Momoland",
  close: "Close",
  cancel: "Cancel",
  save: "Save",
  copy: "Copy",
  copied: "Copied",
  notCopied: "The system did not let it be copied. Select it and copy it by hand.",
  tryAgain: "Try again",
  you: "you",
  somebody: "Somebody who left",
  roles,
  delivery,
  presence,
  paths,

  engine: {
    lost: "Momoland’s engine on this machine did not answer. It may not have been done; what you typed is kept. Try again in a moment.",
    startTitle: "Momoland is not ready",
    startBody: "Its engine on this machine does not answer yet. What you wrote is safe on the disk. This page comes back by itself.",
  },

  welcome: {
    title: "Welcome to Momoland",
    body: "Your computers talk to each other. The server only introduces them.",
    signIn: "Sign in",
    register: "Create account",
    modes: "Sign in or create an account",
    server: "Server",
    serverHint: "Where your people are. Ask whoever invited you.",
    handle: "Handle",
    handleHint: "2 to 32 characters. How others find you.",
    password: "Password",
    passwordShort: (missing: number) => `At least 10 characters: ${count(missing, "more", "more")} to go. Any characters will do.`,
    passwordGood: "Long enough.",
    passwordRule: "At least 10 characters, any you like. A sentence is easy to remember.",
    showPassword: "Show password",
    hidePassword: "Hide password",
    displayName: "Name",
    displayNameHint: "What others see. Your handle, if you leave it empty.",
    required: "This is needed.",
    working: "One moment…",
  },

  rooms: {
    label: "Rooms",
    places: "Rooms and people",
    rooms: "Rooms",
    people: "People",
    newRoom: "New room",
    addRoom: "Add a room",
    create: "Create a room",
    browse: "Browse public rooms",
    join: "Join with an invite",
    jump: "Jump to",
    unread: (n: number) => `${number.format(n)} unread`,
    unreadCap: "99+",
    privateRoom: "Private room",
    publicRoom: "Public room",
    empty: "No rooms yet.",
    emptyBody: "Create a room, or join one with an invite somebody gave you.",
    noneOpen: "Choose a room, or jump to one.",
  },

  connection: {
    connected: (direct: number) => (direct > 0 ? `Connected, ${number.format(direct)} direct` : "Connected"),
    connecting: "Connecting…",
    serverAway: (peers: number) => `Server away, ${count(peers, "peer", "peers")} here`,
    offline: "Offline, changes are kept",
    details: "Connection details",
    allWell: (server: string) => `Connected to ${server}.`,
    onlineCount: (n: number) => `${count(n, "person", "people")} online on this server.`,
    engineAway: "This window lost the engine on this machine. It comes back by itself; nothing is lost.",
    lookingForServer: "Looking for the server. What you write is kept on this device until it is back.",
    offlineByChoice: "Nothing is sent or received. What you write is kept on this device.",
    peersOnly: "The server does not answer. Everything goes straight between you until it is back.",
    peers: "Devices in reach",
    noPeers: "Nobody else is in reach right now.",
    yourDevice: "Another device of yours",
  },

  account: {
    menu: "Settings",
    theme: "Theme",
    themes: { light: "Light", dark: "Dark", system: "System" },
    editName: "Edit name",
    goOffline: "Go offline",
    goOnline: "Go online",
    signOut: "Sign out",
    profileTitle: "Edit name",
    profileBody: "Others see it at once, in every room.",
    name: "Name",
    signOutTitle: "Sign out of this device?",
    signOutBody: "Your rooms stay on the server and on your other devices. You can sign in again at any time.",
    signOutUnsent: (n: number | undefined) => `${n === undefined ? "Some messages have" : count(n, "message has", "messages have")} not left this device yet. If you sign out now, ${n === 1 ? "it is" : "they are"} lost.`,
    signOutWait: "Stay signed in",
    signOutAnyway: "Sign out and lose them",
  },

  conversation: {
    log: "Messages",
    back: "Back to rooms",
    showDetails: "Show details",
    hideDetails: "Hide details",
    roomMenu: "Room menu",
    here: (here: number, direct: number) => `${number.format(here)} here${direct > 0 ? `, ${number.format(direct)} direct` : ""}`,
    empty: "No messages yet. Say hello.",
    emptyAction: "Write the first one",
    emptyReader: "No messages yet.",
    failed: "These messages could not be read from the disk.",
    olderFailed: "Older messages could not be had.",
    beginning: (room: string) => `This is the beginning of ${room}.`,
    today: "Today",
    yesterday: "Yesterday",
    fresh: "New",
    messageLabel: (name: string, time: string) => `${name}, ${time}`,
    edited: "edited",
    jumpToLatest: "Jump to latest",
    newBelow: (n: number) => count(n, "new message", "new messages"),
    typing: (names: readonly string[]) =>
      names.length === 0 ? "" : names.length > 3 ? "Several people are typing" : `${list.format(names)} ${names.length === 1 ? "is" : "are"} typing`,
    showAll: "Show all",
    showLess: "Show less",
    hiddenRest: (size: string) => `${size} not shown`,
    notSent: "Not sent.",
    discard: "Discard",
    sending: "Sending…",
    messageCopied: "Message copied",
    arrived: (name: string, text: string) => `${name}: ${text}`,
  },

  composer: {
    label: (room: string) => `Message ${room}`,
    send: "Send",
    enter: "Enter",
    toSend: "to send",
    readOnly: "You can read here, but not write.",
  },

  details: {
    label: "Details",
    members: "Members",
    here: "Here",
    offline: "Offline",
    carried: "Carried between you",
    carriedBody: (total: string, server: string) => `Of ${total} since Momoland started, the server passed on ${server}.`,
    carriedMeter: (direct: string, turn: string, server: string) => `${direct} direct, ${turn} through TURN, ${server} by the server`,
    pathTitle: (path: PeerPath) =>
      ({ direct: "Straight between your two computers", turn: "Through a TURN server, encrypted from end to end", relay: "Through the server’s relay" })[path],
        message: "Message",
    setRole: "Role",
    remove: "Remove from room",
    lastSeen: {
      now: "just now",
      minutes: (n: number) => `${number.format(n)} min ago`,
      hours: (n: number) => `${number.format(n)} h ago`,
      yesterday: "yesterday",
      days: (n: number) => `${number.format(n)} days ago`,
    },
    memberLabel: (name: string, presence: string, role: string) => `${name}, ${presence}, ${role}`,
    noRoom: "Nothing to show without a room.",
    failed: "That could not be done.",
  },

  dialogs: {
    createTitle: "Create a room",
    createBody: "Rooms hold a conversation. You can change all of this later.",
    createAction: "Create room",
    name: "Name",
    namePlaceholder: "boat-shed",
    topic: "Topic",
    topicHint: "What belongs here, in a few words. Optional.",
    who: "Who can join",
    private: "Private",
    privateHint: "Only people with an invite. Nobody else learns that it exists.",
    public: "Public",
    publicHint: "Listed for everybody on this server.",
    browseTitle: "Public rooms",
    browseBody: "Everybody on this server may join these.",
    browseFilter: "Filter rooms",
    browseEmpty: "No public rooms yet. Create the first one.",
    browseNoMatch: "No room has that in its name or topic.",
    open: "Open",
    joinRoom: "Join",
    joinLabel: (room: string) => `Join ${room}`,
    openLabel: (room: string) => `Open ${room}`,
    memberCount: (n: number) => count(n, "member", "members"),
    joinTitle: "Join with an invite",
    joinBody: "Paste the link that somebody gave you.",
    joinField: "Invite",
    joinPlaceholder: "momoland://join/…",
    joinAction: "Join room",
    joinMalformed: "This is not an invite. One begins with momoland://join/.",
    inviteTitle: (room: string) => `Invite to ${room}`,
    inviteBody: "Whoever has the link can join. Give it only to people you mean.",
    inviteRole: "They join as",
    inviteUses: "It works",
    inviteTtl: "It lasts",
    uses: (n: number | null) => (n === null ? "for any number of people" : n === 1 ? "once" : `for ${number.format(n)} people`),
    ttl: { hour: "one hour", day: "one day", week: "seven days", month: "thirty days" },
    inviteAction: "Make link",
    inviteLink: "Invite link",
    copyLink: "Copy link",
    settingsTitle: (room: string) => `Settings of ${room}`,
    invite: "Invite people",
    settings: "Room settings",
    leave: "Leave room",
    leaveTitle: (room: string) => `Leave ${room}?`,
    leaveBodyPrivate: "You need a new invite to come back. What you wrote stays with the others.",
    leaveBodyPublic: "You can join again from the public rooms. What you wrote stays with the others.",
    removeTitle: (name: string) => `Remove ${name}?`,
    removeBody: (room: string) => `They stop receiving anything from ${room}. What they wrote until now stays.`,
    removeAction: "Remove",
    ban: "Also refuse later joins",
  },

  notices: {
    roomGone: (room: string) => `You no longer belong to ${room}.`,
  },

  palette: {
    label: "Jump to a room, a person or a command",
    title: "Jump to",
    rooms: "Rooms",
    people: "People",
    commands: "Commands",
    empty: "Nothing here by that name.",
    move: "move",
    open: "open",
    close: "close",
    theme: (theme: string) => `Theme: ${theme}`,
    toggleDetails: "Show or hide details",
  },
} as const;

/** A size for people: 312 B, 5 kB, 2.4 MB. */
export function bytes(n: number): string {
  if (n < 1_000) return `${number.format(n)} B`;
  if (n < 1_000_000) return `${number.format(Math.round(n / 1_000))} kB`;
  if (n < 1_000_000_000) return `${number.format(Math.round(n / 100_000) / 10)} MB`;
  return `${number.format(Math.round(n / 100_000_000) / 10)} GB`;
}
