/* In the browser: a checkbox for each seat of the board, and a list of the visitor's own seats. */

import { io } from "socket.io-client";
import { connect, Refusal } from "socketscaler/client";
import { ROWS, SEATS, SEATS_IN_ROW, seatName } from "./hall.js";

const [hall, news, mineText] = [part("hall"), part("news"), part("mine")];

const seats = connect(location.origin).board("seats");
const mine = new Set<number>();

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

function draw(): void {
  for (const [seat, box] of boxes.entries()) {
    const taken = seats.get(seat) === true;
    const state = mine.has(seat) && taken ? "mine" : taken ? "taken" : "free";
    if (box.dataset.state === state) continue;
    box.dataset.state = state;
    // Runs after the current click event, which would reset the checkbox.
    setTimeout(() => {
      box.checked = taken;
    });
    box.setAttribute("aria-label", `Seat ${seatName(seat)}, ${state === "mine" ? "yours" : state}`);
    box.setAttribute("aria-disabled", String(state === "taken"));
  }
  const own = [...mine].filter((seat) => seats.get(seat) === true).sort((one, other) => one - other);
  mineText.textContent = own.map(seatName).join(", ") || "none yet";
}

async function pick(seat: number): Promise<void> {
  const isTaken = seats.get(seat) === true;
  if (isTaken && !mine.has(seat)) return say(`${seatName(seat)} is taken.`);
  if (isTaken) {
    const { ok } = await fetch(`/my/seats/${seat}`, { method: "DELETE" });
    if (ok) mine.delete(seat);
    else say(`${seatName(seat)} could not be given back. Please try again.`);
  } else {
    mine.add(seat);
    await seats.set(seat, true).catch((error: unknown) => {
      mine.delete(seat);
      const isForbidden = error instanceof Refusal && error.code === "FORBIDDEN";
      say(
        isForbidden
          ? `${seatName(seat)} has just been taken by someone else. Please pick another seat.`
          : `${seatName(seat)} could not be taken: ${error}`,
      );
    });
  }
  draw();
}

function part(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
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

seats.on("change", draw);
await seats.watch({ start: 0, end: SEATS }).ready;
for (const seat of await (await fetch("/my/seats")).json()) {
  mine.add(seat);
  // The page was closed between the claim and the write to the board.
  if (seats.get(seat) === false) void seats.set(seat, true).catch(() => mine.delete(seat));
}
draw();
hall.ariaBusy = "false";

io().on("news", ({ seat, taken, left }: { seat: string; taken: boolean; left: number }) => {
  say(`${seat} was ${taken ? "taken" : "given back"}; ${left} ${left === 1 ? "seat is" : "seats are"} left.`);
});
