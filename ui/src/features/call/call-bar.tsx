import { Headphones, Mic, MicOff, PhoneOff, TriangleAlert, X } from "lucide-react";
import { useEffect, useState } from "react";
import { toast } from "sonner";
import { ApiError } from "@/client/error";
import type { Call, CallParticipant, MediaDevice, Room } from "@/client/types";
import { Avatar } from "@/components/avatar";
import { IconButton } from "@/components/icon-button";
import { COMMAND_KEY } from "@/components/keys";
import { Menu, MenuChoice, MenuLine } from "@/components/menu";
import { PathBadge } from "@/components/path-badge";
import { qualityOf } from "@/state/calls";
import { useActions, useAppState } from "@/state/context";
import { ownAccount } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.call;

/** Under a room's head while one is in its call: who is in it, who speaks, how they are heard, and one's own microphone. */
export function CallBar({ room }: { room: Room }) {
  const call = useAppState((state) => state.calls.byRoom.get(room.roomId) ?? null);
  const refused = useAppState((state) => (state.calls.refused?.roomId === room.roomId ? state.calls.refused.error : null));
  const isIn = call?.part === "in" || call?.part === "calling";
  if (!isIn) return refused === null ? null : <Refused error={refused} />;
  return (
    <section aria-label={words.region(room.name)} className="flex-none border-b border-line bg-bg [--under:var(--bg)]">
      <div className="flex items-center gap-3 min-h-[52px] ps-6 pe-3 py-1.5 touch:ps-3">
        <ul aria-label={words.people} className="flex flex-wrap items-center gap-x-4 gap-y-1.5 flex-1 min-w-0">
          <Own call={call} />
          {call.participants.map((participant) => (
            <Other key={participant.deviceId} call={call} participant={participant} />
          ))}
        </ul>
        <CallControls call={call} />
      </div>
      {call.sound?.problem !== undefined && <Problem sentence={call.sound.problem} />}
      {refused !== null && <Refused error={refused} />}
    </section>
  );
}

function Problem({ sentence }: { sentence: string }) {
  return (
    <p role="status" className="flex items-center gap-2 px-6 touch:px-3 pb-2 text-small text-notice foreign">
      <TriangleAlert aria-hidden="true" className="flex-none size-4 stroke-[1.75]" />
      {sentence}
    </p>
  );
}

function Refused({ error }: { error: ApiError }) {
  const actions = useActions();
  return (
    <div role="alert" className="flex items-center gap-2 flex-none ps-6 pe-3 touch:ps-3 py-1 text-small text-danger">
      <p className="flex-1 min-w-0 foreign">{error.message}</p>
      <IconButton label={words.dismiss} className="size-7 [&_svg]:size-3.5 text-current" onClick={actions.dismissCallRefusal}>
        <X aria-hidden="true" />
      </IconButton>
    </div>
  );
}

function Own({ call }: { call: Call }) {
  const own = useAppState(ownAccount);
  return (
    <li className="flex items-center gap-2 min-w-0">
      <Face userId={own?.userId ?? ""} name={own?.displayName ?? ""} speaking={call.mic && call.speaking} />
      <span className="truncate font-medium">{words.you}</span>
      {!call.mic && <Muted />}
      <span role="status" className="text-small text-ink-3 tabular-nums">
        {call.part === "calling" ? words.calling : call.participants.length === 0 ? words.alone : <Lasting since={call.since} />}
      </span>
    </li>
  );
}

