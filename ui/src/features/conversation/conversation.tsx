import { Activity, ChevronLeft, Ellipsis, Hash, Lock, LogOut, Newspaper, PanelRight, Settings, Star, StarOff, UserPlus } from "lucide-react";
import type { ReactNode } from "react";
import { toast } from "sonner";
import { ApiError } from "@/client/error";
import type { Room } from "@/client/types";
import { Avatar } from "@/components/avatar";
import { Button } from "@/components/button";
import { IconButton } from "@/components/icon-button";
import { COMMAND_KEY } from "@/components/keys";
import { WITHOUT_DETAILS, useMedia } from "@/components/media";
import { Menu, MenuChoice, MenuItem, MenuLine } from "@/components/menu";
import { Middle } from "@/components/middle";
import { Failed, Loading } from "@/components/reading";
import { Composer } from "@/features/conversation/composer";
import { MessageList } from "@/features/conversation/message-list";
import { coversRoom } from "@/state/calls";
import { useActions, useAppState } from "@/state/context";
import { mayManage, mayPost, openRoom, pathTo, presenceOf, tellsNotifications, timelineOf, typingIn } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.conversation;

export type ConversationProps = {
  /** Whether there is a pane for them beside it. */
  details?: boolean;
  /** How a room is called: in its head, and while one is in its call under that. */
  call: { button: (room: Room) => ReactNode; bar: (room: Room) => ReactNode };
};

/** The middle pane: the open room, or a word about how to open one. */
export function Conversation({ details = true, call }: ConversationProps) {
  const room = useAppState(openRoom);
  const count = useAppState((state) => state.rooms?.size ?? null);

  return (
    <Middle>
      {room === null ? (
        count !== null && <NoneOpen none={count === 0} />
      ) : (
        <OpenRoom key={room.roomId} room={room} details={details} call={call} />
      )}
    </Middle>
  );
}

function NoneOpen({ none }: { none: boolean }) {
  const actions = useActions();
  return (
    <div className="flex-1 grid place-content-center justify-items-center gap-4 p-6 text-center">
      <h1 className="sr-only">{strings.product}</h1>
      <p className="text-body text-ink-2">{none ? strings.rooms.emptyBody : strings.rooms.noneOpen}</p>
      {none ? (
        <Button tone="main" onClick={() => actions.show({ kind: "createRoom" })}>
          {strings.rooms.create}
        </Button>
      ) : (
        <Button onClick={() => actions.show({ kind: "palette" })}>{strings.rooms.jump}</Button>
      )}
    </div>
  );
}

type OpenRoomProps = { room: Room; details: boolean; call: ConversationProps["call"] };

function OpenRoom({ room, details, call }: OpenRoomProps) {
  // Under a call that was laid over it, it is neither read nor reached by keys, and keeps its place.
  const covered = useAppState((state) => coversRoom(state.calls, room.roomId));
  return (
    <>
      <Head room={room} details={details} call={call} />
      {call.bar(room)}
      <div className="contents" inert={covered}>
        <Log room={room} />
        <TypingLine roomId={room.roomId} />
        <Composer room={room} />
      </div>
    </>
  );
}

function Head({ room, details, call }: OpenRoomProps) {
  const actions = useActions();
  const sheet = useMedia(WITHOUT_DETAILS);
  const shown = useAppState((state) => (sheet ? state.details.sheet : state.details.pane));
  const presence = useAppState((state) => presenceOf(state, room.peerUserId ?? ""));
  const Icon = room.visibility === "private" ? Lock : Hash;

  return (
    <header className="flex items-center gap-2.5 touch:gap-1 flex-none h-[52px] ps-6 pe-3 touch:ps-1 touch:pe-1.5 border-b border-line">
      <IconButton label={words.back} className="hidden touch:grid" onClick={() => actions.openRoom(null)}>
        <ChevronLeft aria-hidden="true" className="rtl:-scale-x-100" />
      </IconButton>
      <div className="flex items-center gap-2.5 flex-1 min-w-0 touch:flex-col touch:items-start touch:gap-0">
        <h1 className="flex items-center gap-1.5 max-w-full min-w-0 flex-[0_1_auto] font-strong text-title tracking-[-0.012em]">
          {room.kind === "direct" ? (
            <span className="me-1">
              <Avatar userId={room.peerUserId ?? room.roomId} name={room.name} size={22} presence={presence} />
            </span>
          ) : (
            <Icon aria-label={room.visibility === "private" ? strings.rooms.privateRoom : strings.rooms.publicRoom} role="img" className="flex-none size-4 text-ink-3" />
          )}
          <span className="truncate foreign">{room.name}</span>
        </h1>
        {room.topic !== "" && <p className="flex-[1_1_40%] min-w-0 truncate foreign ps-2.5 border-s border-line-strong leading-4 text-ink-3 touch:hidden">{room.topic}</p>}
        <HereLine room={room} />
      </div>
      {call.button(room)}
      <Menu
        trigger={
          <IconButton label={words.roomMenu}>
            <Ellipsis aria-hidden="true" />
          </IconButton>
        }
      >
        <RoomMenu room={room} />
      </Menu>
      {details && (
        <IconButton
          label={shown ? words.hideDetails : words.showDetails}
          keys={[COMMAND_KEY, "."]}
          aria-pressed={shown}
          onClick={() => actions.setDetails(sheet ? { sheet: !shown } : { pane: !shown })}
        >
          <PanelRight aria-hidden="true" />
        </IconButton>
      )}
    </header>
  );
}

