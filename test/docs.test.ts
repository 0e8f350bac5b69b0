/* What the documents repeat from the code, or promise of the tests, is compared with it. */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { makeReport } from "../bench/load/report-text.js";
import { readResults } from "../bench/load/results.js";
import { scenarios } from "../bench/scenarios/all.js";
import { STEPS } from "../examples/tutorial/steps/all.js";
import { makeApi } from "../scripts/api-docs.js";
import { TABLES, withTable } from "../scripts/document-tables.js";
import { ANSWERS, Refusal } from "../src/protocol/errors.js";
import { isErrorCode, RULES } from "../src/protocol/refusal.js";
import { INSTANCE_FIELDS } from "../src/server/app-settings.js";
import { OPTIONS, readConfig } from "../src/server/config.js";
import { MESSAGES } from "../src/server/limits/allowance.js";
import { HTTP_PACE, REQUESTS } from "../src/server/run-instance.js";
import { MESSAGE_CHARACTERS_MAX } from "../src/server/sockets/teaching-namespace.js";
import { CALLS } from "../src/store/upstream/calls.js";
import { Names } from "../src/store/valkey/scripts/keys.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (file: string) => readFileSync(join(root, file), "utf8");
const documents = [
  ...readdirSync(root).filter((name) => name.endsWith(".md")),
  ...readdirSync(join(root, "docs"), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
  ...readdirSync(join(root, "examples"))
    .map((name) => join("examples", name, "README.md"))
    .filter((name) => existsSync(join(root, name))),
];

const DIFFERING_LINES_MAX = 20;
const ERROR_CODES = Object.keys(RULES).filter(isErrorCode);

/** The rows of the table behind a marker, without head. */
function tableAfter(text: string, marker: string): string[] {
  const lines = text.slice(text.indexOf(marker)).split("\n");
  const start = lines.findIndex((line) => line.startsWith("| ---"));
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => !line.startsWith("|"));
  return end === -1 ? rest : rest.slice(0, end);
}

/** The names of tests, in quotes. */
function testsNamedIn(text: string): string[] {
  return Array.from(text.matchAll(/"([^"]+)"/g), ([, name = ""]) => name.replaceAll(/\s+/g, " "));
}

/** Whether a test of that name is in `source`; a template is named as it is written there. */
function hasTest(source: string, name: string): boolean {
  return ["test", "describe"].some(
    (call) => source.includes(`${call}("${name}"`) || source.includes(`${call}(\`${name}\``),
  );
}

/** Each link to a file of tests is followed by names of tests in that file. */
function assertLinkedTests(text: string, where: string): void {
  const [, ...linked] = text.split(/\]\(\.\.\/(?=test\/)/);
  assert.ok(linked.length > 0, `no test named: ${where}`);
  for (const part of linked) {
    const file = part.slice(0, part.indexOf(")"));
    const named = testsNamedIn(part);
    assert.ok(named.length > 0, `no test named of ${file}: ${where}`);
    for (const name of named) assert.ok(hasTest(read(file), name), `no such test in ${file}: ${name}`);
  }
}

