import type { RunId, SiteId } from "../../core/api/ids.ts";
import { type Reason, warningsMax } from "../../core/api/reason.ts";
import type { Shard, Step } from "../../core/api/run.ts";
import type { GoneObject, TaskResult, TaskResultOf } from "../../core/api/task.ts";
import { boundedWarnings } from "../../core/run/warnings.ts";
import { warningKey, warningPrefix } from "../documents/records.ts";
import { namesakeKey, readNamesakes } from "../inventory/namesakes.ts";
import type { Deps } from "../ports/deps.ts";
import { readRunPlan } from "./facts.ts";
import { putOnce } from "./put-once.ts";
import { readRunObjects } from "./run-objects.ts";
import { readShards } from "./shards.ts";

/*
 * What is to be known of a run although it goes on is told by its snapshot, and by what prepares
 * its mirrors. It is written down apart, where there is any; the shards count it.
 */

type Store = Pick<Deps, "store">;

/**
 * What a task says is to be known.
 * @param addition what else there is to say of an object that is gone
 */
export const warningsIn = (
  result: TaskResult,
  addition: (object: GoneObject) => string = () => "",
): readonly Reason[] => {
  if (result.kind === "snapshot") return ofSnapshot(result, addition);
  return "warnings" in result ? (result.warnings ?? []) : [];
};

const ofSnapshot = (
  { gone = [], warnings = [] }: TaskResultOf<"snapshot">,
  addition: (object: GoneObject) => string,
): readonly Reason[] => {
  const goneWarnings = gone.filter(isVanished).map((object): Reason => {
    const { kind, name, id, named } = object;
    const kept = named ? "until the plan does not name it any more" : "for 30 days";
    const message = `The ${kind} “${name}” (${id}) is not at the source any more. Its newest restore point is kept ${kept}.`;
    return { code: "OBJECT_GONE", message: `${message}${addition(object)}` };
  });
  return [...warnings, ...goneWarnings];
};

/** Of what is there and can't be used, the warnings say why. */
const isVanished = ({ unusable }: GoneObject): boolean => unusable === undefined;

/**
 * The same where the source has others of the names of what is gone, which the plan does not take.
 */
export const warningsOfGone = async (
  deps: Deps,
  { runId, source }: { readonly runId: RunId; readonly source: SiteId },
  result: TaskResultOf<"snapshot">,
): Promise<readonly Reason[]> => {
  const vanished = (result.gone ?? []).filter((object) => object.named && isVanished(object));
  if (vanished.length === 0) return warningsIn(result);
  const told = await readRunPlan(deps, runId);
  const namesakes = await readNamesakes(deps, source, vanished, await readRunObjects(deps, told));
  return warningsIn(result, (object) => {
    const there = object.named ? namesakes.get(namesakeKey(object)) : undefined;
    if (there === undefined) return "";
    return ` There is another ${there.kind} “${there.name}” now (${there.id}), which the plan does not take; where its file gives the name and no id, this takes it: smtx-backup plan update ${told.planName} -f FILE`;
  });
};

/** @param index of the task; of a snapshot, of the part of its answer */
export const putWarnings = async (
  deps: Store,
  { runId, step, target, index }: { runId: RunId; step: Step; target: SiteId | "source"; index: number },
  warnings: readonly Reason[],
): Promise<void> => {
  if (warnings.length === 0) return;
  const body = { warnings: boundedWarnings(warnings) };
  await putOnce(deps, { key: warningKey(runId, step, target, index), body });
};

/** What is known of some tasks: the first of it, and how much it is in all. */
export interface Warnings {
  readonly first: readonly Reason[];
  readonly total: number;
}

/** @param total as the step's shards have counted it */
export const readWarnings = async (
  deps: Store,
  runId: RunId,
  { step, target, total }: { readonly step: Step; readonly target: SiteId | "source"; readonly total: number },
): Promise<Warnings> => {
  if (total === 0) return { first: [], total };
  const { partition } = warningKey(runId, step, target, 0);
  const { items } = await deps.store.query<{ readonly warnings: readonly Reason[] }>({
    partition,
    prefix: warningPrefix(step, target),
    limit: warningsMax,
  });
  return { first: items.flatMap(({ body }) => body.warnings).slice(0, warningsMax), total };
};

export const warningsOfSnapshot = (deps: Store, runId: RunId, taken: Pick<Shard, "warned"> | undefined) =>
  readWarnings(deps, runId, { step: "snapshotting", target: "source", total: taken?.warned ?? 0 });

/** @param shards of its preparation, where they were just read */
export const warningsOfMirrors = async (
  deps: Store,
  runId: RunId,
  target: SiteId,
  shards?: readonly Shard[],
): Promise<Warnings> => {
  const all = shards ?? (await readShards(deps, runId, target, "preparing")).map(({ body }) => body);
  return readWarnings(deps, runId, { step: "preparing", target, total: warnedIn(all) });
};

export const warnedIn = (shards: readonly Pick<Shard, "warned">[]): number =>
  shards.reduce((sum, { warned = 0 }) => sum + warned, 0);

/** All of them in one list. */
export const allOf = (some: readonly Warnings[]): readonly Reason[] =>
  boundedWarnings(
    some.flatMap(({ first }) => first),
    some.reduce((sum, { total }) => sum + total, 0),
  );
