import type { Progress } from "../../core/api/run.ts";

/** A volume that nobody has begun with: its size is known, and nothing else. */
export const waitingProgress = (extentsTotal: number, bytesTotal: number): Progress => ({
  phase: "waiting",
  extentsTotal,
  extentsDone: 0,
  extentsUnchanged: 0,
  extentsHole: 0,
  bytesTotal,
  bytesRead: 0,
  bytesChanged: 0,
  bytesSent: 0,
});
