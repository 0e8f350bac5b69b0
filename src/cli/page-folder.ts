/* Where the build puts the app: next to the compiled code or, when run from sources, in dist. */

import { fileURLToPath } from "node:url";

export const pageFolder = fileURLToPath(new URL("../../dist/page/", import.meta.url));
