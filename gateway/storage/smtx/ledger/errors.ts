import { VisibleError } from "../../../../core/api/errors.ts";

export const corrupt = (device: string, what: string): VisibleError =>
  new VisibleError("STORE_CORRUPT", `The ledger on ${device} can't be used: ${what}.`, {
    hint: "See that nothing else writes to this LUN, and keep it as it is; restore points on other sites are not affected.",
  });

export const full = (device: string): VisibleError =>
  new VisibleError("STORE_FULL", `The ledger on ${device} has no room for what is to be recorded.`, {
    hint: "Make this LUN twice as large; a gateway uses the new space by itself.",
  });

export const busy = (message: string): VisibleError =>
  new VisibleError("CLUSTER_BUSY", message, { hint: "Nothing was recorded. It may be tried again." });
