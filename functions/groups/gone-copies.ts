import type { Group } from "../../core/api/group.ts";
import type { RunId } from "../../core/api/ids.ts";
import { isOfOrder } from "../../core/retention/order.ts";
import type { Gone } from "../../core/retention/retention.ts";
import type { Deps } from "../ports/deps.ts";
import { snapshotFactsOf } from "../runs/facts.ts";

/** So many runs are looked through for what is gone; beyond that, its number alone counts. */
const looksMax = 20;

export const nameOf = ({ kind, id }: Pick<Gone, "kind" | "id">): string => `${kind}/${id}`;

/** Which of some objects a run has snapshotted. */
export const namesIn = async (
  deps: Pick<Deps, "store">,
  runId: RunId,
  wanted: ReadonlySet<string>,
): Promise<ReadonlySet<string>> => {
  const found = new Set<string>();
  for await (const { config } of snapshotFactsOf(deps, runId)) {
    if (wanted.has(nameOf(config))) found.add(nameOf(config));
    if (found.size === wanted.size) break;
  }
  return found;
};

/**
 * The same objects, each with the newest good group of a site that has it; without those that
 * no group has. An object may have come and gone more than once, and a site does not have
 * every run's group: where it does not have the very one that had the object last, it is
 * looked into those before.
 */
export const withCopies = async (
  deps: Pick<Deps, "store">,
  gone: readonly Gone[],
  groups: readonly Group[],
): Promise<readonly Gone[]> => {
  const found: Gone[] = [];
  const open = new Map(gone.map((object) => [nameOf(object), object]));
  let looks = 0;
  for (const { id: groupId, sequence, runId } of goodFirst(groups)) {
    const here = [...open].filter(([, { lastSequence }]) => sequence <= lastSequence);
    const unsure = here.filter(([, { lastSequence }]) => sequence < lastSequence).map(([name]) => name);
    if (unsure.length > 0) looks += 1;
    if (looks > looksMax) return [...found, ...open.values()];
    const has = unsure.length === 0 ? new Set() : await namesIn(deps, runId, new Set(unsure));
    for (const [name, object] of here) {
      if (object.lastSequence !== sequence && !has.has(name)) continue;
      found.push({ ...object, groupId });
      open.delete(name);
    }
  }
  return found;
};

/** Newest first, and those of failed runs after all others. */
const goodFirst = (groups: readonly Group[]): readonly Group[] => {
  const published = groups.filter(isOfOrder);
  const newest = published.toSorted((one, other) => other.sequence - one.sequence);
  return [...newest.filter(({ ofFailedRun }) => !ofFailedRun), ...newest.filter(({ ofFailedRun }) => ofFailedRun)];
};
