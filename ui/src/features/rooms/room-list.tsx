import { BellOff, Compass, Hash, Inbox as InboxIcon, Link, Lock, Newspaper, PencilLine, Plus, Search, SquarePen, type LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import type { Room } from "@/client/types";
import { Avatar } from "@/components/avatar";
import { Button } from "@/components/button";
import { Count } from "@/components/count";
import { focusComposer } from "@/components/focus";
import { IconButton } from "@/components/icon-button";
import { COMMAND_KEY, Keys } from "@/components/keys";
import { Mark } from "@/components/mark";
import { Menu, MenuItem } from "@/components/menu";
import { useActions, useAppState } from "@/state/context";
import { chatRooms, directRooms, favouriteRooms, mentionsOf, ownAccount, presenceOf, unreadOf } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.rooms;
const UNREAD_SHOWN_MAX = 99;

/** The left pane: the place, a way to jump, rooms and people. `foot` stands under it. */
export function RoomList({ foot }: { foot: ReactNode }) {
  const actions = useActions();
  const account = useAppState(ownAccount);
  const known = useAppState((state) => state.rooms !== null);
  const favourites = useAppState(favouriteRooms);
  const rooms = useAppState(chatRooms);
  const people = useAppState(directRooms);

  return (
    <nav data-pane="rooms" tabIndex={-1} aria-label={words.label} className="flex flex-col min-h-0 min-w-0 h-full bg-bg border-e border-line focus:outline-none touch:border-0">
      <div className="flex items-center gap-2.5 flex-none h-[52px] ps-4 pe-3">
        <Mark />
        <span className="flex-1 min-w-0 truncate foreign font-strong text-title tracking-[-0.012em]">{placeName(account?.server ?? "")}</span>
        <Menu
          trigger={
            <IconButton label={words.newRoom}>
              <SquarePen aria-hidden="true" />
            </IconButton>
          }
        >
          <WaysToRooms />
        </Menu>
      </div>
      <button
        type="button"
        onClick={() => actions.show({ kind: "palette" })}
        className="flex items-center gap-2 flex-none h-8 touch:h-9 mx-3 mt-0.5 mb-2.5 ps-2.5 pe-2 rounded-control bg-raised dark:bg-surface border border-line shadow-1 text-ink-3 text-start transition-colors duration-(--fast) hover:border-line-strong"
      >
        <Search aria-hidden="true" className="size-3.5" />
        {words.jump}
        <Keys keys={[COMMAND_KEY, "K"]} className="ms-auto touch:hidden" />
      </button>
      <div className="flex-1 min-h-0 overflow-y-auto scroller px-2 pb-2">
        <InboxRow />
        <FeedRow />
        {favourites.length > 0 && (
          <Group label={strings.notify.favourites} first>
            {favourites.map((room) => (
              <RoomRow key={room.roomId} room={room} />
            ))}
          </Group>
        )}
        <Group
          label={words.rooms}
          first={favourites.length === 0}
          end={
            <Menu
              align="start"
              trigger={
                <IconButton label={words.addRoom} className="size-[22px] -me-1 [&_svg]:size-3.5">
                  <Plus aria-hidden="true" />
                </IconButton>
              }
            >
              <WaysToRooms />
            </Menu>
          }
        >
          {rooms.map((room) => (
            <RoomRow key={room.roomId} room={room} />
          ))}
        </Group>
        {!known && <Skeleton />}
        {known && rooms.length === 0 && (
          <div className="px-2 py-1">
            <p className="text-ink-3">{words.empty}</p>
            <div className="hidden touch:block mt-3">
              <Button onClick={() => actions.show({ kind: "createRoom" })}>{words.create}</Button>
            </div>
          </div>
        )}
        {people.length > 0 && (
          <Group label={words.people}>
            {people.map((room) => (
              <RoomRow key={room.roomId} room={room} />
            ))}
          </Group>
        )}
      </div>
      {foot}
    </nav>
  );
}

/** There once the engine has told of what is in it. */
function InboxRow() {
  const actions = useActions();
  const inbox = useAppState((state) => state.inbox);
  const open = useAppState((state) => state.inboxOpen);
  if (inbox === null) return null;
  return (
    <button
      type="button"
      aria-current={open ? "page" : undefined}
      onClick={() => actions.openInbox()}
      className={`flex items-center gap-2.5 w-full h-[30px] touch:h-10 px-2 rounded-control text-start transition-colors duration-(--fast) hover:bg-hover ${open ? "bg-selected text-ink font-medium" : inbox.unread > 0 ? "text-ink font-strong" : "text-ink-2"}`}
    >
      <InboxIcon aria-hidden="true" className="flex-none size-4 stroke-[1.75] text-ink-2" />
      <span className="flex-1 min-w-0 truncate">{strings.inbox.label}</span>
      {inbox.unread > 0 && <Count shown={capped(inbox.unread)} label={strings.inbox.unread(inbox.unread)} forYou />}
    </button>
  );
}

/** What everybody on this server reads. */
function FeedRow() {
  const actions = useActions();
  const open = useAppState((state) => state.feedOpen && state.feed.of === null);
  return (
    <button
      type="button"
      aria-current={open ? "page" : undefined}
      onClick={() => actions.openFeed()}
      className={`flex items-center gap-2.5 w-full h-[30px] touch:h-10 mb-2 px-2 rounded-control text-start transition-colors duration-(--fast) hover:bg-hover ${open ? "bg-selected text-ink font-medium" : "text-ink-2"}`}
    >
      <Newspaper aria-hidden="true" className="flex-none size-4 stroke-[1.75] text-ink-2" />
      <span className="flex-1 min-w-0 truncate">{strings.feed.label}</span>
    </button>
  );
}

function WaysToRooms() {
  const actions = useActions();
  return (
    <>
      <MenuItem icon={Plus} onChoose={() => actions.show({ kind: "createRoom" })}>
        {words.create}
      </MenuItem>
      <MenuItem icon={Compass} onChoose={() => actions.show({ kind: "browseRooms" })}>
        {words.browse}
      </MenuItem>
      <MenuItem icon={Link} onChoose={() => actions.show({ kind: "joinByInvite" })}>
        {words.join}
      </MenuItem>
    </>
  );
}

function Group({ label, first = false, end, children }: { label: string; first?: boolean; end?: ReactNode; children: ReactNode }) {
  return (
    <section aria-label={label}>
      <div className={`flex items-center justify-between h-7 px-2 ${first ? "" : "mt-3"}`}>
        <h2 className="text-small font-medium text-ink-3">{label}</h2>
        {end}
      </div>
      <ul>{children}</ul>
    </section>
  );
}

function RoomRow({ room }: { room: Room }) {
  const actions = useActions();
  const conversing = useAppState((state) => state.openRoomId === room.roomId);
  const open = useAppState((state) => conversing || (state.feedOpen && state.feed.of === room.roomId));
  const unread = useAppState((state) => unreadOf(state, room));
  const mentions = useAppState((state) => mentionsOf(state, room));
  const drafted = useAppState((state) => state.openRoomId !== room.roomId && (state.drafts.get(room.roomId)?.text ?? "").trim() !== "");
  const presence = useAppState((state) => presenceOf(state, room.peerUserId ?? ""));
  const muted = room.notify === "none";
  const tone = open ? "bg-selected text-ink font-medium" : muted && mentions === 0 ? "text-ink-3" : unread > 0 ? "text-ink font-strong" : "text-ink-2";
  const Icon: LucideIcon = room.visibility === "private" ? Lock : Hash;

  return (
    <li>
      <button
        type="button"
        aria-current={open ? "page" : undefined}
        onClick={() => {
          // Open already, perhaps because the window began with it: what follows is the same.
          if (conversing) focusComposer();
          else actions.openRoom(room.roomId);
        }}
        className={`flex items-center gap-2.5 w-full h-[30px] touch:h-10 px-2 rounded-control text-start transition-colors duration-(--fast) hover:bg-hover ${tone}`}
      >
        {room.kind === "direct" ? (
          <Avatar userId={room.peerUserId ?? room.roomId} name={room.name} size={20} presence={presence} />
        ) : (
          <Icon aria-label={room.visibility === "private" ? words.privateRoom : words.publicRoom} role="img" className={`flex-none size-4 stroke-[1.75] ${open || unread > 0 ? "text-ink-2" : "text-ink-3"}`} />
        )}
        <span className="flex-1 min-w-0 truncate foreign">{room.name}</span>
        {muted && <BellOff role="img" aria-label={strings.notify.muted} className="flex-none size-3.5 stroke-[1.75] text-ink-3" />}
        {drafted && <PencilLine role="img" aria-label={words.draft} className="flex-none size-3.5 stroke-[1.75] text-ink-3" />}
        {mentions > 0 ? (
          <Count shown={capped(mentions)} label={words.mentions(mentions, unread)} forYou />
        ) : (
          unread > 0 && !muted && <Count shown={capped(unread)} label={words.unread(unread)} forYou={room.kind === "direct"} />
        )}
      </button>
    </li>
  );
}

function capped(n: number): string {
  return n > UNREAD_SHOWN_MAX ? words.unreadCap : String(n);
}

/** Only on a first sync: what is on the disk is there at once. */
function Skeleton() {
  return (
    <div aria-hidden="true" className="grid gap-2 px-2 py-2">
      {[70, 50, 62].map((width) => (
        <div key={width} className="h-3.5 rounded-small bg-sunken" style={{ inlineSize: `${width}%` }} />
      ))}
    </div>
  );
}

/** What the server is called in the head of the pane: its host, without what everybody knows. */
function placeName(server: string): string {
  try {
    return new URL(server).host;
  } catch {
    return server;
  }
}
