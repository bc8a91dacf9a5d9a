import { Dialog } from "@/components/dialog";
import { COMMAND_KEY, Keys } from "@/components/keys";
import { useActions } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.shortcuts;

type Shortcut = { keys: readonly string[]; does: string };

const GROUPS: readonly { label: string; shortcuts: readonly Shortcut[] }[] = [
  {
    label: words.everywhere,
    shortcuts: [
      { keys: [COMMAND_KEY, "K"], does: words.palette },
      { keys: [COMMAND_KEY, "/"], does: words.sheet },
      { keys: [COMMAND_KEY, "."], does: words.details },
      { keys: ["Alt", "↑", "↓"], does: words.rooms },
      { keys: ["Alt", "⇧", "↑", "↓"], does: words.unread },
      { keys: [COMMAND_KEY, "J"], does: words.firstNew },
      { keys: [COMMAND_KEY, "⇧", "L"], does: words.places },
      { keys: [COMMAND_KEY, "⇧", "M"], does: strings.call.shortcut },
      { keys: [COMMAND_KEY, "⇧", "O"], does: strings.call.shortcutCamera },
      { keys: [COMMAND_KEY, "⇧", "S"], does: strings.call.shortcutScreen },
      { keys: ["F6"], does: words.pane },
      { keys: ["Esc"], does: words.close },
    ],
  },
  {
    label: words.writing,
    shortcuts: [
      { keys: ["Enter"], does: words.send },
      { keys: ["⇧", "Enter"], does: words.breaks },
      { keys: ["↑"], does: words.editLast },
      { keys: ["@"], does: words.mention },
      { keys: [":"], does: words.emoji },
    ],
  },
  {
    label: words.message,
    shortcuts: [
      { keys: ["↑", "↓"], does: words.walk },
      { keys: ["E"], does: strings.tools.react },
      { keys: ["R"], does: strings.tools.reply },
      { keys: ["F2"], does: strings.tools.edit },
      { keys: ["Del"], does: strings.tools.delete },
      { keys: ["P"], does: strings.tools.pin },
      { keys: ["C"], does: strings.tools.copyText },
      { keys: ["L"], does: strings.tools.copyLink },
      { keys: ["U"], does: strings.tools.markUnread },
      { keys: ["I"], does: strings.tools.receipts },
      { keys: ["M"], does: words.menu },
    ],
  },
  {
    label: words.feed,
    shortcuts: [
      { keys: ["J", "K"], does: strings.feed.next },
      { keys: ["L"], does: strings.feed.likeKey },
      { keys: ["C"], does: strings.feed.commentKey },
      { keys: ["N"], does: strings.feed.newPost },
    ],
  },
];

/** Every key there is, in one place. */
export function ShortcutsDialog() {
  const actions = useActions();
  return (
    <Dialog title={words.title} closeLabel={strings.close} onClose={actions.closeOverlay}>
      <div className="grid gap-4 mt-2">
        {GROUPS.map((group) => (
          <section key={group.label} aria-label={group.label}>
            <h3 className="mb-1 text-small font-medium text-ink-3">{group.label}</h3>
            <dl>
              {group.shortcuts.map((shortcut) => (
                <div key={shortcut.does} className="flex items-center justify-between gap-3 h-7">
                  <dt className="truncate">{shortcut.does}</dt>
                  <dd>
                    <Keys keys={shortcut.keys} />
                    <span className="sr-only">{shortcut.keys.join(" ")}</span>
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
