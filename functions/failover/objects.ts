import type { Failover, FailoverGroup, FailoverObject } from "../../core/api/failover/failover.ts";
import type { RunId, SiteId } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { readStopped } from "../orders/order-answers.ts";
import type { Deps } from "../ports/deps.ts";
import { readRestorable } from "../restores/restorable.ts";
import { readRunPlan, snapshotFactsOf } from "../runs/facts.ts";
import { readRestoredObjects } from "../runs/restored-objects.ts";
import { loadRun } from "../runs/runs.ts";

const keyOf = ({ kind, id }: Pick<FailoverObject, "kind" | "id">): string => `${kind}/${id}`;

/**
 * What a group has, as its home calls it.
 * @throws VisibleError GROUP_UNKNOWN, GROUP_NOT_RESTORABLE
 */
export const objectsOf = async (
  deps: Deps,
  { id }: FailoverGroup,
  siteId: SiteId,
): Promise<readonly ObjectConfig[]> => {
  const { origin } = await readRestorable(deps, id, siteId);
  const all: ObjectConfig[] = [];
  for await (const { config } of snapshotFactsOf(deps, origin.id)) all.push(config);
  return all;
};

/**
 * What came home of that which stands for the plan's objects: a site that was taken over may send
 * others, and nothing is made of them. Of a rebuild that nobody here knows all counts.
 */
export const broughtHome = async (
  deps: Deps,
  { backGroup, home, madeThere }: Failover,
): Promise<readonly ObjectConfig[]> => {
  const back = backGroup === undefined ? [] : await objectsOf(deps, backGroup, home);
  if (madeThere === undefined || (await loadRun(deps, madeThere)) === undefined) return back;
  const stoodFor = await readRestoredObjects(deps, await readRunPlan(deps, madeThere));
  const known = new Set(stoodFor.map(({ config }) => keyOf(config)));
  return back.filter((object) => known.has(keyOf(object)));
};

/** What was on when orders switched it off, also where these came to nothing. */
export const wereOn = async (deps: Deps, stops: readonly RunId[]): Promise<readonly FailoverObject[]> => {
  const all: FailoverObject[] = [];
  for (const runId of stops) all.push(...(await readStopped(deps, runId)).wereOn);
  return [...new Map(all.map((object) => [keyOf(object), object])).values()];
};

/** What is switched on there at first: what was on at home, or what the group says was. */
export const toStartThere = async (
  deps: Deps,
  { kind, stopsHere, group, to }: Failover,
): Promise<readonly FailoverObject[]> => {
  if (kind === "planned") return wereOn(deps, stopsHere);
  const configs = group === undefined ? [] : await objectsOf(deps, group, to);
  return configs.flatMap((config) =>
    config.kind === "vm" && config.vm.status !== "STOPPED"
      ? [{ kind: config.kind, id: config.id, name: config.name }]
      : [],
  );
};

/** Those of some objects that are not among others. */
export const without = <T extends Pick<FailoverObject, "kind" | "id">>(
  objects: readonly T[],
  others: readonly Pick<FailoverObject, "kind" | "id">[],
): readonly T[] => {
  const known = new Set(others.map(keyOf));
  return objects.filter((object) => !known.has(keyOf(object)));
};
