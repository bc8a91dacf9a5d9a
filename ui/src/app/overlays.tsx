import { lazy, Suspense } from "react";
import type { Doc } from "@/client/types";
import { ProfileDialog, SignOutDialog } from "@/features/account/account-dialogs";
import { CallDialogs } from "@/features/call/dialogs";
import { AnnounceDialog, NotifyDialog } from "@/features/dialogs/announce";
import { ActivityDialog } from "@/features/dialogs/activity";
import { BrowseRoomsDialog } from "@/features/dialogs/browse-rooms";
import { DeleteMessageDialog, LeaveRoomDialog, RemoveMemberDialog } from "@/features/dialogs/confirm";
import { CreateDocDialog, DocSettingsDialog } from "@/features/dialogs/document";
import { DocHistoryDialog } from "@/features/dialogs/doc-history";
import { CreateRoomDialog } from "@/features/dialogs/create-room";
import { InviteDialog } from "@/features/dialogs/invite";
import { JoinByInviteDialog } from "@/features/dialogs/join-by-invite";
import { ReceiptsDialog } from "@/features/dialogs/receipts";
import { ShortcutsDialog } from "@/features/dialogs/shortcuts";
import { RoomSettingsDialog } from "@/features/dialogs/room-settings";
import { DeletePostDialog } from "@/features/feed/delete-post";
import { FeedAuthorsDialog } from "@/features/feed/feed-authors";
import { HidePostDialog } from "@/features/feed/hide-post";
import { Palette } from "@/features/palette/palette";
import { useAppState } from "@/state/context";

const MapDialog = lazy(() => import("@/features/places/places").then((places) => ({ default: places.MapDialog })));

function findDoc(docs: readonly Doc[], docId: string): Doc | undefined {
  return docs.find((doc) => doc.docId === docId);
}

/** What lies over the panes. What is about a room goes when the room does. */
export function Overlays() {
  const overlay = useAppState((state) => state.overlay);
  const room = useAppState((state) => (state.overlay !== null && "roomId" in state.overlay ? (state.rooms?.get(state.overlay.roomId) ?? null) : null));

  const doc = useAppState(({ overlay: shown, docs }) => {
    if (shown?.kind !== "docSettings" && shown?.kind !== "docHistory") return null;
    const list = docs.get(shown.roomId);
    return (list?.kind === "ready" ? findDoc(list.docs, shown.docId) : undefined) ?? null;
  });

  switch (overlay?.kind) {
    case undefined:
      return null;
    case "palette":
      return <Palette />;
    case "createRoom":
      return <CreateRoomDialog />;
    case "browseRooms":
      return <BrowseRoomsDialog />;
    case "joinByInvite":
      return <JoinByInviteDialog offered={overlay.invite} />;
    case "invite":
      return room && <InviteDialog room={room} />;
    case "roomSettings":
      return room && <RoomSettingsDialog room={room} />;
    case "leaveRoom":
      return room && <LeaveRoomDialog room={room} />;
    case "removeMember":
      return room && <RemoveMemberDialog room={room} userId={overlay.userId} />;
    case "deleteMessage":
      return room && <DeleteMessageDialog room={room} messageId={overlay.messageId} />;
    case "receipts":
      return room && <ReceiptsDialog room={room} messageId={overlay.messageId} />;
    case "createDoc":
      return room && <CreateDocDialog room={room} />;
    case "docHistory":
      return doc && <DocHistoryDialog key={doc.docId} doc={doc} />;
    case "docSettings":
      return room && doc && <DocSettingsDialog room={room} doc={doc} />;
    case "activity":
      return room && <ActivityDialog room={room} />;
    case "announce":
      return <AnnounceDialog />;
    case "notify":
      return <NotifyDialog userId={overlay.userId} />;
    case "deletePost":
      return <DeletePostDialog postId={overlay.postId} commentId={overlay.commentId} />;
    case "hidePost":
      return <HidePostDialog postId={overlay.postId} commentId={overlay.commentId} />;
    case "feedAuthors":
      return <FeedAuthorsDialog />;
    case "map":
      return (
        room && (
          <Suspense>
            <MapDialog room={room} />
          </Suspense>
        )
      );
    case "shareScreen":
    case "tryDevices":
    case "playFile":
    case "callPassage":
      return <CallDialogs />;
    case "shortcuts":
      return <ShortcutsDialog />;
    case "profile":
      return <ProfileDialog />;
    case "signOut":
      return <SignOutDialog />;
  }
}