function RoomMenu({ room }: { room: Room }) {
  const actions = useActions();
  const activity = useAppState(tellsNotifications);
  const refuse = (thrown: unknown): void => void toast.error(ApiError.from(thrown).message);
  return (
    <>
      <MenuChoice
        label={strings.notify.label}
        value={room.notify}
        onValue={(level) => void actions.setNotify(room.roomId, level).catch(refuse)}
        options={(["all", "mentions", "none"] as const).map((value) => ({ value, label: strings.notify.levels[value] }))}
      />
      <MenuLine />
      <MenuItem icon={room.favourite ? StarOff : Star} onChoose={() => void actions.setFavourite(room.roomId, !room.favourite).catch(refuse)}>
        {room.favourite ? strings.notify.notFavourite : strings.notify.favourite}
      </MenuItem>
      <MenuItem icon={Newspaper} onChoose={() => actions.openFeed(room.roomId)}>
        {strings.feed.open}
      </MenuItem>
      {room.kind === "chat" && (
        <>
          {activity && (
            <>
              <MenuItem icon={Activity} onChoose={() => actions.show({ kind: "activity", roomId: room.roomId })}>
                {strings.activity.menu}
              </MenuItem>
              <MenuLine />
            </>
          )}
          <MenuItem icon={UserPlus} onChoose={() => actions.show({ kind: "invite", roomId: room.roomId })}>
            {strings.dialogs.invite}
          </MenuItem>
          {mayManage(room) && (
            <MenuItem icon={Settings} onChoose={() => actions.show({ kind: "roomSettings", roomId: room.roomId })}>
              {strings.dialogs.settings}
            </MenuItem>
          )}
          <MenuLine />
          <MenuItem icon={LogOut} danger onChoose={() => actions.show({ kind: "leaveRoom", roomId: room.roomId })}>
            {strings.dialogs.leave}
          </MenuItem>
        </>
      )}
    </>
  );
}

/** Who is here, in the head of a narrow window, where the details are a tap away. */
function HereLine({ room }: { room: Room }) {
  const here = useAppState((state) => [...(state.rosters.get(room.roomId)?.keys() ?? [])].filter((userId) => presenceOf(state, userId) !== "offline").length);
  const direct = useAppState((state) => [...(state.rosters.get(room.roomId)?.keys() ?? [])].filter((userId) => pathTo(state.net, userId)?.path === "direct").length);
  if (here === 0) return null;
  return (
    <p className="hidden touch:flex items-center gap-[5px] max-w-full text-small/[15px] text-ink-3 [--dot-size:6px]">
      <span className="dot" />
      <span className="truncate">{words.here(here, direct)}</span>
    </p>
  );
}

function Log({ room }: { room: Room }) {
  const actions = useActions();
  const timeline = useAppState((state) => timelineOf(state, room.roomId));
  const hasUnsent = useAppState((state) => state.unsent.some((unsent) => unsent.roomId === room.roomId));

  switch (timeline?.kind) {
    case undefined:
    case "loading":
      return <Loading />;
    case "failed":
      return <Failed middle sentence={`${words.failed} ${timeline.error.message}`} action={strings.tryAgain} onRetry={() => actions.readTimeline(room.roomId)} />;
    case "ready":
      return timeline.messages.length === 0 && !hasUnsent ? <Empty room={room} /> : <MessageList room={room} timeline={timeline} />;
  }
}

function Empty({ room }: { room: Room }) {
  const actions = useActions();
  return (
    <div className="flex-1 grid place-content-center justify-items-center gap-4 p-6 text-center">
      <p className="text-body text-ink-2">{mayPost(room) ? words.empty : words.emptyReader}</p>
      {room.kind === "chat" && <Button onClick={() => actions.show({ kind: "invite", roomId: room.roomId })}>{strings.dialogs.invite}</Button>}
    </div>
  );
}

/** Always 24 px high, so that nothing jumps when somebody begins. */
function TypingLine({ roomId }: { roomId: string }) {
  const names = useAppState((state) => typingIn(state, roomId));
  return (
    <div role="status" className="flex items-center gap-2 flex-none h-6 mx-6 touch:mx-4 text-small text-ink-3">
      {names.length > 0 && (
        <>
          <span aria-hidden="true" className="typing-dots inline-flex gap-[3px]">
            <i />
            <i />
            <i />
          </span>
          <span className="truncate foreign">{words.typing(names.map((name) => (name === "" ? strings.somebody : name)))}</span>
        </>
      )}
    </div>
  );
}
