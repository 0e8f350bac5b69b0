/* The picture of a board for link previews. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { PNG } from "pngjs";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, startInstance } from "../support/instances.js";

const SECRET = "a secret of at least thirty-two bytes";
const ACCENT = [0x0d, 0x7a, 0x70];
/** The board is in the right part, beside the sign. */
const BOARD_FROM = 440;

interface Shown {
  readonly answer: Response;
  readonly png: PNG;
  /** Pixels of the board in the colour of a checked box, or nearly. */
  readonly checked: readonly { x: number; y: number }[];
}

async function show(url: string): Promise<Shown> {
  const answer = await fetch(url);
  assert.equal(answer.status, 200);
  const png = PNG.sync.read(Buffer.from(await answer.arrayBuffer()));
  const checked: { x: number; y: number }[] = [];
  for (let y = 0; y < png.height; y++) {
    for (let x = BOARD_FROM; x < png.width; x++) {
      const at = (y * png.width + x) * 4;
      if (ACCENT.every((value, index) => Math.abs((png.data[at + index] ?? 0) - value) < 8)) checked.push({ x, y });
    }
  }
  return { answer, png, checked };
}

describe("the picture of a board", () => {
  let instance: LocalInstance;
  let reads = 0;
  before(async () => {
    instance = await startInstance({
      DATA_DIR: temporaryFolder({ after }),
      BOARDS: "main=100,million=1000000,billion=1000000000,hidden=50",
      ACCESS: "hidden=token",
      JWT_SECRET: SECRET,
      WRITE_BURST: "100000",
    });
    const read = instance.store.read.bind(instance.store);
    instance.store.read = (page) => {
      reads++;
      return read(page);
    };
  });
  after(() => instance.stop());
  const at = (board: string) => `${instance.url}/boards/${board}/preview.png`;
  const check = async (board: string, cell: number) => {
    const options = { method: "PUT", headers: { "content-type": "application/json" }, body: '{"value":1}' };
    assert.equal((await fetch(`${instance.url}/boards/${board}/cells/${cell}`, options)).status, 200);
  };

  test("shows checked boxes where the app shows them, is 1200 × 630, and may be kept by anyone for a while", async () => {
    await check("main", 37);
    const { answer, png, checked } = await show(at("main"));
    assert.deepEqual([png.width, png.height], [1_200, 630]);
    assert.equal(answer.headers.get("cache-control"), "public, max-age=15");
    assert.equal(answer.headers.get("cross-origin-resource-policy"), "cross-origin");
    const xs = checked.map(({ x }) => x);
    const ys = checked.map(({ y }) => y);
    const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    assert.ok(right - left < 52 && bottom - top < 52 && checked.length > 800, "one box");
    // Column 7 and row 3 of ten, each 52 pixels, around the middle of the room for the board.
    assert.ok(left > 800 + 2 * 52 && right < 800 + 3 * 52, `from ${left} to ${right}`);
    assert.ok(top > 315 - 2 * 52 && bottom < 315 - 52, `from ${top} to ${bottom}`);
  });

  test("is drawn once for all who ask at the same time, and kept", async () => {
    reads = 0;
    const shown = await Promise.all(Array.from({ length: 8 }, () => fetch(at("million"))));
    const bodies = await Promise.all(shown.map(async (answer) => Buffer.from(await answer.arrayBuffer())));
    assert.ok(bodies.every((body) => body.equals(bodies[0] ?? Buffer.alloc(0))));
    assert.equal(reads, 16, "each page was read once");
    await check("million", 999_999);
    const again = await fetch(at("million"), {
      headers: { "if-none-match": shown[0]?.headers.get("etag") ?? "", "cache-control": "max-age=0" },
    });
    assert.equal(again.status, 304);
    assert.equal(reads, 16);
  });

  test("of a giant board comes from its counts, without reading a page", async () => {
    await check("billion", 999_999_999);
    await instance.instance.reporter.flush();
    reads = 0;
    const { checked, png } = await show(at("billion"));
    assert.equal(reads, 0);
    assert.equal(png.width, 1_200);
    assert.equal(checked.length, 0, "one of 65,536 is a faint square");
  });

  test("is there only if everyone may view the board", async () => {
    assert.equal((await fetch(at("hidden"))).status, 401);
    assert.equal((await fetch(at("nowhere"))).status, 404);
    const answer = await fetch(at("hidden"), { headers: { authorization: "Bearer nonsense" } });
    assert.equal(answer.status, 401);
  });

  test("counts as a request, and drawing it as work", async (t) => {
    const other = await startInstance({ DATA_DIR: temporaryFolder(t), BOARDS: boards(12), HTTP_PER_MINUTE: "1000" });
    t.after(() => other.stop());
    const statuses = await Promise.all(
      Array.from({ length: 12 }, async (_, board) => {
        const { status, headers } = await fetch(`${other.url}/boards/b${board}/preview.png`);
        assert.ok(headers.has("ratelimit"));
        return status;
      }),
    );
    assert.ok(statuses.includes(429), statuses.join());
    // What is kept costs no work.
    const drawn = statuses.indexOf(200);
    assert.equal((await fetch(`${other.url}/boards/b${drawn}/preview.png`)).status, 200);
  });
});

function boards(count: number): string {
  return Array.from({ length: count }, (_, index) => `b${index}=4000000`).join();
}
