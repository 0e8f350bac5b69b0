/* The limits of fan-out as an instance has them that is started without options. */

import { readConfig } from "../../src/server/config.js";
import { fanOutOf } from "../../src/server/run-instance.js";

export const FAN_OUT_LIMITS = fanOutOf(readConfig({}, {}));
