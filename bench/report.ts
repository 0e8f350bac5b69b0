/*
 * `npm run bench:report`: makes bench/README.md and its charts from what is recorded in results/.
 */

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { makeReport } from "./load/report-text.js";
import { RESULTS, readResults } from "./load/results.js";
import { micros } from "./micro/all.js";
import { scenarios } from "./scenarios/all.js";

const { markdown, charts } = makeReport(readResults([...scenarios, ...micros].map(({ name }) => name)));
writeFileSync(fileURLToPath(new URL("README.md", import.meta.url)), markdown);
for (const [name, svg] of charts) writeFileSync(`${RESULTS}${name}`, svg);
