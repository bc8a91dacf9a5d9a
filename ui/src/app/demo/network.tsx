import { Plug, Server, ServerOff, Unplug } from "lucide-react";
import { Switch } from "radix-ui";
import { useEffect, useRef, useState } from "react";
import { useNet, type Player } from "@/app/demo/players";
import { told, type Entry, type Happening, type Look } from "@/app/demo/story";
import { counted, linkTo, NO_TRAFFIC, type Bytes, type Traffic } from "@/app/demo/traffic";
import type { ApiError } from "@/client/error";
import type { NetStatus } from "@/client/types";
import { hueOf, initialsOf } from "@/components/avatar";
import { Button } from "@/components/button";
import { Refusal } from "@/components/field";
import { PathBadge, roundTrip } from "@/components/path-badge";
import { useAttempt } from "@/components/use-attempt";
import { bytes, strings } from "@/strings/strings";

const words = strings.demo;
const LOOK_EVERY_MS = 500;
/** What healed quicker than this says no time: it would be a zero. */
const SHOWN_MS = 50;

export type ServerShown = { running: boolean; address: string; changing: boolean };

type Seen = { traffics: readonly Traffic[]; story: readonly Entry[] };

/** The network as the engines report it: who is linked how, what it carries, and switches that really cut it. */
export function Network({ players, server, error, onServer }: { players: readonly Player[]; server: ServerShown; error: ApiError | null; onServer: (running: boolean) => void }) {
  const [{ traffics, story }, setSeen] = useState<Seen>({ traffics: players.map(() => NO_TRAFFIC), story: [] });
  const shown = useRef(server);
  useEffect(() => {
    shown.current = server;
  }, [server]);

  useEffect(() => {
    let last: Look | null = null;
    function see(): void {
      const nets = players.map((player) => player.model.store.getState().net);
      // It may be found before the answer that it runs is here.
      const { running, changing } = shown.current;
      const now: Look = { server: running || (changing && nets.some((net) => net?.server === "online")), people: players.map(({ person }, at) => ({ userId: person.userId, name: firstName(person.name), net: nets[at] ?? null })) };
      const before = last;
      last = now;
      setSeen((seen) => ({
        traffics: seen.traffics.map((traffic, at) => {
          const net = nets[at];
          return net === null || net === undefined || net === traffic.last ? traffic : counted(traffic, net);
        }),
        story: before === null ? seen.story : told(seen.story, before, now, Date.now()),
      }));
    }
    const offs = players.map((player) => player.model.store.subscribe((state, before) => state.net !== before.net && see()));
    const look = setInterval(() => {
      for (const player of players) player.look();
      see();
    }, LOOK_EVERY_MS);
    return () => {
      clearInterval(look);
      for (const off of offs) off();
    };
  }, [players]);

  const nets = traffics.map((traffic) => traffic.last);
  const pairs = players.flatMap((a, i) => players.slice(i + 1).map((b, j) => ({ a, b, i, k: i + 1 + j })));
  const between = pairs.reduce((sum, { b, i }) => sum + total(traffics[i]?.peers.get(b.person.userId)), 0);
  const through = traffics.reduce((sum, traffic) => sum + total(traffic.server), 0);

  return (
    <section aria-label={words.network} className="grid flex-none gap-x-6 gap-y-4 m-3 p-4 rounded-large border border-line bg-surface shadow-1 grid-cols-[minmax(0,1fr)] pane:grid-cols-[minmax(0,1fr)_minmax(0,1fr)] details:grid-cols-[260px_minmax(0,1.3fr)_minmax(0,1fr)_260px] [--under:var(--surface)]">
      <Picture players={players} nets={nets} server={server} />
      <div className="min-w-0">
        <h2 className="mb-1.5 text-small font-medium text-ink-3">{words.traffic}</h2>
        <Share between={between} through={through} />
        <table className="w-full mt-2 text-small tabular-nums">
          <thead className="sr-only">
            <tr>
              <th scope="col">{words.way}</th>
              <th scope="col">{words.path}</th>
              <th scope="col">{words.sent}</th>
              <th scope="col">{words.received}</th>
            </tr>
          </thead>
          <tbody>
            {pairs.map(({ a, b, i }) => {
              const link = linkTo(nets[i] ?? null, b.person.userId);
              return <Row key={`${a.person.userId} ${b.person.userId}`} way={words.between(firstName(a.person.name), firstName(b.person.name))} carried={traffics[i]?.peers.get(b.person.userId)} path={link === null ? null : <PathBadge path={link.path} word={strings.paths[link.path]} title={strings.details.pathTitle(link.path)} rttMs={link.rttMs} />} />;
            })}
            {players.map((player, i) => (
              <Row key={player.person.userId} way={words.toServer(firstName(player.person.name))} carried={traffics[i]?.server} path={null} />
            ))}
          </tbody>
        </table>
      </div>
      <Story story={story} />
      <div className="min-w-0 grid content-start gap-2">
        {server.running ? (
          <Button tone="danger" disabled={server.changing} onClick={() => onServer(false)}>
            <ServerOff aria-hidden="true" className="size-4 stroke-[1.75]" />
            {words.cutServer}
          </Button>
        ) : (
          <Button tone="main" disabled={server.changing} onClick={() => onServer(true)}>
            <Server aria-hidden="true" className="size-4 stroke-[1.75]" />
            {server.changing ? words.starting : words.healServer}
          </Button>
        )}
        {error !== null && <Refusal>{error.message}</Refusal>}
        {players.map((player) => (
          <Switches key={player.person.userId} player={player} />
        ))}
      </div>
    </section>
  );
}

