import { Activity, AudioLines, Ellipsis, Eye, EyeOff, Maximize2, Mic, MicOff, Minimize2, MonitorOff, MonitorUp, Music, PhoneOff, Settings2, Video, VideoOff } from "lucide-react";
import { useEffect } from "react";
import { toast } from "sonner";
import { ApiError } from "@/client/error";
import type { Call } from "@/client/types";
import { IconButton } from "@/components/icon-button";
import { COMMAND_KEY } from "@/components/keys";
import { NARROW, useMedia } from "@/components/media";
import { Menu, MenuChoice, MenuItem, MenuLine } from "@/components/menu";
import { optionsOf } from "@/features/call/device-options";
import { useActions, useAppState } from "@/state/context";
import { playedIn } from "@/state/listening";
import { strings } from "@/strings/strings";

const words = strings.call;

export type CallControlsProps = {
  call: Call;
  /** Whether the pictures are shown here, so that it can be chosen how. */
  pictures?: boolean;
  /** Only what one sends, and the way out. */
  small?: boolean;
};

/** What one sends, how the call is shown, and the way out. */
export function CallControls({ call, pictures = false, small = false }: CallControlsProps) {
  const actions = useActions();
  const narrow = useMedia(NARROW);
  return (
    <div role="group" aria-label={words.controls} {...(small ? {} : { "data-kept-free": "" })} className="flex items-center gap-1 flex-none">
      <IconButton
        label={call.mic ? words.mute : words.unmute}
        keys={[COMMAND_KEY, "⇧", "M"]}
        className={call.mic ? "" : "bg-notice-soft text-notice"}
        onClick={actions.toggleMicrophone}
      >
        {call.mic ? <Mic aria-hidden="true" /> : <MicOff aria-hidden="true" />}
      </IconButton>
      <IconButton label={call.camera ? words.cameraOff : words.cameraOn} keys={[COMMAND_KEY, "⇧", "O"]} onClick={actions.toggleCamera}>
        {call.camera ? <Video aria-hidden="true" /> : <VideoOff aria-hidden="true" />}
      </IconButton>
      <IconButton
        label={call.screen ? words.screenOff : words.screenOn}
        keys={[COMMAND_KEY, "⇧", "S"]}
        className={call.screen ? "bg-accent-soft text-accent-text" : ""}
        onClick={actions.toggleScreen}
      >
        {call.screen ? <MonitorOff aria-hidden="true" /> : <MonitorUp aria-hidden="true" />}
      </IconButton>
      {!small && !narrow && <PlayTogether call={call} />}
      {!small && <Devices />}
      {!small && <View call={call} pictures={pictures} narrow={narrow} />}
      {pictures && <Enlarge />}
      <IconButton label={words.leave} className="bg-danger-soft text-danger hover:bg-danger hover:text-surface" onClick={() => actions.leaveCall(call.roomId, call.callId)}>
        <PhoneOff aria-hidden="true" />
      </IconButton>
    </div>
  );
}

function Enlarge() {
  const actions = useActions();
  const large = useAppState((state) => state.calls.look.large);
  return (
    <IconButton label={large ? words.reduce : words.enlarge} onClick={() => actions.setCallLook({ large: !large })}>
      {large ? <Minimize2 aria-hidden="true" /> : <Maximize2 aria-hidden="true" />}
    </IconButton>
  );
}

/** What the way to a file is called, and whether it may be gone now. */
function usePlayTogether(call: Call): { label: string; opening: boolean } {
  const plays = useAppState((state) => playedIn(call, state.calls.together) !== null);
  const opening = useAppState((state) => state.calls.together.opening);
  return { label: plays ? words.listening.openOther : words.listening.open, opening };
}

function PlayTogether({ call }: { call: Call }) {
  const actions = useActions();
  const { label, opening } = usePlayTogether(call);
  return (
    <IconButton label={label} data-begins-listening="" disabled={opening} className="disabled:opacity-50" onClick={actions.playTogether}>
      <Music aria-hidden="true" />
    </IconButton>
  );
}

/** How it is shown, and how it gets through. In a narrow window also what there is no room for beside it. */
function View({ call, pictures, narrow }: { call: Call; pictures: boolean; narrow: boolean }) {
  const actions = useActions();
  const playTogether = usePlayTogether(call);
  const { arranged, self } = useAppState((state) => state.calls.look);
  return (
    <Menu
      trigger={
        <IconButton label={narrow ? words.viewAndMore : words.view} {...(narrow ? { "data-begins-listening": "" } : {})}>
          <Ellipsis aria-hidden="true" />
        </IconButton>
      }
    >
      {pictures && (
        <>
          <MenuChoice
            label={words.arrangement}
            value={arranged}
            // Who asks for another arrangement is done with the one that was kept large.
            onValue={(value) => actions.setCallLook({ arranged: value, pinned: null })}
            options={(["auto", "grid", "speaker"] as const).map((value) => ({ value, label: words.arrangements[value] }))}
          />
          <MenuLine />
          <MenuItem icon={self ? EyeOff : Eye} onChoose={() => actions.setCallLook({ self: !self })}>
            {self ? words.hideSelf : words.showSelf}
          </MenuItem>
        </>
      )}
      {narrow && !playTogether.opening && (
        <MenuItem icon={Music} onChoose={actions.playTogether}>
          {playTogether.label}
        </MenuItem>
      )}
      <MenuItem icon={Activity} onChoose={() => actions.show({ kind: "callPassage" })}>
        {words.passage.open}
      </MenuItem>
    </Menu>
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
          <Settings2 aria-hidden="true" />
        </IconButton>
      }
    >
      <MenuChoice
        label={words.camera}
        value={devices?.chosenCamera ?? ""}
        onValue={(cameraDevice) => void actions.chooseCallDevice({ cameraDevice }).catch(refuse)}
        options={optionsOf(devices?.cameras ?? [])}
      />
      <MenuLine />
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
      <MenuLine />
      <MenuItem icon={AudioLines} onChoose={() => actions.show({ kind: "tryDevices" })}>
        {words.trying.more}
      </MenuItem>
    </Menu>
  );
}

