import { CommitConflict, type Key } from "../../core/ports/store.ts";
import type { Deps } from "../ports/deps.ts";

/** Writes a document that is not there yet; one that is stays as it is. @returns whether it was written */
export const putOnce = async (
  { store }: Pick<Deps, "store">,
  { key, body }: { readonly key: Key; readonly body: object },
): Promise<boolean> => {
  try {
    await store.commit([{ type: "put", key, body, expect: "absent" }]);
    return true;
  } catch (error) {
    if (!(error instanceof CommitConflict)) throw error;
    return false;
  }
};
