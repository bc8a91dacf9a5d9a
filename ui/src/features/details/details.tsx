import { Mail, MessageSquare, UserMinus, X } from "lucide-react";
import { Tabs } from "radix-ui";
import { useMemo, type ReactNode } from "react";
import { toast } from "sonner";
import { ApiError } from "@/client/error";
import type { Role, Room } from "@/client/types";
import { Avatar } from "@/components/avatar";
import { useMinute } from "@/components/clock";
import { IconButton } from "@/components/icon-button";
import { Menu, MenuChoice, MenuHead, MenuItem, MenuLine } from "@/components/menu";
import { PathBadge } from "@/components/path-badge";
import { useActions, useAppState } from "@/state/context";
import { Documents } from "@/features/details/documents";
import { lastSeenWords } from "@/features/details/last-seen";
import { PinnedMessages } from "@/features/details/pinned";
import { administers, carriedBetween, mayManage, openRoom, ownAccount, pathTo, presenceOf, rosterEntries, type RosterEntry } from "@/state/selectors";
import type { DetailsTab } from "@/state/state";
import { bytes, strings } from "@/strings/strings";

const words = strings.details;
const TABS: readonly DetailsTab[] = ["members", "documents", "pinned", "places"];
const NOBODY: ReadonlyMap<string, Role> = new Map();