/** The anchors that GitHub makes of a document's headings. One that is there already gets a number. */
function anchorsOf(text: string): string[] {
  const anchors: string[] = [];
  for (const [, heading = ""] of text.replace(/^```[\s\S]*?^```/gm, "").matchAll(/^#+ (.+)$/gm)) {
    const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const anchor = words.replace(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(" ", "-");
    const before = anchors.filter((one) => one.replace(/-\d+$/, "") === anchor).length;
    anchors.push(before > 0 ? `${anchor}-${before}` : anchor);
  }
  return anchors;
}

/** On failure it shows only the lines that differ, and says which script writes them. */
function assertUpToDate(text: string, made: string, document: string, script: string): void {
  const [before, after] = [text, made].map((each) => each.split("\n"));
  const gone = before?.filter((line) => !after?.includes(line)).map((line) => `- ${line}`) ?? [];
  const added = after?.filter((line) => !before?.includes(line)).map((line) => `+ ${line}`) ?? [];
  const difference = [...gone, ...added].slice(0, DIFFERING_LINES_MAX).join("\n");
  assert.ok(text === made, `${document} is out of date: run npm run ${script}\n${difference}`);
}

describe("the documents", () => {
  test("PROTOCOL.md has the error table as it is", () => {
    const rows = ERROR_CODES.map((code) => {
      const { message, rule } = new Refusal(code);
      return `| ${code} | ${ANSWERS[code].http} | ${rule.outcome} | ${rule.retry ? "yes" : "no"} | ${message} |`;
    });
    assert.deepEqual(tableAfter(read("PROTOCOL.md"), "<!-- errors"), rows);
  });

  test("PROTOCOL.md has the calls of relays as they are, all and in order", () => {
    const named = tableAfter(read("PROTOCOL.md"), "<!-- calls").map((row) => /^\| `(\w+)` \|/.exec(row)?.[1]);
    assert.deepEqual(named, Object.keys(CALLS));
  });

  test("docs/configure.md has the options as they are, and docs/deploy.md the sizes as they were measured", () => {
    for (const table of TABLES) {
      const text = read(table.document);
      assertUpToDate(text, withTable(text, table), table.document, "docs:options");
    }
    const text = read("docs/configure.md");
    for (const { env } of Object.values(OPTIONS)) assert.match(text, new RegExp(`^\\| \`${env}\``, "m"));
  });

  test("docs/deploy.md has the frames a second that the default flush interval allows", () => {
    const [, frames] = /at most (\d+)\s+frames\s+a\s+second/.exec(read("docs/deploy.md")) ?? [];
    const expected = Math.floor(1_000 / readConfig({}, {}).flushMs);
    assert.equal(Number(frames), expected, `1,000 / FLUSH_MS is ${expected} frames a second, not ${frames}`);
  });

  test("docs/troubleshoot.md says of each error code what it comes to", () => {
    const rows = tableAfter(read("docs/troubleshoot.md"), "<!-- failures");
    const named = rows.flatMap((row) =>
      Array.from((row.split("|")[1] ?? "").matchAll(/`([A-Z_]+)`/g), ([, code]) => code),
    );
    assert.deepEqual(named.toSorted(), ERROR_CODES.toSorted());
  });

  test("docs/guarantees.md has the bounds on chat and on requests as they are", () => {
    const rows = tableAfter(read("docs/guarantees.md"), "### What is bounded");
    const bound = (start: string) => rows.find((row) => row.startsWith(`| ${start}`))?.split(" | ")[1] ?? "";
    const { perSecond, burst } = MESSAGES;
    const characters = MESSAGE_CHARACTERS_MAX.toLocaleString("en");
    const chat = `${perSecond} a second (${burst} at once), of ${characters} characters each`;
    assert.equal(bound("chat messages").replace(/ \|$/, ""), chat);
    const requests = `${REQUESTS.perSecond} a second (${REQUESTS.burst} at once)`;
    assert.equal(bound("requests on one connection").split(";")[0], requests);
    const { times, perSecondMin, burstSeconds } = HTTP_PACE;
    const pace = `${times} times \`HTTP_PER_MINUTE\`, but at least ${perSecondMin} a second (${burstSeconds} s of that at once)`;
    assert.equal(bound("HTTP requests from an address, for all routes").split(". ")[0], pace);
  });

  test("CONTRIBUTING.md names files and numbers of rate limits that are there", () => {
    const source = readdirSync(join(root, "src/server"), { recursive: true })
      .map(String)
      .filter((name) => name.endsWith(".ts"))
      .map((name) => read(join("src/server", name)))
      .join("\n");
    const rows = tableAfter(read("CONTRIBUTING.md"), "### A rate limit");
    assert.ok(rows.length > 10);
    for (const [, name = ""] of rows.join("\n").matchAll(/`([^`]+)`/g)) {
      const isFile = /\.(ts|lua)$/.test(name);
      const path = join(root, name.startsWith("src/") ? name : join("src/server", name));
      assert.ok(isFile ? existsSync(path) : source.includes(name), name);
    }
  });

  test("every link to a file or a heading leads to one", () => {
    for (const document of documents) {
      for (const [link, target = "", heading] of read(document).matchAll(
        /\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g,
      )) {
        const path = target ? join(dirname(document), target) : document;
        assert.ok(existsSync(join(root, path)), `${document} links to ${target}`);
        if (heading) assert.ok(anchorsOf(read(path)).includes(heading), `${document}: no heading for ${link}`);
      }
    }
  });

  test("docs/guarantees.md gives each promise an example, limits and tests that are in the files it links to", () => {
    const [, ...sections] = read("docs/guarantees.md").split("\n## ");
    const promises = sections.filter((section) => section.includes("**Promise.**"));
    const listed = tableAfter(read("docs/guarantees.md"), "# Guarantees").map((row) => /\[([^\]]+)\]/.exec(row)?.[1]);
    assert.deepEqual(
      promises.map((section) => section.split("\n")[0]),
      listed,
    );
    assert.equal(promises.length, 12);
    for (const section of promises) {
      const [title = ""] = section.split("\n");
      const parts = ["**Promise.**", "**Example.**", "**Limits**\n\n- ", "**Proved by**\n\n- "];
      for (const part of parts) assert.ok(section.includes(part), `${title} lacks ${part}`);
      const [, proofs = ""] = section.split("**Proved by**");
      assertLinkedTests(proofs.split("\n###")[0] ?? "", title);
    }
  });

  test("every test that an invariant, a threat or a step of the tutorial names is there", () => {
    const files = readdirSync(join(root, "test"), { recursive: true }).map(String);
    const tests = files
      .filter((name) => name.endsWith(".ts"))
      .map((name) => read(join("test", name)))
      .join("\n");
    const [, chaos = ""] = read("docs/guarantees.md").split("## What chaos does and judges");
    const judged = chaos.split("\n").filter((line) => line.includes('"'));
    assert.ok(judged.length > 0);
    const invariants = tableAfter(read("ARCHITECTURE.md"), "## Invariants");
    assert.equal(invariants.length, 11);
    const threats = tableAfter(read("docs/security.md"), "# Security").map((row) => row.split("|").at(-2) ?? "");
    assert.ok(threats.length > 15);
    const taught = read("docs/tutorial.md")
      .split("\n\n")
      .filter((paragraph) => /Tests?:/.test(paragraph))
      .map((paragraph) => paragraph.slice(paragraph.search(/Tests?:/)));
    assert.equal(taught.length, STEPS.length);
    const [, upgrade = ""] = /The\s+refusal\s+is\s+tested\s+(\([^)]*\))/.exec(read("docs/deploy.md")) ?? [];
    for (const row of [...invariants, ...judged, ...threats, ...taught, upgrade]) {
      const named = testsNamedIn(row);
      assert.ok(named.length > 0, `no test named: ${row}`);
      for (const name of named) {
        const found =
          tests.includes(name) ||
          (/^the compiler refuses/.test(name) && tests.includes("the compiler refuses a wrong line in"));
        assert.ok(found, `no such test: ${name}`);
      }
    }
  });

  test("docs/decisions has short records with a status, all of them in the index, in order", () => {
    const folder = "docs/decisions";
    const names = readdirSync(join(root, folder)).filter((name) => name !== "README.md");
    const indexed = new Map(
      tableAfter(read(join(folder, "README.md")), "# Decisions").map((row) => {
        const [, room = "", link = "", status = ""] = row.split("|").map((cell) => cell.trim());
        return [/\]\(([^)]+)\)/.exec(link)?.[1] ?? "", { room, link, status }];
      }),
    );
    assert.deepEqual([...indexed.keys()].toSorted(), names.toSorted());
    for (const [index, name] of names.toSorted().entries()) {
      const number = String(index + 1).padStart(3, "0");
      assert.ok(name.startsWith(`${number}-`), `${name} is not number ${number}`);
      const text = read(join(folder, name));
      const head = /^# (\d{3}\. .+)\n\n- Status: (.+)\n- Date: \d{4}-\d\d-\d\d\n- Room: (.+)\n\n/.exec(text);
      const { room, link, status } = indexed.get(name) ?? {};
      assert.deepEqual([head?.[3], head?.[2]], [room, status], `${name}: the index says otherwise`);
      assert.ok(link?.includes(`[${head?.[1]}]`), `${name}: the index has another title`);
      assert.match(status ?? "", /^(accepted|superseded by \[\d{3}\]\(.+\))$/, name);
      const words = text
        .replaceAll(/\||---/g, " ")
        .split(/\s+/)
        .filter(Boolean).length;
      assert.ok(words <= 150, `${name} has ${words} words`);
    }
  });

  test("docs/api is what docs:api makes of the types, and everything has a comment", () => {
    for (const { document, text, silent } of makeApi()) {
      assert.deepEqual(silent, [], `${document}: names without a comment`);
      assertUpToDate(read(document), text, document, "docs:api");
    }
  });

  test("docs/failures.md has every failure once, and each names tests that are in the files it links to", () => {
    const text = read("docs/failures.md");
    const rows = ["## Of other systems", "## Of this one", "## Planted"].flatMap((heading) =>
      tableAfter(text, heading),
    );
    const ids = (letter: string, count: number) => Array.from({ length: count }, (_, index) => `${letter}${index + 1}`);
    assert.deepEqual(
      rows.map((row) => row.split(" | ")[0]?.slice(2)),
      [...ids("T", 34), ...ids("S", 48), ...ids("P", 9)],
    );
    for (const row of rows) assertLinkedTests(row, row);
  });

  test("bench/README.md is what bench:report makes of the recorded results", () => {
    const { markdown, charts } = makeReport(readResults(scenarios.map(({ name }) => name)));
    assertUpToDate(read("bench/README.md"), markdown, "bench/README.md", "bench:report");
    for (const [name, svg] of charts) assert.equal(read(join("bench/results", name)), svg);
  });

  test("docs/tutorial.md has the steps as they are, each with its command", () => {
    const sections = read("docs/tutorial.md")
      .split("\n## ")
      .slice(1, STEPS.length + 1);
    for (const [index, { title }] of STEPS.entries()) {
      assert.ok(sections[index]?.startsWith(`${index + 1}. ${title}\n\n    npm run tutorial ${index + 1}\n`), title);
    }
  });

  test("a table that says it has the fields of a type has them all, in order, and no others", () => {
    let tables = 0;
    for (const document of documents) {
      const text = read(document);
      for (const [marker, type = "", file = ""] of text.matchAll(/<!-- fields of (\w+) in (\S+) -->/g)) {
        const [, body = ""] = new RegExp(`export interface ${type} {\n(.*?)\n}`, "s").exec(read(file)) ?? [];
        const fields = Array.from(body.matchAll(/^ {2}readonly (\w+)\??:/gm), ([, field]) => field);
        const named = tableAfter(text, marker).map((row) => /^\| `(\w+)` \|/.exec(row)?.[1]);
        assert.ok(fields.length > 0, `${file} has no ${type}`);
        assert.deepEqual(named, fields, `${document}: ${type}`);
        tables++;
      }
    }
    assert.equal(tables, 4);
  });

  test("docs/embedding.md has the options of attachBoards, in order", () => {
    const source = read("src/server/attach-boards.ts");
    const [, body = ""] = /export interface AttachBoardsOptions extends InstanceFields {\n(.*?)\n}/s.exec(source) ?? [];
    const [first, ...others] = Array.from(body.matchAll(/^ {2}readonly (\w+)\??:/gm), ([, field]) => field);
    const rows = tableAfter(read("docs/embedding.md"), "<!-- options of attachBoards");
    assert.deepEqual(
      rows.map((row) => /^\| `(\w+)` \|/.exec(row)?.[1]),
      [first, ...Object.keys(INSTANCE_FIELDS), ...others],
    );
    for (const [field, env] of Object.entries(INSTANCE_FIELDS)) {
      const [row = ""] = rows.filter((text) => text.startsWith(`| \`${field}\` |`));
      assert.ok(row.includes(`\`${env}\``), `${field}: ${env}`);
    }
  });

  test("npm scripts that documents name are there", () => {
    const { scripts }: { scripts: Record<string, string> } = JSON.parse(read("package.json"));
    for (const document of documents) {
      for (const [, name = ""] of read(document).matchAll(/npm run ([\w:-]+)/g)) {
        assert.ok(name in scripts, `${document} names npm run ${name}`);
      }
    }
  });
});

describe("the keys", () => {
  test("every key of a page carries its hash tag, and only keys.ts builds keys", () => {
    const { bits, head, log, seen, history, channel } = new Names("shop:", 3).page({ board: "main", page: 7 });
    for (const key of [bits, head, log, ...seen, history, channel]) assert.ok(key.includes("{main:7}"), key);
    const overview = new Names("shop:", 3).overview("main");
    for (const key of [overview.list, overview.channel]) assert.ok(key.includes("{main:overview}"), key);
    const src = join(root, "src");
    for (const name of readdirSync(src, { recursive: true }).map(String)) {
      if (!name.endsWith(".ts") || name === join("store", "valkey", "scripts", "keys.ts")) continue;
      assert.doesNotMatch(readFileSync(join(src, name), "utf8"), /["'`}](ss:|server:broker)/, name);
    }
  });
});
