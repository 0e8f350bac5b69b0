/* Temporary folders that go when the test does. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export function temporaryFolder(t: { after(end: () => void): unknown }): string {
  const folder = mkdtempSync(join(tmpdir(), "socketscaler-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
