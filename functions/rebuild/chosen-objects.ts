import type { GroupId, RunId } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { meantAmong } from "../../core/rebuild/meant.ts";
import type { Deps } from "../ports/deps.ts";
import { snapshotFactsOf } from "../runs/facts.ts";

/**
 * Which objects of a run's snapshot are meant by names or ids; an id goes before a name.
 * @returns their indices, in the run's order, each once
 * @throws {VisibleError} OBJECT_UNKNOWN, OBJECT_AMBIGUOUS
 */
export const chooseObjects = async (
  deps: Pick<Deps, "store">,
  runId: RunId,
  groupId: GroupId,
  wanted: readonly string[],
): Promise<readonly number[]> => {
  const meant = await meantBy(deps, runId, groupId, wanted);
  return [...new Set(wanted.map(meant))].sort((one, other) => one - other);
};

/**
 * The same one by one: all texts are looked up at once.
 * @returns the index of the object that one of them means; it throws as `chooseObjects`
 */
export const meantBy = async (
  deps: Pick<Deps, "store">,
  runId: RunId,
  groupId: GroupId,
  wanted: readonly string[],
): Promise<(text: string) => number> => {
  if (wanted.length === 0) return () => 0;
  return meantAmong(configsOf(deps, runId), wanted, { groupId, see: `smtx-backup group show ${groupId}` });
};

/** What a run has taken, in its order. */
export async function* configsOf(deps: Pick<Deps, "store">, runId: RunId): AsyncGenerator<ObjectConfig> {
  for await (const { config } of snapshotFactsOf(deps, runId)) yield config;
}
