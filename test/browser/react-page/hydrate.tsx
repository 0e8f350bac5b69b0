/* Hydrates the page that a server rendered, when the test says so. */

import { hydrateRoot } from "react-dom/client";
import { connect } from "../../../src/client/index.js";
import { Page } from "./hydrated.js";

const query = new URLSearchParams(location.search);
const client = connect(query.getAll("url"));
const board = client.board("rendered");
board.watch({ start: 0, end: 64 });

Object.assign(window, {
  isLoaded: () => board.get(0) !== undefined,
  /** The text that the server rendered. */
  hydrate: () => {
    const root = document.getElementById("root");
    const text = root?.textContent;
    const initialBits = Uint8Array.of(Number(query.get("bits")));
    if (root) hydrateRoot(root, <Page client={client} initialBits={initialBits} />);
    return text;
  },
});