function Other({ call, participant }: { call: Call; participant: CallParticipant }) {
  const name = useAppState((state) => state.people.get(participant.userId)?.displayName ?? strings.somebody);
  const quality = useAppState((state) => qualityOf(call, participant.deviceId, state.calls.sounds));
  const rttMs = useAppState((state) => state.calls.sounds.get(participant.deviceId)?.rttMs ?? null);
  return (
    <li data-person={participant.userId} className="flex items-center gap-2 min-w-0">
      <Face userId={participant.userId} name={name} speaking={participant.mic && participant.speaking} />
      <span className="truncate foreign font-medium">{name}</span>
      {!participant.mic && <Muted />}
      {quality === "unheard" ? (
        <span className="text-small text-notice">{words.quality.unheard}</span>
      ) : (
        participant.path !== undefined && <PathBadge path={participant.path} word={strings.paths[participant.path]} title={strings.details.pathTitle(participant.path)} rttMs={rttMs} />
      )}
      {(quality === "breaking" || quality === "slow") && <span className="text-small text-notice">{words.quality[quality]}</span>}
    </li>
  );
}

function Muted() {
  return <MicOff role="img" aria-label={words.muted} className="flex-none size-4 stroke-[1.75] text-ink-3" />;
}

/** Somebody's square, with a ring while they speak. */
export function Face({ userId, name, speaking, size = 28 }: { userId: string; name: string; speaking: boolean; size?: number }) {
  return (
    <span className={`flex-none rounded-[34%] transition-shadow duration-(--fast) ${speaking ? "shadow-[0_0_0_2px_var(--under),0_0_0_4px_var(--ok-dot)]" : ""}`}>
      <Avatar userId={userId} name={name} size={size} />
      {speaking && <span className="sr-only">{words.speaking}</span>}
    </span>
  );
}

/** How long it has lasted. */
export function Lasting({ since }: { since: number }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, Math.floor((now - since) / 1_000));
  const two = (n: number): string => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3_600);
  return <span aria-hidden="true">{`${hours > 0 ? `${hours}:` : ""}${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`}</span>;
}

/** One's own microphone, the devices, and the way out. */
export function CallControls({ call, devices = true }: { call: Call; devices?: boolean }) {
  const actions = useActions();
  return (
    <div className="flex items-center gap-1 flex-none">
      <IconButton
        label={call.mic ? words.mute : words.unmute}
        keys={[COMMAND_KEY, "⇧", "M"]}
        aria-pressed={!call.mic}
        className={call.mic ? "" : "bg-notice-soft text-notice"}
        onClick={actions.toggleMicrophone}
      >
        {call.mic ? <Mic aria-hidden="true" /> : <MicOff aria-hidden="true" />}
      </IconButton>
      {devices && <Devices />}
      <IconButton label={words.leave} className="bg-danger-soft text-danger hover:bg-danger hover:text-surface" onClick={() => actions.leaveCall(call.roomId, call.callId)}>
        <PhoneOff aria-hidden="true" />
      </IconButton>
    </div>
  );
}

function Devices() {
  const actions = useActions();
  const devices = useAppState((state) => state.calls.devices);
  useEffect(() => actions.readCallDevices(), [actions]);
  const refuse = (thrown: unknown): void => void toast.error(ApiError.from(thrown).message);
  return (
    <Menu
      trigger={
        <IconButton label={words.devices} onPointerDown={actions.readCallDevices}>
          <Headphones aria-hidden="true" />
        </IconButton>
      }
    >
      <MenuChoice
        label={words.microphone}
        value={devices?.chosenMicrophone ?? ""}
        onValue={(microphone) => void actions.chooseCallDevice({ microphone }).catch(refuse)}
        options={optionsOf(devices?.microphones ?? [])}
      />
      <MenuLine />
      <MenuChoice
        label={words.speakers}
        value={devices?.chosenSpeakers ?? ""}
        onValue={(speakers) => void actions.chooseCallDevice({ speakers }).catch(refuse)}
        options={optionsOf(devices?.speakers ?? [])}
      />
    </Menu>
  );
}

function optionsOf(devices: readonly MediaDevice[]): { value: string; label: string }[] {
  const first = devices.find((device) => device.isDefault);
  return [{ value: "", label: devices.length === 0 ? words.noDevices : words.systemChoice(first?.name ?? "") }, ...devices.map(({ deviceId, name }) => ({ value: deviceId, label: name }))];
}
