// What people paste for a path, and the path in it. Pure.

/** Systems copy a file's path in quotes, or as an address. */
export function pathOf(typed: string): string {
  const text = typed.trim();
  const quote = text.charAt(0);
  const bare = text.length > 1 && (quote === '"' || quote === "'") && text.endsWith(quote) ? text.slice(1, -1) : text;
  return bare.toLowerCase().startsWith("file://") ? (pathOfAddress(bare) ?? bare) : bare;
}

function pathOfAddress(address: string): string | null {
  try {
    const path = decodeURIComponent(new URL(address).pathname);
    // A drive stands behind the first stroke.
    return /^\/[a-z]:/iu.test(path) ? path.slice(1) : path;
  } catch {
    return null;
  }
}
