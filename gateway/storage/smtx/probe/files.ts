import type { StorageCall } from "../../call.ts";
import { explainFileFromLun } from "../ssh/files.ts";
import type { ProbeGround } from "./ground.ts";
import { no, type SeenAnswer, seenBy, tried, unknown, yes } from "./seen.ts";

/** No file is made: nobody knows a command for certain that would remove it. */
export const makesFiles = async ({ parts: { ssh } }: ProbeGround, call: StorageCall): Promise<SeenAnswer> => {
  if (ssh === undefined) return unknown("storage.ssh is not configured.");
  return seenBy(async () => {
    const result = await tried(() => explainFileFromLun(ssh, call), call);
    return "refused" in result ? no(result.refused) : yes("There is a command for it, which was not run.");
  }, call);
};
