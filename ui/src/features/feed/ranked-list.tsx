// A list whose entries glide to their new places when it is ranked anew: First, Last, Invert, Play.
//
// A class, because only `getSnapshotBeforeUpdate` sees where the entries were the moment before they move. Entries are
// found by `data-entry`. Nothing moves where less motion is wanted, and what came far is not chased across the screen.
import { Component, createRef, type ReactNode } from "react";

export type RankedListProps = { ids: readonly string[]; label: string; className?: string; children: ReactNode };

type Places = ReadonlyMap<string, number>;

export class RankedList extends Component<RankedListProps> {
  private readonly list = createRef<HTMLUListElement>();

  override getSnapshotBeforeUpdate(before: RankedListProps): Places | null {
    // What is only added at the end moves nothing.
    const moved = before.ids.some((id, at) => this.props.ids[at] !== id);
    return moved ? this.places() : null;
  }

  override componentDidUpdate(_: RankedListProps, __: unknown, before: Places | null): void {
    if (before === null || window.matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const after = this.places();
    for (const entry of this.entries()) {
      const id = entry.dataset.entry ?? "";
      const from = before.get(id);
      const to = after.get(id);
      if (from === undefined || to === undefined || Math.abs(from - to) < 1 || Math.abs(from - to) > 2 * window.innerHeight) continue;
      entry.animate([{ transform: `translateY(${from - to}px)` }, { transform: "none" }], { duration: 240, easing: "cubic-bezier(0.2, 0.8, 0.2, 1)" });
    }
  }

  private entries(): readonly HTMLElement[] {
    return [...(this.list.current?.querySelectorAll<HTMLElement>(":scope > [data-entry]") ?? [])];
  }

  private places(): Places {
    return new Map(this.entries().map((entry) => [entry.dataset.entry ?? "", entry.getBoundingClientRect().top]));
  }

  override render(): ReactNode {
    return (
      <ul ref={this.list} aria-label={this.props.label} className={this.props.className}>
        {this.props.children}
      </ul>
    );
  }
}
