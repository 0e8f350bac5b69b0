/*
 * Decodes a frame once if the next clients of this process receive the same one. That makes many
 * clients in one process cheaper, and equally so for every system that uses it.
 */

export function readOnce<Frame, Read>(
  read: (frame: Frame) => Read,
  isSame: (one: Frame, other: Frame) => boolean = (one, other) => one === other,
): (frame: Frame) => Read {
  let last: { readonly frame: Frame; readonly read: Read } | undefined;
  return (frame) => {
    if (!last || !isSame(last.frame, frame)) last = { frame, read: read(frame) };
    return last.read;
  };
}
