import { fileURLToPath } from "node:url";

/** Of the ministack that tests start, and that docs/emulators.md names. */
export const ministackVersion = "1.5.33";

const dir = fileURLToPath(new URL("../../.cache/ministack", import.meta.url));

/** Where `npm run ministack:install` puts it, and what it starts by. */
export const cachedMinistack = { dir, command: `${dir}/bin/ministack` } as const;
