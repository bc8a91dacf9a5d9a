import { Dialog } from "radix-ui";
import { lazy, Suspense } from "react";
import type { Room } from "@/client/types";
import { useFocusReturn } from "@/components/focus";
import { NARROW, WITHOUT_DETAILS, useMedia } from "@/components/media";
import { useOpenedLinks } from "@/app/opened-links";
import { usePresence } from "@/app/presence";
import { useShortcuts } from "@/app/shortcuts";
import { useStartingRoom } from "@/app/starting-room";
import { AccountRow } from "@/features/account/account-row";
import { CallBar } from "@/features/call/call-bar";
import { CallButton } from "@/features/call/call-button";
import { FloatingCall } from "@/features/call/floating-call";
import { IncomingCallsOver } from "@/features/call/incoming";
import { Conversation } from "@/features/conversation/conversation";
import { MessageText } from "@/features/conversation/message-text";
import { Details } from "@/features/details/details";
import { DocumentPane } from "@/features/documents/document-pane";
import { useEditorAhead } from "@/features/documents/editor-ahead";
import { Announcements } from "@/features/inbox/announcements";
import { Feed } from "@/features/feed/feed";
import { Inbox } from "@/features/inbox/inbox";
import { RoomList } from "@/features/rooms/room-list";
import { useActions, useAppState } from "@/state/context";
import { strings } from "@/strings/strings";

/** The map and its world are had when somebody looks at them. */
const Places = lazy(() => import("@/features/places/places").then((places) => ({ default: places.Places })));
const places = (room: Room) => (
  <Suspense fallback={<p className="px-5 text-ink-3">{strings.places.loading}</p>}>
    <Places key={room.roomId} room={room} />
  </Suspense>
);

const call = { button: (room: Room) => <CallButton room={room} />, bar: (room: Room) => <CallBar room={room} /> };

/** The three panes; fewer where there is no room for them. */
export function Shell() {
  const actions = useActions();
  const narrow = useMedia(NARROW);
  const sheet = useMedia(WITHOUT_DETAILS);
  useEditorAhead();
  const roomId = useAppState((state) => state.openRoomId);
  const inbox = useAppState((state) => state.inboxOpen);
  const docOpen = useAppState((state) => state.openDocId !== null);
  const feed = useAppState((state) => state.feedOpen);
  const details = useAppState((state) => state.details);
  useShortcuts();
  useStartingRoom();
  useOpenedLinks();
  usePresence();

  const pane = !sheet && details.pane && roomId !== null;
  return (
    <div className="flex flex-col h-full">
      <IncomingCallsOver />
      <Announcements />
      <div className={`grid flex-1 min-h-0 grid-rows-[minmax(0,1fr)] ${narrow ? "grid-cols-[minmax(0,1fr)]" : pane ? "grid-cols-[var(--size-rooms)_minmax(0,1fr)_var(--size-details)]" : "grid-cols-[var(--size-rooms)_minmax(0,1fr)]"}`}>
        {narrow ? roomId === null && !inbox && !feed && <NarrowList /> : <RoomList foot={<AccountRow />} />}
        {inbox ? <Inbox /> : feed ? <Feed Text={MessageText} /> : docOpen ? <DocumentPane /> : (!narrow || roomId !== null) && <Conversation call={call} />}
        {pane && <Details places={places} />}
        {sheet && details.sheet && roomId !== null && <DetailsSheet onClose={() => actions.setDetails({ sheet: false })} />}
      </div>
      <FloatingCall />
    </div>
  );
}

/** The list as the whole of a narrow window. */
function NarrowList() {
  return (
    <main className="min-h-0">
      <h1 className="sr-only">{strings.product}</h1>
      <RoomList foot={<AccountRow />} />
    </main>
  );
}

function DetailsSheet({ onClose }: { onClose: () => void }) {
  const onClosed = useFocusReturn();
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="fades fixed inset-0 z-30 bg-scrim" />
        <Dialog.Content
          aria-describedby={undefined}
          onCloseAutoFocus={onClosed}
          onOpenAutoFocus={(event) => {
            // Into the sheet, but not onto its first button, which would show its tooltip over it.
            event.preventDefault();
            if (event.currentTarget instanceof HTMLElement) event.currentTarget.focus();
          }}
          tabIndex={-1}
          className="slides fixed z-30 inset-y-0 end-0 w-[320px] max-w-full shadow-3 focus:outline-none touch:w-[calc(100%-48px)]"
        >
          <Dialog.Title className="sr-only">{strings.details.label}</Dialog.Title>
          <Details places={places} onClose={onClose} />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
