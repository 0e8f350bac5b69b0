/* The scenes by their names. */

import type { Step } from "../../tutorial/step.js";
import { enough } from "./enough.js";
import { join } from "./join.js";
import { link } from "./link.js";
import { order } from "./order.js";
import { retry } from "./retry.js";

export const SCENES: Readonly<Record<string, Step>> = { enough, order, join, link, retry };
