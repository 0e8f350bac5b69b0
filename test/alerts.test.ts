/* The alert rules of deploy/prometheus, judged by Prometheus' own tool. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promtool } from "./support/promtool.js";

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));

test("the alert rules are valid", () => {
  const { isGood, output } = promtool("check", "rules", file("../deploy/prometheus/alerts.yml"));
  assert.ok(isGood, output);
});

test("each failure raises its alert, and a healthy deployment raises none", () => {
  const { isGood, output } = promtool("test", "rules", file("./support/alerts.yml"));
  assert.ok(isGood, output);
});
