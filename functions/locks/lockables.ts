import type { RunPlan } from "../../core/api/run.ts";
import type { Deps } from "../ports/deps.ts";
import type { SnapshotFact } from "../runs/facts.ts";
import { readRestoredObjects } from "../runs/restored-objects.ts";
import type { Lockable } from "./locks.ts";

/** All that a restore of objects writes: them and their volumes. */
export const lockablesOf = async (
  deps: Pick<Deps, "store">,
  told: Pick<RunPlan, "restore">,
): Promise<readonly Lockable[]> => (await readRestoredObjects(deps, told)).flatMap(lockablesIn);

const lockablesIn = ({ config: { id, name, volumes } }: SnapshotFact): readonly Lockable[] =>
  [id, ...volumes.map((volume) => volume.id)].map((one) => ({ id: one, name }));
