/*
 * Decodes a text once if the next clients of this process receive the same one. That makes many
 * clients in one process cheaper, and equally so for every system whose frames are texts.
 */

export function readOnce<Read>(read: (text: string) => Read): (text: string) => Read {
  let last: { readonly text: string; readonly read: Read } | undefined;
  return (text) => {
    if (last?.text !== text) last = { text, read: read(text) };
    return last.read;
  };
}