/** The right pane: who belongs to the open room, how they are reached, and what peers carried. */
export function Details({ places, onClose }: { /** Where people are, of a room. */ places: (room: Room) => ReactNode; onClose?: () => void }) {
  const actions = useActions();
  const room = useAppState(openRoom);
  const tab = useAppState((state) => state.details.tab);
  return (
    <aside data-pane="details" tabIndex={-1} aria-label={words.label} className="flex flex-col min-h-0 h-full bg-bg border-s border-line focus:outline-none focus-visible:shadow-none [--under:var(--bg)]">
      <Tabs.Root
        value={tab}
        onValueChange={(value) => actions.setDetails({ tab: TABS.find((each) => each === value) ?? "members" })}
        className="flex flex-col flex-1 min-h-0"
      >
        <div className="flex items-center justify-between flex-none h-[52px] ps-3 pe-3">
          <h2 className="sr-only">{words.label}</h2>
          <Tabs.List aria-label={words.tabs} className="flex gap-0.5 min-w-0 overflow-x-auto [scrollbar-width:none]">
            {TABS.map((each) => (
              <Tabs.Trigger
                key={each}
                value={each}
                className="grid place-items-center flex-none h-7 touch:h-9 px-1 rounded-control text-small font-medium text-ink-2 transition-colors duration-(--fast) hover:text-ink data-[state=active]:bg-selected data-[state=active]:text-ink"
              >
                {words[each]}
              </Tabs.Trigger>
            ))}
          </Tabs.List>
          {onClose !== undefined && (
            <IconButton label={strings.close} onClick={onClose}>
              <X aria-hidden="true" />
            </IconButton>
          )}
        </div>
        <Tabs.Content value="members" tabIndex={-1} className="flex flex-col flex-1 min-h-0 data-[state=inactive]:hidden focus-visible:shadow-none">
          {room === null ? <p className="flex-1 px-5 text-ink-3">{words.noRoom}</p> : <Roster room={room} />}
          <Carried />
        </Tabs.Content>
        <Tabs.Content value="documents" tabIndex={-1} className="flex flex-col flex-1 min-h-0 data-[state=inactive]:hidden focus-visible:shadow-none">
          {room === null ? <p className="flex-1 px-5 text-ink-3">{words.noRoom}</p> : <Documents key={room.roomId} room={room} />}
        </Tabs.Content>
        <Tabs.Content value="pinned" tabIndex={-1} className="flex flex-col flex-1 min-h-0 data-[state=inactive]:hidden focus-visible:shadow-none">
          {room === null ? <p className="flex-1 px-5 text-ink-3">{words.noRoom}</p> : <PinnedMessages key={room.roomId} room={room} />}
        </Tabs.Content>
        <Tabs.Content value="places" tabIndex={-1} className="flex flex-col flex-1 min-h-0 data-[state=inactive]:hidden focus-visible:shadow-none">
          {room === null ? <p className="flex-1 px-5 text-ink-3">{words.noRoom}</p> : places(room)}
        </Tabs.Content>
      </Tabs.Root>
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
  const own = useAppState((state) => ownAccount(state)?.userId === person.userId);
  const presence = useAppState((state) => presenceOf(state, person.userId));
  const path = useAppState((state) => pathTo(state.net, person.userId));
  const minute = useMinute();
  const offline = presence === "offline";
  const row = (
    <button
      type="button"
      disabled={own}
      aria-label={words.memberLabel(person.displayName, strings.presence[presence], strings.roles[role])}
      className={`flex items-center gap-2.5 w-full min-w-0 h-[38px] touch:h-11 px-2 rounded-control text-start transition-colors duration-(--fast) enabled:hover:bg-hover data-[state=open]:bg-selected ${offline ? "text-ink-3 [&_.avatar]:saturate-30" : "text-ink"}`}
    >
      <Avatar userId={person.userId} name={person.displayName} size={26} presence={presence} />
      <span className="flex-1 min-w-0">
        <span className="flex gap-1">
          <span className="truncate foreign">{person.displayName}</span>
          {own && <span className="text-ink-3">{strings.you}</span>}
        </span>
        {person.text !== undefined ? (
          <span className="block truncate foreign text-micro text-ink-3">{person.text}</span>
        ) : (
          role !== "member" && room.kind === "chat" && <span className="block text-micro text-ink-3">{strings.roles[role]}</span>
        )}
      </span>
      {!own && !offline && path !== null && <PathBadge path={path.path} word={strings.paths[path.path]} title={words.pathTitle(path.path)} rttMs={path.rttMs} />}
      {offline && person.lastSeen !== undefined && <span className="flex-none text-micro text-ink-3 tabular-nums">{lastSeenWords(person.lastSeen, minute)}</span>}
    </button>
  );
  return (
    <li>
      {own ? (
        row
      ) : (
        <Menu trigger={row}>
          <MemberMenu room={room} entry={{ person, role }} />
        </Menu>
      )}
    </li>
  );
}

function MemberMenu({ room, entry: { person, role } }: { room: Room; entry: RosterEntry }) {
  const actions = useActions();
  const path = useAppState((state) => pathTo(state.net, person.userId));
  const announces = useAppState(administers);
  // A moderator does not touch an owner.
  const manages = mayManage(room) && (room.role === "owner" || role !== "owner");
  const offered: readonly Role[] = room.role === "owner" ? ["owner", "moderator", "member", "reader"] : ["moderator", "member", "reader"];

  function write(): void {
    actions.openDirect(person.userId).catch((thrown: unknown) => toast.error(ApiError.from(thrown).message));
  }

  function setRole(next: Role): void {
    actions.setRole(room.roomId, person.userId, next).catch((thrown: unknown) => toast.error(words.failed, { description: ApiError.from(thrown).message }));
  }

  return (
    <>
      <MenuHead>
        <span className="block truncate foreign font-medium">{person.displayName}</span>
        <span className="block truncate foreign text-small text-ink-3">@{person.handle}</span>
        {path !== null && <span className="block mt-1 text-small text-ink-2">{words.pathTitle(path.path)}</span>}
      </MenuHead>
      <MenuLine />
      {room.kind === "chat" && (
        <MenuItem icon={MessageSquare} onChoose={write}>
          {words.message}
        </MenuItem>
      )}
      {announces && (
        <MenuItem icon={Mail} onChoose={() => actions.show({ kind: "notify", userId: person.userId })}>
          {strings.announce.notify}
        </MenuItem>
      )}
      {manages && (
        <>
          <MenuLine />
          <MenuChoice label={words.setRole} value={role} onValue={setRole} options={offered.map((value) => ({ value, label: strings.roles[value] }))} />
          <MenuLine />
          <MenuItem icon={UserMinus} danger onChoose={() => actions.show({ kind: "removeMember", roomId: room.roomId, userId: person.userId })}>
            {words.remove}
          </MenuItem>
        </>
      )}
    </>
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
