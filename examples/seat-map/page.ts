/*
 * In the browser: a checkbox for each seat of the board. `seats.mine` says which seats are the
 * visitor's, and until when. A seat whose hold has no end is paid for.
 */

import { connect, Refusal } from "socketscaler/client";
import { ROWS, SEATS, SEATS_IN_ROW, seatName } from "./hall.js";

const [hall, news] = [part("hall", HTMLElement), part("news", HTMLElement)];
const [heldText, paidText] = [part("held", HTMLElement), part("paid", HTMLElement)];
const payButton = part("pay", HTMLButtonElement);

// This web page's own instance first, and the others if that one is gone.
const others: string[] = await (await fetch("/instances")).json();
const urls = [...new Set([location.origin, ...others])];
const seats = connect(urls).board("seats");
/** Seats that the visitor holds, each with the time when its hold ends. */
let held = new Map<number, number>();
/** Seats that were not paid for in time, until the board shows that they are free. */
const ended = new Set<number>();

const boxes = Array.from({ length: SEATS }, (_, seat) => {
  const box = document.createElement("input");
  box.type = "checkbox";
  box.tabIndex = seat === 0 ? 0 : -1;
  box.addEventListener("click", (event) => {
    // The board decides whether it is checked.
    event.preventDefault();
    void pick(seat);
  });
  return box;
});
for (const [index, row] of [...ROWS].entries()) {
  const line = document.createElement("div");
  line.className = "row";
  line.append(row, ...boxes.slice(index * SEATS_IN_ROW, (index + 1) * SEATS_IN_ROW), row);
  hall.append(line);
}

const WORDS = { free: "free", asked: "asked for", held: "held for you", paid: "yours", taken: "taken" } as const;
type State = keyof typeof WORDS;

function stateOf(seat: number): State {
  if (!seats.get(seat)) return "free";
  if (seats.mine.has(seat)) return seats.mine.get(seat) === undefined ? "paid" : "held";
  return seats.isTaken(seat) ? "taken" : "asked";
}

function draw(): void {
  for (const [seat, box] of boxes.entries()) {
    const state = stateOf(seat);
    if (box.dataset.state === state) continue;
    box.dataset.state = state;
    // Runs after the current click event, which would reset the checkbox.
    setTimeout(() => {
      box.checked = state !== "free";
    });
    box.setAttribute("aria-label", `Seat ${seatName(seat)}, ${WORDS[state]}`);
    box.setAttribute("aria-disabled", String(state !== "free" && state !== "held"));
  }
  const own = [...seats.mine].sort(([one], [other]) => one - other);
  const paid = own.flatMap(([seat, endMs]) => (endMs === undefined ? seatName(seat) : []));
  paidText.textContent = paid.join(", ") || "none";
  payButton.disabled = held.size === 0 || payButton.ariaBusy === "true";
  drawTimes();
}

function drawTimes(): void {
  const entries = [...held].sort(([one], [other]) => one - other);
  for (const [seat, endMs] of entries) boxes[seat]?.setAttribute("data-left", timeLeft(endMs));
  const text = entries.map(([seat, endMs]) => `${seatName(seat)} (${timeLeft(endMs)})`).join(", ") || "none";
  if (heldText.textContent !== text) heldText.textContent = text;
}

function timeLeft(endMs: number): string {
  const seconds = Math.max(0, Math.ceil((endMs - Date.now()) / 1_000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

async function pick(seat: number): Promise<void> {
  const name = seatName(seat);
  const state = stateOf(seat);
  if (state === "taken") return say(`${name} is taken. Please pick another seat.`);
  if (state === "paid") return say(`${name} is yours and paid for.`);
  if (state === "asked") return;
  if (state === "held") held.delete(seat); // The visitor gave it back, so the end of the hold needs no message.
  await seats.set(seat, state === "free").catch((error: unknown) => {
    const isTaken = error instanceof Refusal && error.code === "TAKEN";
    say(
      isTaken
        ? `${name} has just been taken. Please pick another seat.`
        : `${name} did not change: ${error instanceof Error ? error.message : error}`,
    );
  });
  draw();
}

/** The visitor's seats have changed. */
function receiveMine(): void {
  const lost = [...held.keys()].filter((seat) => !seats.mine.has(seat));
  if (lost.length > 0) say(`Not paid for in time: ${lost.map(seatName).join(", ")}. Please pick again.`);
  for (const seat of lost) if (seats.get(seat)) ended.add(seat);
  held = new Map([...seats.mine].flatMap(([seat, endMs]) => (endMs === undefined ? [] : [[seat, endMs] as const])));
  draw();
}

async function pay(): Promise<void> {
  payButton.ariaBusy = "true";
  draw();
  say("Paying …");
  const response = await fetchFromAny("/pay");
  say(response?.ok ? `Paid: ${(await response.json()).join(", ")}.` : "Nothing was paid. Please try again.");
  payButton.ariaBusy = "false";
  draw();
}

/** The answer of the first instance that gives one. */
async function fetchFromAny(path: string): Promise<Response | undefined> {
  for (const url of urls) {
    const response = await fetch(url + path, { method: "POST", credentials: "include" }).catch(() => undefined);
    if (response) return response;
  }
  return undefined;
}

function part<Kind extends HTMLElement>(id: string, kind: { new (): Kind }): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the web page has no #${id}`);
  return found;
}

function say(text: string): void {
  news.textContent = text;
}

hall.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -SEATS_IN_ROW, ArrowDown: SEATS_IN_ROW }[event.key];
  if (step === undefined || !(event.target instanceof HTMLInputElement)) return;
  const to = boxes[boxes.indexOf(event.target) + step];
  if (!to) return;
  event.preventDefault();
  for (const box of boxes) box.tabIndex = box === to ? 0 : -1;
  to.focus();
});
payButton.addEventListener("click", () => void pay());

await seats.watch({ start: 0, end: SEATS }).ready;
seats.on("mine", receiveMine);
seats.on("change", (changes) => {
  const theirs = changes.find(({ cell, mine }) => !mine && !seats.mine.has(cell) && !ended.delete(cell));
  const left = SEATS - (seats.count({ start: 0, end: SEATS }) ?? 0);
  if (theirs) {
    say(`${seatName(theirs.cell)} is ${theirs.value ? "taken" : "free again"}. Seats left: ${left}.`);
  }
  draw();
});
receiveMine();
hall.ariaBusy = "false";
setInterval(drawTimes, 1_000);
