/* The keys and gestures of a board, as the app lists them. docs/app.md has the same lists. */

type Entry = readonly [input: string, effect: string];

export const KEYS: readonly Entry[] = [
  ["M", "move the view, and check single boxes"],
  ["D", "draw: check the boxes along a line"],
  ["E", "erase: uncheck the boxes along a line"],
  ["R", "fill: check the boxes in a rectangle"],
  ["C", "clear: uncheck the boxes in a rectangle"],
  ["Ctrl Z, Ctrl Y", "undo and redo your own strokes"],
  ["Escape", "end the replay, cancel the stroke, stop a fill, put the tool away"],
  ["plus, minus, 0", "zoom in, zoom out, show the whole board"],
  ["arrows, Home, End, Page Up, Page Down", "move the focus"],
  ["Ctrl Home, Ctrl End", "move the focus to the first or last box"],
  ["Shift arrows", "move the view"],
  ["Space", "check or uncheck the focused box; hold the key and drag to move the view"],
  ["?", "show this list"],
];

export const GESTURES: readonly Entry[] = [
  ["click, tap", "check or uncheck a box"],
  ["drag", "use the tool"],
  ["middle button, two fingers", "move the view"],
  ["mouse wheel, pinch, Ctrl wheel", "zoom in or out where you point"],
  ["Shift wheel", "move the view sideways"],
  ["two fingers on a trackpad", "move the view in any direction"],
  ["pen", "use the tool; to erase, use the other end"],
];

export function KeyLists() {
  return (
    <>
      <Entries entries={KEYS} />
      <h2>Mouse, touch and pen</h2>
      <Entries entries={GESTURES} />
    </>
  );
}

function Entries({ entries }: { readonly entries: readonly Entry[] }) {
  return (
    <dl>
      {entries.map(([input, effect]) => (
        <div key={input}>
          <dt>{input}</dt>
          <dd>{effect}</dd>
        </div>
      ))}
    </dl>
  );
}
