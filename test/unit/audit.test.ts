/* The audit of what production runs: what it holds against a package, and that nothing is held against ours. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { advisoriesIn, faultsIn, productionOf, readLock } from "../../scripts/audit.js";

const good = { version: "1.0.0", integrity: "sha512-abc" };

describe("the audit", () => {
  test("finds nothing wrong with what is locked for production, which is small", () => {
    const packages = productionOf(readLock());
    assert.ok(packages.length > 50 && packages.length < 200, `${packages.length} packages`);
    assert.ok(packages.some(({ name }) => name === "express") && !packages.some(({ name }) => name === "typescript"));
    assert.deepEqual(faultsIn(packages), []);
  });

  test("holds scripts at installation, deprecation and a missing checksum against a package, also a nested one", () => {
    const packages = productionOf({
      packages: {
        "": { version: "0.1.0" },
        "node_modules/good": good,
        "node_modules/lmdb": { ...good, hasInstallScript: true },
        "node_modules/good/node_modules/@a/scripted": { ...good, hasInstallScript: true },
        "node_modules/old": { ...good, deprecated: "use another" },
        "node_modules/bare": { version: "1.0.0" },
        "node_modules/tool": { version: "1.0.0", dev: true, hasInstallScript: true },
      },
    });
    assert.deepEqual(faultsIn(packages), [
      "@a/scripted 1.0.0 runs a script when installed",
      "old 1.0.0 is deprecated: use another",
      "bare 1.0.0 is locked without a checksum",
    ]);
  });

  test("takes no answer for no answer, not for a clean one", () => {
    assert.equal(advisoriesIn({ message: "405 Method Not Allowed" }), undefined);
    assert.equal(advisoriesIn(undefined), undefined);
    assert.equal(advisoriesIn({ metadata: { vulnerabilities: { total: 2 } } }), 2);
    assert.equal(advisoriesIn({ metadata: { vulnerabilities: { total: 0 } } }), 0);
  });
});
