import { useEffect, useState } from "react";
import { ApiError } from "@/client/error";
import type { DirectoryRoom } from "@/client/types";
import { Button } from "@/components/button";
import { Dialog } from "@/components/dialog";
import { Field, Refusal } from "@/components/field";
import { useAttempt } from "@/components/use-attempt";
import { useActions } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.dialogs;

type Listing = { kind: "loading" } | { kind: "failed"; error: ApiError } | { kind: "ready"; rooms: readonly DirectoryRoom[] };

export function BrowseRoomsDialog() {
  const actions = useActions();
  const attempt = useAttempt();
  const [listing, setListing] = useState<Listing>({ kind: "loading" });
  const [filter, setFilter] = useState("");
  const [round, setRound] = useState(0);

  useEffect(() => {
    let current = true;
    actions.directory().then(
      (rooms) => current && setListing({ kind: "ready", rooms }),
      (thrown: unknown) => current && setListing({ kind: "failed", error: ApiError.from(thrown) }),
    );
    return () => {
      current = false;
    };
  }, [actions, round]);

  async function enter(room: DirectoryRoom): Promise<void> {
    const done = await attempt.run(async () => {
      if (room.joined) actions.openRoom(room.roomId);
      else await actions.joinRoom({ roomId: room.roomId });
    });
    if (done) actions.closeOverlay();
  }

  return (
    <Dialog title={words.browseTitle} body={words.browseBody} closeLabel={strings.close} onClose={actions.closeOverlay}>
      <Field label={words.browseFilter} value={filter} onValue={setFilter} autoFocus autoComplete="off" type="search" />
      {attempt.error !== null && <Refusal>{attempt.error.message}</Refusal>}
      <div className="mt-3 min-h-[120px]" aria-busy={listing.kind === "loading"}>
        <Listed
          listing={listing}
          filter={filter}
          busy={attempt.busy}
          onEnter={(room) => void enter(room)}
          onCreate={() => actions.show({ kind: "createRoom" })}
          onRetry={() => {
            setListing({ kind: "loading" });
            setRound(round + 1);
          }}
        />
      </div>
    </Dialog>
  );
}

type ListedProps = { listing: Listing; filter: string; busy: boolean; onEnter: (room: DirectoryRoom) => void; onCreate: () => void; onRetry: () => void };

function Listed({ listing, filter, busy, onEnter, onCreate, onRetry }: ListedProps) {
  switch (listing.kind) {
    case "loading":
      return null;
    case "failed":
      return (
        <>
          <Refusal>{listing.error.message}</Refusal>
          <Button className="mt-3" onClick={onRetry}>
            {strings.tryAgain}
          </Button>
        </>
      );
    case "ready": {
      if (listing.rooms.length === 0) {
        return (
          <div className="grid justify-items-center gap-3 py-6 text-center text-ink-2">
            {words.browseEmpty}
            <Button onClick={onCreate}>{strings.rooms.create}</Button>
          </div>
        );
      }
      const wanted = filter.trim().toLocaleLowerCase();
      const rooms = listing.rooms.filter((room) => `${room.name} ${room.topic}`.toLocaleLowerCase().includes(wanted));
      if (rooms.length === 0) return <p className="py-6 text-center text-ink-2">{words.browseNoMatch}</p>;
      return (
        <ul className="-mx-2">
          {rooms.map((room) => (
            <li key={room.roomId} className="flex items-center gap-3 px-2 py-2 rounded-control hover:bg-hover">
              <div className="flex-1 min-w-0">
                <p className="truncate foreign font-medium">{room.name}</p>
                <p className="truncate foreign text-small text-ink-3">
                  {words.memberCount(room.memberCount)}
                  {room.topic !== "" && `, ${room.topic}`}
                </p>
              </div>
              <Button disabled={busy} aria-label={room.joined ? words.openLabel(room.name) : words.joinLabel(room.name)} onClick={() => onEnter(room)}>
                {room.joined ? words.open : words.joinRoom}
              </Button>
            </li>
          ))}
        </ul>
      );
    }
  }
}
