import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { lockDirectory } from "../../../../src/store/embedded/directory-lock.js";
import { temporaryFolder } from "../../../support/folder.js";
import { program } from "../../../support/program.js";

const RACERS = 6;
const ROUNDS = 40;

interface Racer {
  readonly child: ChildProcess;
  tell(order: string): Promise<string>;
  kill(): Promise<void>;
}

async function startRacer(t: { after(end: () => unknown): unknown }): Promise<Racer> {
  const args = program("test/support/lock-racer.ts");
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async () => String((await lines.next()).value);
  assert.equal(await next(), "ready");
  return {
    child,
    tell: (order) => {
      child.stdin.write(`${order}\n`);
      return next();
    },
    kill: async () => {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

test("of many processes that find a lock left over, exactly one gets it, in each of many rounds", async (t) => {
  const directory = temporaryFolder(t);
  const killed = await startRacer(t);
  assert.equal(await killed.tell(`lock ${directory}`), "has it");
  await killed.kill();
  const racers = await Promise.all(Array.from({ length: RACERS }, () => startRacer(t)));
  for (let round = 0; round < ROUNDS; round++) {
    const answers = await Promise.all(racers.map((racer) => racer.tell(`lock ${directory}`)));
    assert.equal(answers.filter((answer) => answer === "has it").length, 1, `round ${round}: ${answers}`);
    assert.equal(socketsIn(directory).length, 1, "what others left is removed");
    await Promise.all(racers.map((racer) => racer.tell(`leave ${directory}`)));
  }
});

test("of many processes that find the folder of the lock empty, or with several files, never two get it", async (t) => {
  const directory = temporaryFolder(t);
  const folder = join(directory, "lock");
  mkdirSync(folder);
  const racers = await Promise.all(Array.from({ length: RACERS }, () => startRacer(t)));
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of readdirSync(folder)) rmSync(join(folder, name));
    // None, two, four.
    for (let file = 0; file < 2 * (round % 3); file++) writeFileSync(join(folder, `${file}`.repeat(24)), "");
    const answers = await Promise.all(racers.map((racer) => racer.tell(`lock ${directory}`)));
    assert.ok(answers.filter((answer) => answer === "has it").length <= 1, `round ${round}: ${answers}`);
    await Promise.all(racers.map((racer) => racer.tell(`leave ${directory}`)));
  }
  (await lockDirectory(directory)).release();
});

test("a process that does not come to answer still has the lock", async (t) => {
  const directory = temporaryFolder(t);
  const racer = await startRacer(t);
  assert.equal(await racer.tell(`lock ${directory}`), "has it");
  racer.child.kill("SIGSTOP");
  const [path] = socketsIn(directory);
  assert.ok(path);
  // The kernel takes so many connections for it, and then refuses for now.
  for (let code: unknown; code !== "EAGAIN"; ) {
    const socket = connect(join(directory, path));
    t.after(() => socket.destroy());
    code = await once(socket, "connect").then(
      () => "accepted",
      (error) => error.code,
    );
  }
  await assert.rejects(lockDirectory(directory), /in use/);
});

test("a directory whose path is too long for a socket in it has one lock all the same, whatever TMPDIR is", async (t) => {
  const directory = join(temporaryFolder(t), "d".repeat(90));
  mkdirSync(directory);
  const lock = await lockDirectory(directory);
  const before = process.env.TMPDIR;
  process.env.TMPDIR = temporaryFolder(t);
  try {
    await assert.rejects(lockDirectory(directory), /in use/);
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    lock.release();
  }
});

for (const [length, where] of [
  ["short", "in the directory"],
  ["long", "in the temporary folder"],
] as const) {
  test(`a process that locks as 0.1 did, with a socket ${where}, still has the lock`, async (t) => {
    const directory = join(temporaryFolder(t), length === "long" ? "d".repeat(90) : "d");
    mkdirSync(directory);
    const hash = createHash("sha256").update(directory).digest("hex").slice(0, 24);
    const path = length === "long" ? join(tmpdir(), `socketscaler-${hash}.sock`) : join(directory, "lock.sock");
    const before = createServer((socket) => socket.destroy()).listen(path);
    await once(before, "listening");
    try {
      await assert.rejects(lockDirectory(directory), /in use/);
    } finally {
      before.close();
    }
    await once(before, "close");
    writeFileSync(path, "what a kill leaves");
    t.after(() => rmSync(path, { force: true }));
    (await lockDirectory(directory)).release();
  });
}

test("a lock whose file was deleted is created again, but not while its owner is there", async (t) => {
  const directory = temporaryFolder(t);
  const lock = await lockDirectory(directory);
  for (const name of readdirSync(join(directory, "lock"))) rmSync(join(directory, "lock", name));
  await assert.rejects(lockDirectory(directory), /in use/);
  lock.release();
  const next = await lockDirectory(directory);
  await assert.rejects(lockDirectory(directory), /in use/);
  next.release();
});

test("files of others in the folder of the lock are nobody's lock, and stay", async (t) => {
  const directory = temporaryFolder(t);
  mkdirSync(join(directory, "lock"));
  for (const name of [".DS_Store", ".nfs0123", "zzz"]) writeFileSync(join(directory, "lock", name), "");
  const lock = await lockDirectory(directory);
  await assert.rejects(lockDirectory(directory), /in use/);
  lock.release();
  const names = readdirSync(join(directory, "lock")).sort();
  assert.deepEqual([names.length, names[0], names[1], names[3]], [4, ".DS_Store", ".nfs0123", "zzz"]);
});

test("of several files in the folder of the lock all are asked, and one remains", async (t) => {
  const directory = temporaryFolder(t);
  const [first, last] = ["0".repeat(24), "f".repeat(24)];
  const leftOver = (name: string) => writeFileSync(join(directory, "lock", name), "");
  mkdirSync(join(directory, "lock"));
  leftOver(first);
  leftOver(last);
  const lock = await lockDirectory(directory);
  assert.equal(readdirSync(join(directory, "lock")).length, 1);
  leftOver(first);
  leftOver(last);
  await assert.rejects(lockDirectory(directory), /in use/);
  lock.release();
});

function socketsIn(directory: string): string[] {
  return readdirSync(directory).filter((name) => name.endsWith(".sock"));
}
