/* `npm run bench:report`: from results/, bench/README.md, charts, sizes in docs/deploy.md. */

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { writeTables } from "../scripts/document-tables.js";
import { makeReport } from "./load/report-text.js";
import { RESULTS, readResults } from "./load/results.js";
import { scenarios } from "./scenarios/all.js";

const { markdown, charts } = makeReport(readResults(scenarios.map(({ name }) => name)));
writeFileSync(fileURLToPath(new URL("README.md", import.meta.url)), markdown);
for (const [name, svg] of charts) writeFileSync(`${RESULTS}${name}`, svg);
writeTables();
