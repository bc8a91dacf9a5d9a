/** Puts a text into the clipboard. Answers whether it is there: a system may refuse it to a page. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
