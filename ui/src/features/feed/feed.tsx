import { ArrowUp, ChevronLeft, Newspaper, PenOff, Settings2, SquarePen, UserCheck } from "lucide-react";
import { RadioGroup } from "radix-ui";
import { useCallback, useEffect, useRef, type ReactNode } from "react";
import type { ApiError } from "@/client/error";
import type { FeedOrder } from "@/client/types";
import { Button } from "@/components/button";
import { IconButton } from "@/components/icon-button";
import { Middle } from "@/components/middle";
import { useFeedKeys } from "@/features/feed/feed-keys";
import { NewPost } from "@/features/feed/new-post";
import { PostCard, type TextView } from "@/features/feed/post-card";
import { RankedList } from "@/features/feed/ranked-list";
import { useActions, useAppState } from "@/state/context";
import { connectionOf, mayModerateFeed } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.feed;
const ORDERS: readonly FeedOrder[] = ["new", "top", "hot"];
/** The next page is asked for so far before the end comes into sight. */
const AHEAD = "600px";

/** The server's feed or a room's own, in the place of a conversation. */
export function Feed({ Text }: { Text: TextView }) {
  const actions = useActions();
  const pane = useRef<HTMLElement>(null);
  const head = useRef<HTMLHeadingElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const list = useAppState((state) => state.feed.list);
  const order = useAppState((state) => state.feed.order);
  const fresh = useAppState((state) => state.feed.fresh.length);
  const composing = useAppState((state) => state.feed.composing);
  const followed = useAppState((state) => state.feed.followed);
  const mayPost = useAppState((state) => state.feed.policy?.mayPost !== false);
  const moderates = useAppState(mayModerateFeed);
  const room = useAppState((state) => (state.feed.of === null ? null : (state.rooms?.get(state.feed.of) ?? null)));
  const connected = useAppState((state) => connectionOf(state).kind === "connected");

  const compose = useCallback(() => {
    if (!mayPost) return;
    actions.setComposing(true);
    scroller.current?.scrollTo({ top: 0 });
  }, [actions, mayPost]);
  useFeedKeys(pane, compose);
  useEffect(() => head.current?.focus(), []);

  // A feed that could not be had for want of a server is asked for again when there is one.
  const failed = list.kind === "failed";
  useEffect(() => {
    if (connected && failed) actions.readFeed();
    // Only the coming of the server counts: what it refuses is not asked for over and over.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [actions, connected]);

  return (
    <Middle ref={pane}>
      <header className="flex items-center gap-2.5 touch:gap-1 flex-none h-[52px] ps-6 pe-3 touch:ps-1 touch:pe-1.5 border-b border-line">
        <IconButton label={room === null ? strings.conversation.back : words.backTo(room.name)} className={room === null ? "hidden touch:grid" : "-ms-3 touch:ms-0"} onClick={actions.closeFeed}>
          <ChevronLeft aria-hidden="true" className="rtl:-scale-x-100" />
        </IconButton>
        <h1 ref={head} tabIndex={-1} className="flex-1 min-w-0 truncate font-strong text-title tracking-[-0.012em] focus:outline-none focus-visible:shadow-none">
          {room === null ? words.label : words.ofRoom(room.name)}
        </h1>
        <RadioGroup.Root aria-label={words.order} value={order} onValueChange={(value) => actions.setFeedOrder(ORDERS.find((each) => each === value) ?? "new")} className="flex gap-0.5 p-0.5 rounded-control bg-sunken">
          {ORDERS.map((each) => (
            <RadioGroup.Item key={each} value={each} className="h-7 touch:h-8 px-2.5 rounded-[5px] font-medium text-ink-2 transition-colors duration-(--fast) hover:text-ink data-[state=checked]:bg-raised dark:data-[state=checked]:bg-selected data-[state=checked]:text-ink data-[state=checked]:shadow-1">
              {words.orders[each]}
            </RadioGroup.Item>
          ))}
        </RadioGroup.Root>
        <IconButton label={words.following} aria-pressed={followed} onClick={() => actions.setFeedFollowed(!followed)} className={followed ? "bg-selected text-accent-text" : ""}>
          <UserCheck aria-hidden="true" />
        </IconButton>
        {moderates && (
          <IconButton label={words.whoPosts} onClick={() => actions.show({ kind: "feedAuthors" })}>
            <Settings2 aria-hidden="true" />
          </IconButton>
        )}
        <IconButton label={words.newPost} keys={["N"]} disabled={!mayPost} className="disabled:opacity-40" onClick={compose}>
          <SquarePen aria-hidden="true" />
        </IconButton>
      </header>
      <div className="relative flex-1 min-h-0">
        {list.kind === "loading" && <div aria-hidden="true" className="loading-line z-10" />}
        <div ref={scroller} className="h-full overflow-y-auto scroller px-6 touch:px-3">
          <div className="max-w-(--size-measure) mx-auto pt-5 pb-16">
            {!mayPost && (
              <p role="note" className="flex items-start gap-2 mb-4 px-3 py-2 rounded-control bg-sunken text-small text-ink-2">
                <PenOff aria-hidden="true" className="flex-none size-4 mt-px stroke-[1.75]" />
                {words.curated}
              </p>
            )}
            {composing && mayPost && <NewPost onClosed={() => head.current?.focus()} />}
            {list.kind === "loading" && <Skeleton />}
            {list.kind === "failed" && <Failed error={list.error} onRetry={actions.readFeed} />}
            {list.kind === "ready" && list.ids.length === 0 && fresh === 0 && !composing && (
              <Empty>
                <p className="max-w-[360px] text-body text-ink-2 foreign">{followed ? words.emptyFollowing : room === null ? words.empty : words.emptyRoom(room.name)}</p>
                {mayPost && !followed && (
                  <Button tone="main" onClick={compose}>
                    {words.emptyAction}
                  </Button>
                )}
              </Empty>
            )}
            {list.kind === "ready" && (
              <>
                <RankedList ids={list.ids} label={words.posts}>
                  {list.ids.map((postId) => (
                    <PostCard key={postId} postId={postId} Text={Text} />
                  ))}
                </RankedList>
                <End next={list.next} more={list.more} count={list.ids.length} />
              </>
            )}
          </div>
        </div>
        <div role="status" className="absolute inset-x-0 top-3 grid justify-items-center pointer-events-none">
          {fresh > 0 && list.kind === "ready" && (
            <button
              type="button"
              onClick={() => {
                actions.showFreshPosts();
                scroller.current?.scrollTo({ top: 0 });
                head.current?.focus({ preventScroll: true });
              }}
              className="pointer-events-auto inline-flex items-center gap-1.5 h-8 touch:h-9 px-3 rounded-round border border-line bg-raised shadow-2 font-medium text-ink transition-colors duration-(--fast) hover:bg-sunken"
            >
              <ArrowUp aria-hidden="true" className="size-4 stroke-[1.75] text-ink-2" />
              {words.fresh(fresh)}
            </button>
          )}
        </div>
      </div>
    </Middle>
  );
}

function Empty({ children }: { children: ReactNode }) {
  return (
    <div className="grid justify-items-center gap-3 pt-[18vh] px-3 text-center">
      <Newspaper aria-hidden="true" className="size-6 stroke-[1.5] text-ink-3" />
      {children}
    </div>
  );
}

/** A server without a feed is no failure; that is said in the engine's own words. */
function Failed({ error, onRetry }: { error: ApiError; onRetry: () => void }) {
  const none = error.kind === "not_found";
  return (
    <Empty>
      <h2 className="font-strong text-title">{none ? words.none : words.failed}</h2>
      <p role={none ? undefined : "alert"} className="max-w-[420px] text-body text-ink-2 foreign">
        {error.kind === "offline" ? words.offline : error.message}
      </p>
      <Button onClick={onRetry}>{strings.tryAgain}</Button>
    </Empty>
  );
}

/** Asks for the next page before the end is reached; by a button where that failed. */
function End({ next, more, count }: { next: string | null; more: "idle" | "loading" | "failed"; count: number }) {
  const actions = useActions();
  const mark = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = mark.current;
    if (element === null || next === null || more !== "idle") return;
    const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && actions.readMorePosts(), { rootMargin: AHEAD });
    observer.observe(element);
    return () => observer.disconnect();
  }, [actions, next, more]);

  return (
    <div ref={mark} className="flex flex-wrap items-center justify-center gap-3 min-h-12 pt-4 text-small text-ink-3">
      {next === null
        ? count > 0 && words.end
        : more !== "loading" && (
            <>
              {more === "failed" && <span role="alert">{words.moreFailed}</span>}
              <Button onClick={actions.readMorePosts}>{more === "failed" ? strings.tryAgain : words.more}</Button>
            </>
          )}
    </div>
  );
}

/** Only where nothing is on the disk yet. */
function Skeleton() {
  return (
    <div aria-hidden="true" className="grid gap-8 px-4 pt-3 touch:px-1">
      {[80, 55, 70].map((width) => (
        <div key={width} className="flex gap-3">
          <div className="size-[34px] flex-none rounded-large bg-sunken" />
          <div className="flex-1 grid gap-2.5 pt-1">
            <div className="h-3.5 w-32 rounded-small bg-sunken" />
            <div className="h-3.5 rounded-small bg-sunken" style={{ inlineSize: `${width}%` }} />
            <div className="h-3.5 w-1/2 rounded-small bg-sunken" />
          </div>
        </div>
      ))}
    </div>
  );
}
