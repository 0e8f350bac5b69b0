/*
 * In the browser. Each row uses its own range of the board, so a change renders only one row; the
 * totals use the whole board. The checkboxes are real, so the keyboard works as usual. Arrow keys
 * move between them.
 */

import { type FormEvent, type KeyboardEvent, StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { type Client, connect } from "socketscaler/client";
import { BoardsProvider, useBoard, useConnection } from "socketscaler/react";
import { DAYS, NAMES } from "./sheet.js";

const BOARD = "attendance";

const first = clientWith(sessionStorage.getItem("token"));

function App() {
  const [client, setClient] = useState(first);
  const become = (token: string | null) => {
    if (token === null) sessionStorage.removeItem("token");
    else sessionStorage.setItem("token", token);
    client.close();
    setClient(clientWith(token));
  };
  return (
    <BoardsProvider client={client}>
      <main>
        <Header become={become} />
        <Sheet />
      </main>
    </BoardsProvider>
  );
}

function clientWith(token: string | null): Client {
  return connect(location.origin, token === null ? {} : { token: () => token });
}

function Header({ become }: { become: (token: string | null) => void }) {
  const { connected, onlineEverywhere, reason } = useConnection();
  const { right } = useBoard(BOARD, { start: 0, end: 1 });
  const state = connected ? `Live · ${onlineEverywhere} online` : (reason?.message ?? "Connecting …");
  return (
    <header>
      <div>
        <h1>Attendance</h1>
        <p role="status">{state}</p>
      </div>
      {right === "write" ? (
        <button type="button" onClick={() => become(null)}>
          Teacher · sign out
        </button>
      ) : (
        <SignIn become={become} />
      )}
    </header>
  );
}

function SignIn({ become }: { become: (token: string | null) => void }) {
  const [isWrong, setWrong] = useState(false);
  const signIn = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const code = new FormData(event.currentTarget).get("code");
    const headers = { "content-type": "application/json" };
    const response = await fetch("/token", { method: "POST", headers, body: JSON.stringify({ code }) });
    setWrong(!response.ok);
    if (response.ok) become((await response.json()).token);
  };
  return (
    <form onSubmit={signIn}>
      <label>
        Teacher's code <input name="code" type="password" required aria-invalid={isWrong} autoComplete="off" />
      </label>
      <button type="submit">Sign in</button>
      {isWrong && <span role="alert">That is not the code. Please try again.</span>}
    </form>
  );
}

function Sheet() {
  return (
    <table onKeyDown={moveFocus}>
      <thead>
        <tr>
          <th scope="col">Participant</th>
          {DAYS.map((day) => (
            <th scope="col" key={day}>
              {day}
            </th>
          ))}
          <th scope="col">Days</th>
        </tr>
      </thead>
      <tbody>
        {NAMES.map((name, row) => (
          <Row key={name} name={name} row={row} />
        ))}
      </tbody>
      <Totals />
    </table>
  );
}

function Row({ name, row }: { name: string; row: number }) {
  const start = row * DAYS.length;
  const { cells, isReady, right, set } = useBoard(BOARD, { start, end: start + DAYS.length });
  return (
    <tr>
      <th scope="row">{name}</th>
      {DAYS.map((day, index) => (
        <td key={day}>
          <input
            type="checkbox"
            aria-label={`${name}, ${day}`}
            disabled={!isReady || right === "view"}
            checked={cells[index] ?? false}
            onChange={(event) => set(start + index, event.target.checked)}
          />
        </td>
      ))}
      <td>{cells.filter(Boolean).length}</td>
    </tr>
  );
}

function Totals() {
  const { cells } = useBoard(BOARD);
  const here = (day: number) => NAMES.filter((_, row) => cells[row * DAYS.length + day]).length;
  return (
    <tfoot>
      <tr>
        <th scope="row">Present</th>
        {DAYS.map((day, index) => (
          <td key={day}>{here(index)}</td>
        ))}
        <td>{cells.filter(Boolean).length}</td>
      </tr>
    </tfoot>
  );
}

const STEPS: Readonly<Record<string, number>> = {
  ArrowLeft: -1,
  ArrowRight: 1,
  ArrowUp: -DAYS.length,
  ArrowDown: DAYS.length,
};

function moveFocus(event: KeyboardEvent<HTMLTableElement>) {
  const step = STEPS[event.key];
  if (step === undefined || !(event.target instanceof HTMLInputElement)) return;
  const boxes = Array.from(event.currentTarget.querySelectorAll("input"));
  const to = boxes[boxes.indexOf(event.target) + step];
  if (!to) return;
  event.preventDefault();
  to.focus();
}

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
