// The keys of the feed: j and k walk through the posts, l likes, c comments, n writes. They work while the focus is in the
// pane and nobody is typing.
import { useEffect, type RefObject } from "react";

export function useFeedKeys(pane: RefObject<HTMLElement | null>, onNew: () => void): void {
  useEffect(() => {
    const element = pane.current;
    if (element === null) return;

    function onKeyDown(event: KeyboardEvent): void {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || !(event.target instanceof HTMLElement) || event.target.closest("input, textarea, select, [role='menu'], [role='radio']") !== null) return;
      if (element === null) return;
      const posts = [...element.querySelectorAll<HTMLElement>("[data-post]")];
      const at = posts.findIndex((post) => post.contains(document.activeElement));
      const post = posts[at];
      switch (event.key) {
        case "j":
          walk(posts[at + 1]);
          break;
        case "k":
          walk(posts[Math.max(0, at - 1)]);
          break;
        case "l":
          post?.querySelector<HTMLElement>("[data-like]")?.click();
          break;
        case "c":
          if (post !== undefined) comment(post);
          break;
        case "n":
          onNew();
          break;
        default:
          return;
      }
      event.preventDefault();
    }
    element.addEventListener("keydown", onKeyDown);
    return () => element.removeEventListener("keydown", onKeyDown);
  }, [pane, onNew]);
}

function walk(to: HTMLElement | undefined): void {
  to?.focus({ preventScroll: true });
  to?.scrollIntoView({ block: "nearest" });
}

/** Into the box of its thread, which may have to be opened first. */
function comment(post: HTMLElement): void {
  if (post.querySelector("[data-comment-box]") === null) post.querySelector<HTMLElement>("[data-comments]")?.click();
  requestAnimationFrame(() => post.querySelector<HTMLElement>("[data-comment-box]")?.focus());
}
