import { Keyboard, LogOut, Megaphone, Mic, Pencil, Settings, Wifi, WifiOff } from "lucide-react";
import { Popover } from "radix-ui";
import { toast } from "sonner";
import { ApiError } from "@/client/error";
import { Avatar } from "@/components/avatar";
import { IconButton } from "@/components/icon-button";
import { COMMAND_KEY } from "@/components/keys";
import { Menu, MenuChoice, MenuItem, MenuLine } from "@/components/menu";
import { PathBadge } from "@/components/path-badge";
import { useActions, useAppState } from "@/state/context";
import { useTheme } from "@/state/preferences";
import { administers, connectionOf, ownAccount, presenceOf, type Connection } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.account;

/** The foot of the left pane: who one is, what the connection is like, and what belongs to neither room nor person. */
export function AccountRow() {
  const actions = useActions();
  const account = useAppState(ownAccount);
  const offline = useAppState((state) => state.net?.server === "offline");
  const [theme, setTheme] = useTheme();
  const announces = useAppState(administers);

  const own = useAppState((state) => state.people.get(ownAccount(state)?.userId ?? ""));
  const status = own?.status ?? "online";
  const presence = useAppState((state) => presenceOf(state, account?.userId ?? ""));
  if (account === null) return null;

  function setStatus(next: "online" | "away" | "dnd"): void {
    actions.setPresence(next, own?.text ?? "").catch((thrown: unknown) => toast.error(ApiError.from(thrown).message));
  }

  function setOnline(online: boolean): void {
    actions.setOnline(online).catch((thrown: unknown) => toast.error(ApiError.from(thrown).message));
  }

  return (
    <div className="flex items-center gap-2.5 flex-none py-2.5 ps-3.5 pe-2.5 border-t border-line">
      <Avatar userId={account.userId} name={account.displayName} size={30} {...(presence === "dnd" ? { presence } : {})} />
      <div className="flex-1 min-w-0">
        <p className="truncate foreign font-medium">{account.displayName}</p>
        <ConnectionLine />
      </div>
      <Menu
        side="top"
        trigger={
          <IconButton label={words.menu}>
            <Settings aria-hidden="true" />
          </IconButton>
        }
      >
        <MenuChoice
          label={words.theme}
          value={theme}
          onValue={setTheme}
          options={(["light", "dark", "system"] as const).map((value) => ({ value, label: words.themes[value] }))}
        />
        <MenuLine />
        <MenuChoice
          label={words.status}
          value={status === "offline" ? "online" : status}
          onValue={setStatus}
          options={(["online", "away", "dnd"] as const).map((value) => ({ value, label: words.statuses[value] }))}
        />
        <MenuLine />
        <MenuItem icon={Pencil} onChoose={() => actions.show({ kind: "profile" })}>
          {words.editName}
        </MenuItem>
        {offline ? (
          <MenuItem icon={Wifi} onChoose={() => setOnline(true)}>
            {words.goOnline}
          </MenuItem>
        ) : (
          <MenuItem icon={WifiOff} onChoose={() => setOnline(false)}>
            {words.goOffline}
          </MenuItem>
        )}
        {announces && (
          <MenuItem icon={Megaphone} onChoose={() => actions.show({ kind: "announce" })}>
            {strings.announce.open}
          </MenuItem>
        )}
        <MenuItem icon={Mic} onChoose={() => actions.show({ kind: "tryDevices" })}>
          {strings.call.trying.open}
        </MenuItem>
        <MenuItem icon={Keyboard} keys={[COMMAND_KEY, "/"]} onChoose={() => actions.show({ kind: "shortcuts" })}>
          {words.shortcuts}
        </MenuItem>
        <MenuLine />
        <MenuItem icon={LogOut} onChoose={() => actions.show({ kind: "signOut" })}>
          {words.signOut}
        </MenuItem>
      </Menu>
    </div>
  );
}

/** One line that tells the truth; it opens to say more. */
export function ConnectionLine() {
  const connection = useAppState(connectionOf);
  return (
    <Popover.Root>
      <div role="status" className="flex">
        <Popover.Trigger
          title={strings.connection.details}
          className="flex items-center max-w-full -ms-1 ps-1 pe-1.5 rounded-small text-small text-ink-2 transition-colors duration-(--fast) hover:bg-hover hover:text-ink"
        >
          <span className="link-dot" data-connection={connection.kind} />
          <span className="truncate">{sentence(connection)}</span>
        </Popover.Trigger>
      </div>
      <Popover.Portal>
        <Popover.Content
          side="top"
          align="start"
          sideOffset={10}
          collisionPadding={8}
          aria-label={strings.connection.details}
          className="floats z-50 w-[300px] max-w-[calc(100vw-16px)] p-3.5 rounded-large border border-line bg-raised shadow-2 focus:outline-none"
        >
          <ConnectionDetails connection={connection} />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function ConnectionDetails({ connection }: { connection: Connection }) {
  const net = useAppState((state) => state.net);
  const link = useAppState((state) => state.link);
  const people = useAppState((state) => state.people);
  const account = useAppState(ownAccount);
  const c = strings.connection;
  const peers = net?.peers ?? [];

  return (
    <>
      <p className="font-medium">{sentence(connection)}</p>
      <p className="mt-1 text-small text-ink-2 foreign">{link === "open" ? (net?.problem ?? explanation(connection, account?.server ?? "")) : c.engineAway}</p>
      {connection.kind === "connected" && net !== null && net.onlineCount > 0 && <p className="mt-1 text-small text-ink-3">{c.onlineCount(net.onlineCount)}</p>}
      <p className="mt-3 mb-1 text-small font-medium text-ink-3">{c.peers}</p>
      {peers.length === 0 ? (
        <p className="text-small text-ink-2">{c.noPeers}</p>
      ) : (
        <ul className="grid gap-1 max-h-[220px] overflow-y-auto scroller">
          {peers.map((peer) => (
            <li key={peer.deviceId} className="flex items-center gap-2 min-h-7">
              <Avatar userId={peer.userId} name={people.get(peer.userId)?.displayName ?? ""} size={20} />
              <span className="flex-1 min-w-0 truncate foreign">
                {peer.userId === account?.userId ? c.yourDevice : (people.get(peer.userId)?.displayName ?? strings.somebody)}
              </span>
              <PathBadge path={peer.path} word={strings.paths[peer.path]} title={strings.details.pathTitle(peer.path)} rttMs={peer.rttMs} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function sentence(connection: Connection): string {
  const c = strings.connection;
  switch (connection.kind) {
    case "connected":
      return c.connected(connection.direct);
    case "connecting":
      return c.connecting;
    case "serverAway":
      return c.serverAway(connection.peers);
    case "offline":
      return c.offline;
  }
}

function explanation(connection: Connection, server: string): string {
  const c = strings.connection;
  switch (connection.kind) {
    case "connected":
      return c.allWell(server);
    case "connecting":
      return c.lookingForServer;
    case "serverAway":
      return c.peersOnly;
    case "offline":
      return c.offlineByChoice;
  }
}
