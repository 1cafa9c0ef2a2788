import { fileURLToPath } from "node:url";

/** Of the schemathesis that fuzzes the API. */
export const schemathesisVersion = "4.32.5";

/** It leaves open which versions of other packages it works with: those of this day. */
export const publishedBefore = "2026-11-28";

const dir = fileURLToPath(new URL("../../.cache/schemathesis", import.meta.url));

/** Where `npm run schemathesis:install` puts it, and what it starts by. */
export const cachedSchemathesis = { dir, command: `${dir}/bin/schemathesis` } as const;
