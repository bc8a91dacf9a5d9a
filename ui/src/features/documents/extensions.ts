// What a page may hold. Whoever reads or shows one without an editor does it by the same schema.
import { getSchema, type Extensions } from "@tiptap/core";
import { TaskItem, TaskList } from "@tiptap/extension-list";
import { TableKit } from "@tiptap/extension-table";
import type { Schema } from "@tiptap/pm/model";
import { StarterKit } from "@tiptap/starter-kit";

const SCHEMES = ["http:", "https:", "mailto:", "momoland:"];

export const CONTENT: Extensions = [
  StarterKit.configure({ undoRedo: false, link: { openOnClick: false, isAllowedUri: (address) => safe(address), HTMLAttributes: { rel: "noopener noreferrer", target: "_blank" } } }),
  TaskList,
  TaskItem.configure({ nested: true }),
  TableKit,
];

/** Made with the module, which is fetched ahead, and not while somebody waits for a page. */
export const SCHEMA: Schema = getSchema(CONTENT);

function safe(address: string): boolean {
  try {
    return SCHEMES.includes(new URL(address).protocol);
  } catch {
    return false;
  }
}
