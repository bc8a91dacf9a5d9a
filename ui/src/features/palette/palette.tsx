import {
  Activity, Bell, BellOff, Circle, Compass, FileDown, FileInput, FilePlus, FileText, Hash, Inbox as InboxIcon, Keyboard, Link, Lock, LogOut, MailOpen, MapPin, Megaphone, MessageSquare, Mic, Monitor, MonitorUp, Moon, Music, Newspaper, PanelRight, Pause, Pencil,
  Phone, PhoneOff, Pin, Play, Plus, Search, Settings, Square, Star, StarOff, Sun, UserPlus, Video, Wifi, WifiOff, type LucideIcon,
} from "lucide-react";
import { Command } from "cmdk";
import { Dialog } from "radix-ui";
import { useState, type ReactNode } from "react";
import { toast } from "sonner";
import { ApiError } from "@/client/error";
import type { Call, CallListening, Doc, Room } from "@/client/types";
import { Avatar } from "@/components/avatar";
import { useFocusReturn } from "@/components/focus";
import { COMMAND_KEY, Keys } from "@/components/keys";
import { WITHOUT_DETAILS } from "@/components/media";
import { chooseFile, formatOf, saveFile } from "@/components/text-files";
import { matchName, type Match } from "@/features/palette/match";
import { currentCall } from "@/state/calls";
import { useActions, useAppState } from "@/state/context";
import { placeOf } from "@/state/links";
import { playedIn } from "@/state/listening";
import { useTheme } from "@/state/preferences";
import { administers, listedRooms, mayManage, mayPost, openRoom, ownAccount, presenceOf, tellsNotifications } from "@/state/selectors";
import type { Person } from "@/state/state";
import { strings } from "@/strings/strings";

const words = strings.palette;
/** Of each kind; who wants more types another letter. */
const SHOWN_MAX = 8;

type Entry = { key: string; name: string; note?: string; picture: ReactNode; keys?: readonly string[]; run: () => void };

