import type { Progress } from "../../core/api/run.ts";

type Phase = Progress["phase"];

/** The phase of the whole: that of the volume that is under way, of the next one where none is, or done. */
const phaseOf = (parts: readonly Progress[]): Phase => {
  const under = parts.find(({ phase }) => phase !== "done" && phase !== "waiting");
  if (under !== undefined) return under.phase;
  return parts.every(({ phase }) => phase === "done") ? "done" : "waiting";
};

/** The progress of an object from those of its volumes. */
export const sumProgress = (parts: readonly Progress[]): Progress => {
  const sum = (field: Exclude<keyof Progress, "phase">) => parts.reduce((total, part) => total + part[field], 0);
  return {
    phase: phaseOf(parts),
    extentsTotal: sum("extentsTotal"),
    extentsDone: sum("extentsDone"),
    extentsUnchanged: sum("extentsUnchanged"),
    extentsHole: sum("extentsHole"),
    bytesTotal: sum("bytesTotal"),
    bytesRead: sum("bytesRead"),
    bytesChanged: sum("bytesChanged"),
    bytesSent: sum("bytesSent"),
  };
};

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
