import { Ellipsis, MessageSquare, UserMinus } from "lucide-react";
import { useMemo, useState } from "react";
import { toast } from "sonner";
import { ApiError } from "@/api/error";
import type { Role, Room } from "@/api/types.gen";
import { Avatar } from "@/components/avatar";
import { IconButton } from "@/components/icon-button";
import { Menu, MenuChoice, MenuItem, MenuLine } from "@/components/menu";
import { PathBadge } from "@/components/path-badge";
import { useActions, useAppState } from "@/state/context";
import { lastSeenWords } from "@/features/details/last-seen";
import { carriedBetween, mayManage, openRoom, ownAccount, pathTo, presenceOf, rosterEntries, type RosterEntry } from "@/state/selectors";
import { bytes, strings } from "@/strings/strings";

const words = strings.details;
const NOBODY: ReadonlyMap<string, Role> = new Map();

/** The right pane: who belongs to the open room, how they are reached, and what peers carried. */
export function Details() {
  const room = useAppState(openRoom);
  return (
    <aside data-pane="details" tabIndex={-1} aria-label={words.label} className="flex flex-col min-h-0 h-full bg-bg border-s border-line focus:outline-none focus-visible:shadow-none [--under:var(--bg)]">
      <div className="flex items-center flex-none h-[52px] ps-5 pe-3">
        <h2 className="font-medium">{words.members}</h2>
      </div>
      {room === null ? <p className="flex-1 px-5 text-ink-3">{words.noRoom}</p> : <Roster room={room} />}
      <Carried />
    </aside>
  );
}

function Roster({ room }: { room: Room }) {
  const ownId = useAppState(ownAccount)?.userId;
  const roster = useAppState((state) => state.rosters.get(room.roomId) ?? NOBODY);
  const people = useAppState((state) => state.people);
  const entries = useMemo(() => rosterEntries(roster, people, ownId), [roster, people, ownId]);
  const hereIds = useAppState((state) => [...roster.keys()].filter((userId) => presenceOf(state, userId) !== "offline"));
  const here = entries.filter(({ person }) => hereIds.includes(person.userId));
  const away = entries.filter(({ person }) => !hereIds.includes(person.userId));

  return (
    <div className="flex-1 min-h-0 overflow-y-auto scroller px-2 pb-2">
      <Group label={words.here} room={room} entries={here} />
      {away.length > 0 && <Group label={words.offline} room={room} entries={away} />}
    </div>
  );
}

function Group({ label, room, entries }: { label: string; room: Room; entries: readonly RosterEntry[] }) {
  return (
    <section aria-label={label} className="not-first:mt-3">
      <h3 className="flex items-center h-7 px-2 text-small font-medium text-ink-3">
        {label}
        <span className="ms-1.5 tabular-nums">{entries.length}</span>
      </h3>
      <ul>
        {entries.map((entry) => (
          <MemberRow key={entry.person.userId} room={room} entry={entry} />
        ))}
      </ul>
    </section>
  );
}

function MemberRow({ room, entry: { person, role } }: { room: Room; entry: RosterEntry }) {
  const actions = useActions();
  const own = useAppState((state) => ownAccount(state)?.userId === person.userId);
  const presence = useAppState((state) => presenceOf(state, person.userId));
  const path = useAppState((state) => pathTo(state.net, person.userId));
  const [now] = useState(() => Date.now());
  const offline = presence === "offline";

  function write(): void {
    actions.openDirect(person.userId).catch((thrown: unknown) => toast.error(ApiError.from(thrown).message));
  }

  return (
    <li className="group relative flex items-center">
      <button
        type="button"
        disabled={own}
        aria-label={words.memberLabel(person.displayName, strings.presence[presence], strings.roles[role])}
        title={`${person.displayName} (${person.handle})`}
        onClick={write}
        className={`flex items-center gap-2.5 flex-1 min-w-0 h-[38px] touch:h-11 px-2 rounded-control text-start transition-colors duration-(--fast) enabled:hover:bg-hover ${offline ? "text-ink-3 [&_.avatar]:saturate-30" : "text-ink"}`}
      >
        <Avatar userId={person.userId} name={person.displayName} size={26} presence={presence} />
        <span className="flex-1 min-w-0">
          <span className="flex items-baseline gap-1.5">
            <span className="truncate foreign">{person.displayName}</span>
            {own && <span className="text-ink-3">{strings.you}</span>}
            {(role === "owner" || role === "moderator") && room.kind === "chat" && <span className="text-micro text-ink-3">{strings.roles[role].toLowerCase()}</span>}
          </span>
        </span>
        {!own && !offline && path !== null && <PathBadge path={path.path} word={strings.paths[path.path]} title={words.pathTitle(path.path)} rttMs={path.rttMs} />}
        {offline && person.lastSeen !== undefined && <span className="flex-none text-micro text-ink-3 tabular-nums">{lastSeenWords(person.lastSeen, now)}</span>}
      </button>
      {!own && <MemberMenu room={room} entry={{ person, role }} onMessage={write} />}
    </li>
  );
}

