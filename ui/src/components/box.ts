import { useEffect, useState, type RefObject } from "react";

export type Box = { width: number; height: number };

const NONE: Box = { width: 0, height: 0 };

/** How large something is, as it is pulled about; nothing before it was measured. */
export function useBox(ref: RefObject<Element | null>): Box {
  const [box, setBox] = useState(NONE);
  useEffect(() => {
    const element = ref.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(([entry]) => {
      if (entry === undefined) return;
      const { width, height } = entry.contentRect;
      setBox((held) => (held.width === width && held.height === height ? held : { width, height }));
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref]);
  return box;
}
