/*
 * In the browser: a button for each desk of the board. The client library renews the leases of
 * `room.mine` while the tab is open. `remember` lets a visitor keep the desk across a reload.
 */

import { connect, Refusal } from "socketscaler/client";
import { DESKS } from "./desks.js";

const [grid, free, news] = [part("room"), part("free"), part("news")];

// This web page's own instance first, and the others if that one is gone.
const others: string[] = await (await fetch("/instances")).json();
const client = connect([...new Set([location.origin, ...others])], { remember: true });
const room = client.board("room");
/** The visitor's desk, as the board last said. */
let own: number | undefined;

const buttons = Array.from({ length: DESKS }, (_, desk) => {
  const button = document.createElement("button");
  button.type = "button";
  button.addEventListener("click", () => void sit(desk));
  return button;
});
grid.append(...buttons);

function stateOf(desk: number): "free" | "yours" | "taken" {
  if (!room.get(desk)) return "free";
  return room.mine.has(desk) || room.isPending(desk) ? "yours" : "taken";
}

function draw(): void {
  for (const [desk, button] of buttons.entries()) {
    const state = stateOf(desk);
    button.textContent = `${desk + 1}`;
    button.dataset.state = state;
    button.setAttribute("aria-label", `Desk ${desk + 1}, ${state}`);
    button.setAttribute("aria-pressed", String(state === "yours"));
  }
  free.textContent = `Free desks: ${DESKS - (room.count({ start: 0, end: DESKS }) ?? DESKS)} of ${DESKS}`;
}

/** Sits down, moves or gets up. Moving is one step: if the new desk is taken, the old one stays. */
async function sit(desk: number): Promise<void> {
  const state = stateOf(desk);
  if (state === "taken") return say(`Desk ${desk + 1} is taken. Pick another one.`);
  const left = [...room.mine.keys()].map((old) => [old, false] as const);
  own = undefined;
  await room.setAll(state === "free" ? [...left, [desk, true]] : left).then(
    () => say(state === "free" ? `You are at desk ${desk + 1}.` : "You got up."),
    (error: unknown) => {
      const isTaken = error instanceof Refusal && error.code === "TAKEN";
      say(
        isTaken
          ? `Desk ${desk + 1} has just been taken. Pick another one.`
          : `Desk ${desk + 1} did not change: ${error instanceof Error ? error.message : error}`,
      );
    },
  );
  draw();
}

/** The visitor's desk has changed. */
function receiveMine(): void {
  const [now] = room.mine.keys();
  // A browser may stop the timers of a hidden tab.
  if (own !== undefined && now === undefined)
    say(`Desk ${own + 1} was freed, because this tab was asleep or offline. Pick a desk again.`);
  own = now;
  draw();
}

function part(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the web page has no #${id}`);
  return found;
}

function say(text: string): void {
  news.textContent = text;
}

await room.watch({ start: 0, end: DESKS }).ready;
room.on("mine", receiveMine);
room.on("change", draw);
client.on("state", ({ connected, reason }) => {
  grid.ariaBusy = String(!connected);
  if (!connected) say(reason?.message ?? "Connecting …");
});
receiveMine();
grid.ariaBusy = "false";