/** Cuts one person off, for good or from the others only. Both close links that stand. */
function Switches({ player }: { player: Player }) {
  const net = useNet(player);
  const attempt = useAttempt();
  const [relayOnly, setRelayOnly] = useState(false);
  const [cut, setCut] = useState(false);
  const name = firstName(player.person.name);
  return (
    <div className="grid gap-1.5">
      <Button
        disabled={attempt.busy || net === null}
        onClick={() =>
          void attempt.run(async () => {
            await player.model.actions.setOnline(cut);
            setCut(!cut);
          })
        }
      >
        {cut ? <Plug aria-hidden="true" className="size-4 stroke-[1.75]" /> : <Unplug aria-hidden="true" className="size-4 stroke-[1.75]" />}
        {cut ? words.heal(name) : words.cut(name)}
      </Button>
      <label title={words.relayOnlyHint(name)} className="flex items-center gap-2 px-1 text-small text-ink-2">
        <Switch.Root
          checked={relayOnly}
          disabled={attempt.busy || net === null}
          onCheckedChange={(on) =>
            void attempt.run(async () => {
              await player.setPeers(on ? "none" : "all");
              setRelayOnly(on);
            })
          }
          className="relative flex-none w-7 h-4 touch:w-9 touch:h-5 rounded-round bg-line-strong transition-colors duration-(--fast) data-[state=checked]:bg-quiet"
        >
          <Switch.Thumb className="block size-3 touch:size-4 ms-0.5 rounded-round bg-raised shadow-1 transition-[translate] duration-(--fast) data-[state=checked]:translate-x-3 touch:data-[state=checked]:translate-x-4 rtl:data-[state=checked]:-translate-x-3" />
        </Switch.Root>
        {words.relayOnly(name)}
      </label>
      {attempt.error !== null && <Refusal>{attempt.error.message}</Refusal>}
    </div>
  );
}

function Row({ way, path, carried }: { way: string; path: React.ReactNode; carried: Bytes | undefined }) {
  return (
    <tr className="border-t border-line first:border-t-0">
      <th scope="row" className="py-1 pe-2 text-start font-body text-ink-2 foreign">
        {way}
      </th>
      <td className="py-1 pe-2 text-end">{path}</td>
      <td className="py-1 pe-2 text-end whitespace-nowrap">↑ {bytes(carried?.out ?? 0)}</td>
      <td className="py-1 text-end whitespace-nowrap">↓ {bytes(carried?.in ?? 0)}</td>
    </tr>
  );
}

