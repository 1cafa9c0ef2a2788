import type { Key } from "../../core/ports/store.ts";
import { ignoringConflict } from "../documents/conflicts.ts";
import type { Deps } from "../ports/deps.ts";

/**
 * Writes a document that is not there yet; one that is stays as it is.
 * @returns whether it was written
 */
export const putOnce = (
  { store }: Pick<Deps, "store">,
  { key, body }: { readonly key: Key; readonly body: object },
): Promise<boolean> => ignoringConflict(() => store.commit([{ type: "put", key, body, expect: "absent" }]));