/** Everything by name: rooms, people, commands. */
export function Palette() {
  const actions = useActions();
  const [query, setQuery] = useState("");
  const rooms = useAppState(listedRooms).filter((room) => room.kind === "chat");
  const people = useAppState((state) => state.people);
  const account = useAppState(ownAccount);
  const commands = useCommands();
  const onClosed = useFocusReturn();

  const roomEntries = rooms.map((room): Entry => {
    const Icon = room.visibility === "private" ? Lock : Hash;
    return { key: `room-${room.roomId}`, name: room.name, note: room.topic, picture: <Icon aria-hidden="true" />, run: () => actions.openRoom(room.roomId) };
  });
  const personEntries = [...people.values()]
    .filter((person) => person.userId !== account?.userId)
    .map(
      (person): Entry => ({
        key: `person-${person.userId}`,
        name: person.displayName,
        note: person.handle,
        picture: <PersonPicture person={person} />,
        run: () => {
          actions.openDirect(person.userId).catch((thrown: unknown) => toast.error(ApiError.from(thrown).message));
        },
      }),
    );

  const docs = useAppState((state) => (state.openRoomId === null ? undefined : state.docs.get(state.openRoomId)));
  const docEntries = (docs?.kind === "ready" ? docs.docs : []).map((doc): Entry => ({ key: `doc-${doc.docId}`, name: doc.title, picture: <FileText aria-hidden="true" />, run: () => actions.openDoc(doc.docId) }));

  function choose(entry: Entry): void {
    actions.closeOverlay();
    entry.run();
  }

  return (
    <Dialog.Root open onOpenChange={(open) => !open && actions.closeOverlay()}>
      <Dialog.Portal>
        <Dialog.Overlay className="fades fixed inset-0 z-40 bg-scrim" />
        <Dialog.Content
          aria-describedby={undefined}
          onCloseAutoFocus={onClosed}
          className="floats fixed z-40 inset-x-3 top-[14vh] mx-auto max-w-[600px] overflow-hidden rounded-[15px] border border-line bg-raised shadow-3 focus:outline-none [--under:var(--raised)]"
        >
          <Dialog.Title className="sr-only">{words.title}</Dialog.Title>
          <Command label={words.label} shouldFilter={false} loop>
            <div className="flex items-center gap-2.5 h-[52px] px-4 border-b border-line text-ink-3">
              <Search aria-hidden="true" className="flex-none size-[18px]" />
              <Command.Input
                value={query}
                onValueChange={setQuery}
                aria-label={words.label}
                className="flex-1 min-w-0 h-full bg-transparent text-[16px]/[22px] text-ink tracking-[-0.01em] focus-visible:shadow-none"
              />
            </div>
            <Command.List label={words.title} className="max-h-[380px] overflow-y-auto scroller p-2 pt-1.5">
              <Command.Empty className="px-2 py-6 text-center text-ink-3">{words.empty}</Command.Empty>
              <Group heading={words.rooms} entries={roomEntries} query={query} onChoose={choose} />
              <Group heading={words.people} entries={personEntries} query={query} onChoose={choose} />
              <Group heading={strings.details.documents} entries={docEntries} query={query} onChoose={choose} />
              {placeOf(query.trim()) !== null && (
                <Group
                  heading={words.link}
                  entries={[{ key: "link", name: query.trim(), picture: <MessageSquare aria-hidden="true" />, run: () => actions.follow(query.trim()) }]}
                  query={query}
                  onChoose={choose}
                />
              )}
              <Group heading={words.commands} entries={commands} query={query} onChoose={choose} shownMax={40} />
            </Command.List>
          </Command>
          <div aria-hidden="true" className="flex items-center gap-4 h-[38px] px-4 border-t border-line text-small text-ink-3 touch:hidden">
            <span className="flex items-center gap-1.5">
              <Keys keys={["↑", "↓"]} />
              {words.move}
            </span>
            <span className="flex items-center gap-1.5">
              <Keys keys={["↵"]} />
              {words.open}
            </span>
            <span className="flex items-center gap-1.5 ms-auto">
              <Keys keys={["esc"]} />
              {words.close}
            </span>
          </div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Group({ heading, entries, query, onChoose, shownMax = SHOWN_MAX }: { heading: string; entries: readonly Entry[]; query: string; onChoose: (entry: Entry) => void; shownMax?: number }) {
  const found = entries
    .flatMap((entry) => {
      const match = matchName(entry.name, query);
      return match === null ? [] : [{ entry, match }];
    })
    .sort((a, b) => a.match.rank - b.match.rank)
    .slice(0, shownMax);
  if (found.length === 0) return null;
  return (
    <Command.Group heading={heading} className="[&_[cmdk-group-heading]]:px-2 [&_[cmdk-group-heading]]:pt-2.5 [&_[cmdk-group-heading]]:pb-[5px] [&_[cmdk-group-heading]]:text-small [&_[cmdk-group-heading]]:font-medium [&_[cmdk-group-heading]]:text-ink-3">
      {found.map(({ entry, match }) => (
        <Command.Item
          key={entry.key}
          value={entry.key}
          onSelect={() => onChoose(entry)}
          className="flex items-center gap-[11px] h-9 touch:h-11 px-2 rounded-[8px] text-ink cursor-default data-[selected=true]:bg-selected"
        >
          <span className="grid place-items-center flex-none size-[22px] [&>svg]:size-4 [&>svg]:stroke-[1.75] [&>svg]:text-ink-2">{entry.picture}</span>
          <span className="truncate foreign">
            <Marked text={entry.name} match={match} />
          </span>
          {entry.note !== undefined && entry.note !== "" && <span className="flex-1 min-w-0 truncate foreign text-small text-ink-3">{entry.note}</span>}
          {entry.keys !== undefined && <Keys keys={entry.keys} className="ms-auto" />}
        </Command.Item>
      ))}
    </Command.Group>
  );
}

function Marked({ text, match }: { text: string; match: Match }) {
  const parts: ReactNode[] = [];
  let from = 0;
  for (const [start, end] of match.ranges) {
    parts.push(text.slice(from, start), <mark key={start} className="bg-transparent font-strong text-accent-text">{text.slice(start, end)}</mark>);
    from = end;
  }
  parts.push(text.slice(from));
  return parts;
}

function PersonPicture({ person }: { person: Person }) {
  const presence = useAppState((state) => presenceOf(state, person.userId));
  return <Avatar userId={person.userId} name={person.displayName} size={20} presence={presence} />;
}

function useCommands(): readonly Entry[] {
  const actions = useActions();
  const details = useAppState((state) => state.details);
  const offline = useAppState((state) => state.net?.server === "offline");
  const ownText = useAppState((state) => state.people.get(ownAccount(state)?.userId ?? "")?.text ?? "");
  const [, setTheme] = useTheme();
  const themes: Readonly<Record<"light" | "dark" | "system", LucideIcon>> = { light: Sun, dark: Moon, system: Monitor };
  const entry = (name: string, Icon: LucideIcon, run: () => void, keys?: readonly string[]): Entry => ({
    key: `command-${name}`,
    name,
    picture: <Icon aria-hidden="true" />,
    run,
    ...(keys === undefined ? {} : { keys }),
  });

  const room = useAppState(openRoom);
  const call = useAppState((state) => currentCall(state.calls));
  const calls = useAppState((state) => state.calls.byRoom);
  const played = useAppState((state) => (call === null ? null : playedIn(call, state.calls.together)));
  const inbox = useAppState(tellsNotifications);
  const announces = useAppState(administers);
  const refuse = (thrown: unknown): void => void toast.error(ApiError.from(thrown).message);
  const ofRoom = (of: Room): readonly Entry[] => [
    entry(strings.shortcuts.firstNew, MailOpen, () => void actions.jumpToFirstNew(of.roomId), [COMMAND_KEY, "J"]),
    ...(mayPost(of) ? [entry(strings.docs.create, FilePlus, () => actions.show({ kind: "createDoc", roomId: of.roomId }))] : []),
    entry(words.pinnedIn(of.name), Pin, () => actions.setDetails({ tab: "pinned", ...(window.matchMedia(WITHOUT_DETAILS).matches ? { sheet: true } : { pane: true }) })),
    entry(words.placesIn(of.name), MapPin, () => actions.setDetails({ tab: "places", ...(window.matchMedia(WITHOUT_DETAILS).matches ? { sheet: true } : { pane: true }) }), [COMMAND_KEY, "⇧", "L"]),
    entry(of.favourite ? strings.notify.notFavourite : strings.notify.favourite, of.favourite ? StarOff : Star, () => void actions.setFavourite(of.roomId, !of.favourite).catch(refuse)),
    ...(["all", "mentions", "none"] as const)
      .filter((level) => level !== of.notify)
      .map((level) => entry(words.notify(strings.notify.levels[level]), level === "none" ? BellOff : Bell, () => void actions.setNotify(of.roomId, level).catch(refuse))),
    ...(of.kind === "chat"
      ? [
          entry(strings.dialogs.invite, UserPlus, () => actions.show({ kind: "invite", roomId: of.roomId })),
          ...(inbox ? [entry(strings.activity.title(of.name), Activity, () => actions.show({ kind: "activity", roomId: of.roomId }))] : []),
          ...(mayManage(of) ? [entry(strings.dialogs.settingsTitle(of.name), Settings, () => actions.show({ kind: "roomSettings", roomId: of.roomId }))] : []),
          entry(strings.dialogs.leaveTitle(of.name), LogOut, () => actions.show({ kind: "leaveRoom", roomId: of.roomId })),
        ]
      : []),
  ];

  const doc = useAppState((state) => {
    const list = state.openRoomId === null ? undefined : state.docs.get(state.openRoomId);
    return list?.kind === "ready" ? list.docs.find((each) => each.docId === state.openDocId) : undefined;
  });
  async function add(to: Doc): Promise<void> {
    const file = await chooseFile();
    if (file === null) return;
    await actions.importDoc({ docId: to.docId, format: formatOf(file.name), content: await file.text() });
    toast(strings.docs.imported(file.name));
  }
  const ofDoc = (of: Doc): readonly Entry[] => [
    entry(strings.docs.export.markdown, FileDown, () => void actions.exportDoc(of.docId, "markdown").then(saveFile).catch(refuse)),
    ...(of.readOnly === undefined ? [entry(strings.docs.import, FileInput, () => void add(of).catch(refuse))] : []),
  ];

  const ofPlayed = ({ title, state }: CallListening): readonly Entry[] => [
    state === "playing" ? entry(strings.call.listening.pauseIt(title), Pause, () => actions.listen({ action: "pause" })) : entry(strings.call.listening.playIt(title), Play, () => actions.listen({ action: "play" })),
    entry(strings.call.listening.stopIt(title), Square, () => actions.listen({ action: "stop" })),
  ];
  const inCall = (of: Call): readonly Entry[] => [
    entry(of.mic ? strings.call.mute : strings.call.unmute, Mic, actions.toggleMicrophone, [COMMAND_KEY, "⇧", "M"]),
    entry(of.camera ? strings.call.cameraOff : strings.call.cameraOn, Video, actions.toggleCamera, [COMMAND_KEY, "⇧", "O"]),
    entry(of.screen ? strings.call.screenOff : strings.call.screenOn, MonitorUp, actions.toggleScreen, [COMMAND_KEY, "⇧", "S"]),
    entry(played === null ? strings.call.listening.open : strings.call.listening.openOther, Music, actions.playTogether),
    ...(played === null ? [] : ofPlayed(played)),
    entry(strings.call.passage.title, Activity, () => actions.show({ kind: "callPassage" })),
    entry(strings.call.leave, PhoneOff, () => actions.leaveCall(of.roomId, of.callId)),
  ];
  const callable = (of: Room): readonly Entry[] =>
    mayPost(of) && !calls.has(of.roomId)
      ? [entry(words.call(of.name), Phone, () => actions.startCall(of.roomId, "audio")), entry(words.videoCall(of.name), Video, () => actions.startCall(of.roomId, "video"))]
      : [];

  return [
    ...(doc === undefined ? [] : ofDoc(doc)),
    ...(call !== null ? inCall(call) : room !== null ? callable(room) : []),
    ...(inbox ? [entry(strings.inbox.label, InboxIcon, () => actions.openInbox())] : []),
    entry(strings.feed.label, Newspaper, () => actions.openFeed()),
    ...(room === null ? [] : ofRoom(room)),
    ...(announces ? [entry(strings.announce.open, Megaphone, () => actions.show({ kind: "announce" }))] : []),
    entry(strings.rooms.create, Plus, () => actions.show({ kind: "createRoom" })),
    entry(strings.rooms.browse, Compass, () => actions.show({ kind: "browseRooms" })),
    entry(strings.rooms.join, Link, () => actions.show({ kind: "joinByInvite" })),
    entry(
      words.toggleDetails,
      PanelRight,
      () => actions.setDetails(window.matchMedia(WITHOUT_DETAILS).matches ? { sheet: !details.sheet } : { pane: !details.pane }),
      [COMMAND_KEY, "."],
    ),
    ...(["light", "dark", "system"] as const).map((theme) => entry(words.theme(strings.account.themes[theme]), themes[theme], () => setTheme(theme))),
    ...(["online", "away", "dnd"] as const).map((status) => entry(words.status(strings.account.statuses[status]), status === "dnd" ? BellOff : Circle, () => void actions.setPresence(status, ownText).catch(refuse))),
    entry(strings.call.trying.open, Mic, () => actions.show({ kind: "tryDevices" })),
    entry(strings.account.shortcuts, Keyboard, () => actions.show({ kind: "shortcuts" }), [COMMAND_KEY, "/"]),
    entry(strings.account.editName, Pencil, () => actions.show({ kind: "profile" })),
    entry(offline ? strings.account.goOnline : strings.account.goOffline, offline ? Wifi : WifiOff, () => {
      actions.setOnline(offline).catch((thrown: unknown) => toast.error(ApiError.from(thrown).message));
    }),
    entry(strings.account.signOut, LogOut, () => actions.show({ kind: "signOut" })),
  ];
}
