import { createContext, use, type ComponentProps } from "react";

const CLASS = "relative flex flex-col min-w-0 min-h-0 h-full bg-surface focus:outline-none focus-visible:shadow-none [--under:var(--surface)]";

/** What the middle pane is: the `main` of a window; a plain part where several people's windows are in one page. */
export const MiddleElement = createContext<"main" | "div">("main");

/** The pane in the middle: a conversation, a document, a feed or the inbox. F6 finds it, and it can have the focus. */
export function Middle(props: ComponentProps<"main">) {
  const pane = { ...props, "data-pane": "conversation", tabIndex: -1, className: CLASS };
  return use(MiddleElement) === "main" ? <main {...pane} /> : <div {...(pane as ComponentProps<"div">)} />;
}
