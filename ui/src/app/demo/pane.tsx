import type { Room } from "@/client/types";
import { AppWindow, FileText, Inbox as InboxIcon, Map as MapIcon, MessageSquare, Newspaper, type LucideIcon } from "lucide-react";
import { lazy, Suspense, useEffect, useState } from "react";
import { useNet, type Player } from "@/app/demo/players";
import { linkTo } from "@/app/demo/traffic";
import { Overlays } from "@/app/overlays";
import { Avatar } from "@/components/avatar";
import { IconButton } from "@/components/icon-button";
import { MiddleElement } from "@/components/middle";
import { PathBadge } from "@/components/path-badge";
import { ConnectionLine } from "@/features/account/account-row";
import { CallBar } from "@/features/call/call-bar";
import { CallButton } from "@/features/call/call-button";
import { CallDialogs } from "@/features/call/dialogs";
import { IncomingCalls } from "@/features/call/incoming";
import { Conversation } from "@/features/conversation/conversation";
import { MessageText } from "@/features/conversation/message-text";
import { DocumentPane } from "@/features/documents/document-pane";
import { Feed } from "@/features/feed/feed";
import { Announcements } from "@/features/inbox/announcements";
import { Inbox } from "@/features/inbox/inbox";
import { AppContext, useActions, useAppState } from "@/state/context";
import { presenceOf, tellsNotifications } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.demo;
const Places = lazy(() => import("@/features/places/places").then((places) => ({ default: places.Places })));

const call = { button: (room: Room) => <CallButton room={room} />, bar: (room: Room) => <CallBar room={room} /> };

type Tab = keyof typeof words.tabs;
const ICONS: Readonly<Record<Tab, LucideIcon>> = { chat: MessageSquare, feed: Newspaper, document: FileText, map: MapIcon, inbox: InboxIcon };

export type PersonPaneProps = { player: Player; others: readonly Player[]; roomId: string; docId: string };

/** One person's window: the same screens as everywhere, over that person's own engine. */
export function PersonPane({ player, others, roomId, docId }: PersonPaneProps) {
  return (
    <AppContext value={player.model}>
      <MiddleElement value="div">
        <section aria-label={words.paneOf(player.person.name)} data-person={player.person.handle} className="flex flex-col min-w-0 min-h-0 rounded-large border border-line bg-surface shadow-1 overflow-hidden [--under:var(--surface)]">
          <Head player={player} others={others} />
          <Body name={player.person.name} roomId={roomId} docId={docId} />
        </section>
        <Overlays />
      </MiddleElement>
    </AppContext>
  );
}

function Head({ player, others }: { player: Player; others: readonly Player[] }) {
  const { person } = player;
  const net = useNet(player);
  const presence = useAppState((state) => presenceOf(state, person.userId));
  return (
    <header className="flex flex-wrap items-center gap-x-3 gap-y-1.5 flex-none min-h-[56px] ps-4 pe-2.5 py-2 bg-bg border-b border-line [--under:var(--bg)]">
      <Avatar userId={person.userId} name={person.name} size={32} presence={presence} />
      <div className="flex-1 min-w-[168px]">
        <h2 className="truncate foreign font-strong text-ui">{person.name}</h2>
        <ConnectionLine />
      </div>
      <ul aria-label={words.links(person.name)} className="flex flex-wrap justify-end gap-1.5 min-w-0">
        {others.map((other) => {
          const link = linkTo(net, other.person.userId);
          return (
            <li key={other.person.userId} className="flex items-center gap-1.5">
              <Avatar userId={other.person.userId} name={other.person.name} size={18} />
              <span className="sr-only">{other.person.name}</span>
              {link !== null ? (
                <PathBadge path={link.path} word={strings.paths[link.path]} title={strings.details.pathTitle(link.path)} rttMs={link.rttMs} />
              ) : net?.server === "online" ? (
                <PathBadge path="relay" word={strings.paths.relay} title={strings.details.pathTitle("relay")} rttMs={null} />
              ) : (
                <span data-path="none" className="inline-flex items-center h-5 px-[7px] rounded-round bg-sunken text-[11px]/none font-medium text-ink-2 whitespace-nowrap">
                  {words.noLink}
                </span>
              )}
            </li>
          );
        })}
      </ul>
      <IconButton label={words.alone(person.name)} className="touch:hidden" onClick={() => window.open(`/?as=${encodeURIComponent(person.handle)}`, "_blank", "noopener")}>
        <AppWindow aria-hidden="true" />
      </IconButton>
    </header>
  );
}

function Body({ name, roomId, docId }: { name: string; roomId: string; docId: string }) {
  const actions = useActions();
  const room = useAppState((state) => state.rooms?.get(roomId) ?? null);
  const inbox = useAppState(tellsNotifications);
  const unread = useAppState((state) => state.inbox?.unread ?? 0);
  const shown = useAppState((state): Tab => (state.inboxOpen ? "inbox" : state.feedOpen ? "feed" : state.openDocId !== null ? "document" : "chat"));
  const [mapped, setMapped] = useState(false);
  const tab = mapped ? "map" : shown;

  const there = room !== null;
  useEffect(() => {
    if (!there) return;
    actions.openRoom(roomId);
    // A document's pane knows it by the list.
    actions.readDocs(roomId);
  }, [actions, there, roomId]);

  function open(next: Tab): void {
    setMapped(next === "map");
    switch (next) {
      case "chat":
      case "map":
        actions.openRoom(roomId);
        actions.openDoc(null);
        break;
      case "feed":
        actions.openFeed();
        break;
      case "document":
        actions.openRoom(roomId);
        actions.openDoc(docId);
        break;
      case "inbox":
        actions.openInbox();
        break;
    }
  }

  return (
    <>
      <div role="group" aria-label={words.tabsOf(name)} className="flex gap-1 flex-none px-2.5 py-1.5 border-b border-line overflow-x-auto">
        {(["chat", "feed", "document", "map", "inbox"] as const)
          .filter((each) => each !== "inbox" || inbox)
          .map((each) => {
            const Icon = ICONS[each];
            return (
              <button
                key={each}
                type="button"
                aria-pressed={tab === each}
                onClick={() => open(each)}
                className={`inline-flex items-center gap-1.5 h-7 touch:h-9 px-2.5 rounded-control font-medium whitespace-nowrap transition-colors duration-(--fast) hover:bg-hover hover:text-ink ${tab === each ? "bg-selected text-ink" : "text-ink-2"}`}
              >
                <Icon aria-hidden="true" className="size-[15px] stroke-[1.75]" />
                {words.tabs[each]}
                {each === "inbox" && unread > 0 && <span className="tabular-nums text-accent-text">{unread}</span>}
              </button>
            );
          })}
      </div>
      <IncomingCalls className="flex-none p-2.5" />
      <Announcements />
      <div className="flex flex-col flex-1 min-h-0">
        {tab === "chat" && <Conversation details={false} call={call} />}
        {tab === "feed" && <Feed Text={MessageText} />}
        {tab === "document" && <DocumentPane />}
        {tab === "inbox" && <Inbox />}
        {tab === "map" && room !== null && (
          <div className="flex flex-col flex-1 min-h-0 pt-3">
            <Suspense fallback={<p className="px-5 text-ink-3">{strings.places.loading}</p>}>
              <Places room={room} />
            </Suspense>
          </div>
        )}
      </div>
      <CallDialogs />
    </>
  );
}