function MemberMenu({ room, entry: { person, role }, onMessage }: { room: Room; entry: RosterEntry; onMessage: () => void }) {
  const actions = useActions();
  const manages = mayManage(room) && (room.role === "owner" || role !== "owner");
  const offered: readonly Role[] = room.role === "owner" ? ["owner", "moderator", "member", "reader"] : ["moderator", "member", "reader"];

  function setRole(next: Role): void {
    actions.setRole(room.roomId, person.userId, next).catch((thrown: unknown) => toast.error(words.failed, { description: ApiError.from(thrown).message }));
  }

  if (!manages) return null;
  return (
    <Menu
      trigger={
        <IconButton
          label={words.memberMenu(person.displayName)}
          className="absolute end-1 bg-bg opacity-0 group-hover:opacity-100 focus-visible:opacity-100 data-[state=open]:opacity-100 touch:static touch:opacity-100"
        >
          <Ellipsis aria-hidden="true" />
        </IconButton>
      }
    >
      <MenuItem icon={MessageSquare} onSelect={onMessage}>
        {words.message}
      </MenuItem>
      <MenuLine />
      <MenuChoice label={words.setRole} value={role} onValue={setRole} options={offered.map((value) => ({ value, label: strings.roles[value] }))} />
      <MenuLine />
      <MenuItem icon={UserMinus} danger onSelect={() => actions.show({ kind: "removeMember", roomId: room.roomId, userId: person.userId })}>
        {words.remove}
      </MenuItem>
    </Menu>
  );
}

/** What peers spared the server. Not there until there is something true to say. */
function Carried() {
  const carried = useAppState((state) => carriedBetween(state.net));
  if (carried === null) return null;
  const { direct, turn, server } = carried;
  const total = direct + turn + server;
  const share = (100 * (direct + turn)) / total;

  return (
    <section aria-label={words.carried} className="flex-none m-3 mt-2 px-3.5 pt-3 pb-[13px] rounded-large border border-line bg-surface">
      <div className="flex items-baseline justify-between">
        <h3 className="font-medium">{words.carried}</h3>
        <span className="tabular-nums text-ink-2">{percent(share)}</span>
      </div>
      <div role="img" aria-label={words.carriedMeter(bytes(direct), bytes(turn), bytes(server))} className="flex gap-0.5 h-1.5 mt-2.5">
        <Segment bytes={direct} total={total} tone="bg-ok-dot" />
        <Segment bytes={turn} total={total} tone="bg-notice-dot" />
        <Segment bytes={server} total={total} tone="bg-quiet-dot" />
      </div>
      <p className="mt-2 text-small/[17px] text-ink-2">{words.carriedBody(bytes(total), bytes(server))}</p>
    </section>
  );
}

function Segment({ bytes: size, total, tone }: { bytes: number; total: number; tone: string }) {
  if (size === 0) return null;
  return <span className={`min-w-1 rounded-[3px] ${tone}`} style={{ flexGrow: size / total, flexBasis: 0 }} />;
}

/** Never rounded up to all of it: the server carried something. */
function percent(share: number): string {
  return `${Math.min(99.9, Math.round(share * 10) / 10).toFixed(1)}%`;
}
