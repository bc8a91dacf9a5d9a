import type { MediaDevice } from "@/client/types";
import { strings } from "@/strings/strings";

const words = strings.call;

/** What can be chosen of devices: the system's choice first, with an empty value. */
export function optionsOf(devices: readonly MediaDevice[]): { value: string; label: string }[] {
  const first = devices.find((device) => device.isDefault);
  return [{ value: "", label: devices.length === 0 ? words.noDevices : words.systemChoice(first?.name ?? "") }, ...devices.map(({ deviceId, name }) => ({ value: deviceId, label: name }))];
}
