/* Temporary folders that go when the test does. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

export function temporaryFolder(t: Pick<TestContext, "after">): string {
  const folder = mkdtempSync(join(tmpdir(), "socketscaler-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