/** What peers carried beside what the server did. */
function Share({ between, through }: { between: number; through: number }) {
  const all = between + through;
  return (
    <div>
      <div aria-hidden="true" className="flex gap-0.5 h-1.5 rounded-round overflow-hidden bg-sunken">
        <span className="bg-ok-dot transition-[inline-size] duration-(--slow)" style={{ inlineSize: `${all === 0 ? 0 : (100 * between) / all}%` }} />
        <span className="flex-1 bg-quiet-dot" />
      </div>
      <p className="flex justify-between gap-3 mt-1.5 text-small tabular-nums">
        <span className="text-ok">
          {words.carriedPeers} <b className="font-medium" data-carried="peers">{bytes(between)}</b>
        </span>
        <span className="text-quiet text-end">
          {words.carriedServer} <b className="font-medium" data-carried="server">{bytes(through)}</b>
        </span>
      </p>
    </div>
  );
}

function Story({ story }: { story: readonly Entry[] }) {
  return (
    <div className="min-w-0 flex flex-col">
      <h2 className="mb-1.5 text-small font-medium text-ink-3">{words.story}</h2>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls can be scrolled by keys */}
      <div role="log" aria-label={words.story} tabIndex={0} className="relative flex-1 min-h-[96px] max-h-[190px] details:max-h-none details:h-0 overflow-y-auto scroller text-small">
        {story.length === 0 && <p className="text-ink-3">{words.quiet}</p>}
        <ol className="grid gap-1">
          {story.map((entry) => (
            <li key={entry.id} className="flex items-baseline gap-2">
              <span aria-hidden="true" className={`flex-none size-1.5 rounded-round -translate-y-px ${TONES[entry.what.kind]}`} />
              <span className="flex-1 min-w-0 foreign text-ink-2">
                {happened(entry.what)}
                {entry.tookMs !== undefined && entry.tookMs >= SHOWN_MS && <span className="text-ink-3 tabular-nums"> {words.after((entry.tookMs / 1_000).toFixed(1))}</span>}
              </span>
              <time dateTime={new Date(entry.at).toISOString()} className="flex-none text-micro text-ink-3 tabular-nums">
                {clock.format(entry.at)}
              </time>
            </li>
          ))}
        </ol>
      </div>
    </div>
  );
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const TONES: Readonly<Record<Happening["kind"], string>> = { serverCut: "bg-danger", serverBack: "bg-ok-dot", serverLost: "bg-notice-dot", serverFound: "bg-ok-dot", linked: "bg-ok-dot", unlinked: "bg-notice-dot" };

function happened(what: Happening): string {
  const h = words.happened;
  switch (what.kind) {
    case "serverCut":
      return h.serverCut;
    case "serverBack":
      return h.serverBack;
    case "serverLost":
      return h.serverLost(what.name);
    case "serverFound":
      return h.serverFound(what.name);
    case "linked":
      return h.linked(what.a, what.b, what.path);
    case "unlinked":
      return h.unlinked(what.a, what.b);
  }
}

const WIDTH = 260;
const HEIGHT = 176;
const SERVER = { x: WIDTH / 2, y: 30 };

/** Where people stand: under the server, in a row or an arc. */
function placeOf(at: number, count: number): { x: number; y: number } {
  const across = count === 1 ? 0.5 : at / (count - 1);
  return { x: 40 + across * (WIDTH - 80), y: 132 + (count > 2 ? 18 * (1 - Math.abs(across - 0.5) * 2) - 8 : 0) };
}

const STROKES = { direct: "var(--ok-dot)", turn: "var(--notice-dot)", relay: "var(--quiet-dot)" } as const;

