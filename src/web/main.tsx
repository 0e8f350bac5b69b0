/* Starts the page of a board: connects to the instance that served it, and to no other, so that one sees which it is. */

import { render } from "preact";
import { connect } from "../client/index.js";
import { App } from "./app.js";
import { readBoardNames } from "./instance-answers.js";
import { readQuery } from "./query.js";

const { board, isCompact } = readQuery(location.search);
const client = connect(location.origin);
const root = document.getElementById("page");
if (!root) throw new Error("index.html has no #page");
render(<App client={client} board={client.board(board)} isCompact={isCompact} names={readBoardNames()} />, root);
