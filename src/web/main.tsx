/*
 * Starts the app. It connects only to the instance that served it, so that the user can see which
 * one it is. A new token restarts everything: it may have other rights.
 */

import { render } from "preact";
import { type Client, connect } from "../client/index.js";
import { keepChanges } from "../client/kept-changes.js";
import { homeUrl, readBoardNames } from "./address/instance-answers.js";
import { readQuery } from "./address/query.js";
import { keepToken, readToken, readUser, takeToken } from "./address/visitor-token.js";
import { App } from "./app.js";

const { board, isCompact } = readQuery(location.search);
const root = document.getElementById("page");
if (!root) throw new Error("index.html has no #page");
// The frame that was shown until now.
root.replaceChildren();
let client: Client | undefined;
let visits = 0;

function visit(page: Element): void {
  client?.close();
  const view = document.documentElement.dataset.view === "feed" ? "feed" : "live";
  const next = connect(homeUrl(), { view, token: readToken, remember: true, keep: keepChanges(readUser()) });
  client = next;
  const useToken = (token: string) => {
    keepToken(token);
    visit(page);
  };
  render(
    <App
      key={visits++}
      client={next}
      board={next.board(board)}
      isCompact={isCompact}
      names={readBoardNames()}
      hasToken={readToken() !== ""}
      onToken={useToken}
    />,
    page,
  );
}

takeToken();
visit(root);
addEventListener("hashchange", () => takeToken() && visit(root));
