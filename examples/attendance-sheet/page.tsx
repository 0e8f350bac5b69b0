/*
 * In the browser. Each row uses its own range of the board, so a change renders only one row; the
 * totals use the whole board. The checkboxes are real, so the keyboard works as usual. Arrow keys
 * move between them. The server decides which rows somebody may fill in; the others are disabled.
 */

import { createContext, type FormEvent, type KeyboardEvent, StrictMode, useContext, useState } from "react";
import { createRoot } from "react-dom/client";
import { type Client, connect } from "socketscaler/client";
import { BoardsProvider, useBoard, useConnection } from "socketscaler/react";
import { DAYS, NAMES, TEACHER } from "./sheet.js";

const BOARD = "attendance";

/** Somebody who has signed in. */
interface User {
  readonly name: string;
  readonly token: string;
}
type Become = (user: User | undefined) => void;

/** The name of the user, if somebody has signed in. */
const Name = createContext<string | undefined>(undefined);

const saved: User | undefined = JSON.parse(sessionStorage.getItem("user") ?? "null") ?? undefined;
const first = clientOf(saved);

function App() {
  const [{ user, client }, setState] = useState({ user: saved, client: first });
  const become: Become = (next) => {
    if (next) sessionStorage.setItem("user", JSON.stringify(next));
    else sessionStorage.removeItem("user");
    client.close();
    setState({ user: next, client: clientOf(next) });
  };
  return (
    <BoardsProvider client={client}>
      <Name value={user?.name}>
        <Header become={become} />
        <main className="content">
          <Sheet />
        </main>
      </Name>
    </BoardsProvider>
  );
}

function clientOf(user: User | undefined): Client {
  return connect(location.origin, user ? { token: () => user.token } : {});
}

function Header({ become }: { become: Become }) {
  const { connected, onlineEverywhere, reason } = useConnection();
  const { right } = useBoard(BOARD, { start: 0, end: 1 });
  const name = useContext(Name);
  return (
    <header className="site-header">
      <div className="title">
        <h1>
          <span>SocketScaler</span> <strong>Attendance sheet</strong>
        </h1>
      </div>
      <p role="status">
        <span className="pill" data-tone={connected ? "good" : "bad"}>
          {connected ? "Live" : "Connecting"}
        </span>{" "}
        {connected ? `People here: ${onlineEverywhere}` : reason?.message}
      </p>
      {right === "write" ? (
        <button type="button" onClick={() => become(undefined)}>
          {name} · sign out
        </button>
      ) : (
        <SignIn become={become} />
      )}
    </header>
  );
}

function SignIn({ become }: { become: Become }) {
  const [isWrong, setWrong] = useState(false);
  const signIn = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const { name, code } = Object.fromEntries(new FormData(event.currentTarget));
    const headers = { "content-type": "application/json" };
    const response = await fetch("/token", { method: "POST", headers, body: JSON.stringify({ name, code }) });
    setWrong(!response.ok);
    if (response.ok) become({ name: String(name), token: (await response.json()).token });
  };
  return (
    <form onSubmit={signIn}>
      <label>
        Name{" "}
        <select name="name">
          {[TEACHER, ...NAMES].map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <label>
        Code <input name="code" type="password" required aria-invalid={isWrong} autoComplete="off" />
      </label>
      <button type="submit" className="primary">
        Sign in
      </button>
      {isWrong && <span role="alert">That code is wrong. Please try again.</span>}
    </form>
  );
}

function Sheet() {
  const { isReady, refusal } = useBoard(BOARD);
  if (refusal) return <p role="alert">{refusal.message}</p>;
  if (!isReady) return <p>Loading …</p>;
  return (
    <div className="table">
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
    </div>
  );
}

function Row({ name, row }: { name: string; row: number }) {
  const start = row * DAYS.length;
  const { cells, right, set } = useBoard(BOARD, { start, end: start + DAYS.length });
  const user = useContext(Name);
  const mayFillIn = right === "write" && (user === TEACHER || user === name);
  return (
    <tr aria-current={user === name}>
      <th scope="row">{name}</th>
      {DAYS.map((day, index) => (
        <td key={day}>
          <input
            type="checkbox"
            aria-label={`${name}, ${day}`}
            disabled={!mayFillIn}
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