/** The network in one look. The table beside it says the same in numbers. */
function Picture({ players, nets, server }: { players: readonly Player[]; nets: readonly (NetStatus | null)[]; server: ServerShown }) {
  const links = players.flatMap((a, i) =>
    players.slice(i + 1).flatMap((b, j) => {
      const link = linkTo(nets[i] ?? null, b.person.userId);
      return link === null ? [] : [{ a, b, link, from: placeOf(i, players.length), to: placeOf(i + 1 + j, players.length) }];
    }),
  );
  const reached = players.map((_, at) => nets[at]?.server === "online");
  const said = [
    `${words.server} ${server.running ? words.running : words.stopped}`,
    ...links.map(({ a, b, link }) => words.happened.linked(firstName(a.person.name), firstName(b.person.name), link.path)),
  ];
  return (
    <svg role="img" aria-label={words.picture(said)} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} className="w-full max-w-[320px] mx-auto self-center text-[11px]">
      {players.map((player, at) => {
        const place = placeOf(at, players.length);
        return <line key={player.person.userId} x1={SERVER.x} y1={SERVER.y} x2={place.x} y2={place.y} stroke={reached[at] === true ? "var(--quiet-dot)" : "var(--line-strong)"} strokeWidth={1.5} strokeDasharray={reached[at] === true ? undefined : "3 4"} />;
      })}
      {links.map(({ a, b, link, from, to }) => {
        // Over the heads of those who stand between the two.
        const between = Math.round((Math.abs(to.x - from.x) * (players.length - 1)) / (WIDTH - 80)) - 1;
        const bow = -42 * between;
        const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 + bow / 2 };
        return (
          <g key={`${a.person.userId} ${b.person.userId}`}>
            <path d={`M ${from.x} ${from.y} Q ${(from.x + to.x) / 2} ${(from.y + to.y) / 2 + bow} ${to.x} ${to.y}`} fill="none" stroke={STROKES[link.path]} strokeWidth={2.5} />
            {link.rttMs !== null && (
              <text x={middle.x} y={middle.y - 7} textAnchor="middle" fill="var(--text-2)" stroke="var(--surface)" strokeWidth={3} paintOrder="stroke" className="tabular-nums">
                {roundTrip(link.rttMs)} ms
              </text>
            )}
          </g>
        );
      })}
      <g>
        <rect x={SERVER.x - 44} y={SERVER.y - 15} width={88} height={30} rx={9} fill={server.running ? "var(--raised)" : "var(--danger-soft)"} stroke={server.running ? "var(--line-strong)" : "var(--danger-dot)"} />
        <circle cx={SERVER.x - 29} cy={SERVER.y} r={3.5} fill={server.running ? "var(--ok-dot)" : "var(--danger-dot)"} />
        <text x={SERVER.x - 20} y={SERVER.y + 4} fill="var(--text)" className="font-medium">
          {words.server}
          <tspan fill="var(--text-2)">{server.running ? "" : ` ${words.stopped}`}</tspan>
        </text>
      </g>
      {players.map(({ person }, at) => {
        const place = placeOf(at, players.length);
        return (
          <g key={person.userId} className="[--hue:60]" style={{ ["--hue" as string]: hueOf(person.userId) }}>
            <rect x={place.x - 17} y={place.y - 17} width={34} height={34} rx={10.5} fill="oklch(var(--person-bg-lc) var(--hue))" stroke="var(--surface)" strokeWidth={3} />
            <text x={place.x} y={place.y + 4} textAnchor="middle" fill="oklch(var(--person-ink-lc) var(--hue))" className="font-strong">
              {initialsOf(person.name, 2)}
            </text>
            <text x={place.x} y={place.y + 32} textAnchor="middle" fill="var(--text-2)">
              {firstName(person.name)}
            </text>
          </g>
        );
      })}
    </svg>
  );
}

function total(carried: Bytes | undefined): number {
  return (carried?.in ?? 0) + (carried?.out ?? 0);
}

function firstName(name: string): string {
  return name.split(" ")[0] ?? name;
}
