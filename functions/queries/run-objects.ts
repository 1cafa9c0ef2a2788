import type { RunObject } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import type { RunId, SiteId } from "../../core/api/ids.ts";
import { isRule, type PlanEntry } from "../../core/api/plan.ts";
import type { Progress, Run, RunPlan, Shard, Step } from "../../core/api/run.ts";
import { ruleText } from "../../core/object/rule.ts";
import { progressAhead, progressOfAll } from "../../core/run/progress.ts";
import { isTaskDone, shardOf } from "../../core/run/shards.ts";
import { isRestore, placeOf } from "../../core/run/steps.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import type { Page, PageRequest } from "../documents/page.ts";
import { foreignCursor } from "../documents/store-rules.ts";
import type { Deps } from "../ports/deps.ts";
import { type RebuildFact, readFact, readFactsIn, type SnapshotFact } from "../runs/facts.ts";
import { originOf, readNamedObjects, readRunObjects } from "../runs/run-objects.ts";
import { readShards } from "../runs/shards.ts";
import { readTaken } from "../runs/taken.ts";
import { readStagedOwn } from "../staging/staged-volumes.ts";
import { dataStepOf, isAllDone, isMoving, readBoth } from "./runs.ts";

/**
 * A page of a run's objects, and how far each is at one target: as they were snapshotted, and while
 * they are not, those that the plan names.
 * @throws {VisibleError} RUN_UNKNOWN; SITE_UNKNOWN for a site that is none of its targets;
 *   BAD_REQUEST for a cursor that no page gave
 */
export const listRunObjects = async (
  deps: Deps,
  runId: RunId,
  site: SiteId,
  { limit, cursor = "0" }: PageRequest,
): Promise<Page<RunObject>> => {
  const { run, runPlan } = await readBoth(deps, runId);
  if (run.targets[site] === undefined) {
    throw new VisibleError("SITE_UNKNOWN", `Site “${site}” is no target of the run ${runId}.`, {
      hint: `Its targets are: ${Object.keys(run.targets).join(", ")}`,
    });
  }
  const from = firstIndexOf(cursor);
  const total = await totalOf(deps, run);
  if (total === undefined) return listNamed(deps, runPlan, { from, limit });
  const range = { from, count: Math.max(0, Math.min(limit, total - from)) };
  const some = await readPlaced(deps, runPlan, range);
  const [entries, progresses, rebuilt] = await Promise.all([
    some.some(({ fact }) => fact.because !== undefined) ? readRunObjects(deps, runPlan) : [],
    progressesAt(deps, run, site, some),
    isRestore(run.kind) ? readFactsIn<RebuildFact>(deps, run.id, "rebuilding", site, range) : undefined,
  ]);
  const items = some.map(({ index, fact }) => ({
    ...runObject(index, fact, entries, progresses(index, fact)),
    ...rebuiltOf(fact, rebuilt?.get(index)),
  }));
  const next = from + range.count;
  return { items, ...(next < total && { cursor: String(next) }) };
};

/** Of a restore of some objects, those that were chosen. */
const readPlaced = async (
  deps: Deps,
  runPlan: RunPlan,
  range: { readonly from: number; readonly count: number },
): Promise<readonly Placed[]> => {
  const origin = originOf(runPlan);
  const chosen = runPlan.restore?.objects?.slice(range.from, range.from + range.count);
  if (chosen === undefined) {
    const snapshots = await readFactsIn<SnapshotFact>(deps, origin, "snapshotting", "source", range);
    return [...snapshots].map(([index, fact]) => ({ index, fact }));
  }
  const facts = await mapBounded(chosen, readsAtOnce, (index) =>
    readFact<SnapshotFact>(deps, origin, "snapshotting", "source", index),
  );
  return facts.flatMap((fact, place) => (fact === undefined ? [] : [{ index: range.from + place, fact }]));
};
const readsAtOnce = 8;

/** How many objects a run has; undefined while it is not known which. */
const totalOf = async (deps: Deps, run: Run): Promise<number | undefined> => {
  if (isRestore(run.kind)) return run.objectCount;
  if (run.kind === "deletion") return 0;
  const taken = await readTaken(deps, run);
  return taken && (taken.objects ?? run.objectCount);
};

const listNamed = async (
  deps: Deps,
  runPlan: RunPlan,
  { from, limit }: { readonly from: number; readonly limit: number },
): Promise<Page<RunObject>> => {
  const named = await readNamedObjects(deps, runPlan);
  const page = named.slice(from, from + limit);
  const items = page.map(({ kind, id, name }, i) => ({
    ...{ index: from + i, kind, id, name },
    progress: progressAhead([]),
  }));
  const next = from + page.length;
  return { items, ...(next < named.length && { cursor: String(next) }) };
};

const runObject = (
  index: number,
  { config: { kind, id, name, volumes, leftOut }, because }: SnapshotFact,
  entries: readonly PlanEntry[],
  progress: Progress,
): RunObject => {
  const entry = because === undefined ? undefined : entries[because];
  return {
    ...{ index, kind, id, name, progress, volumes: volumes.length },
    ...(entry !== undefined && isRule(entry) && { because: ruleText(entry) }),
    ...(leftOut !== undefined && leftOut.length > 0 && { leftOut }),
  };
};

/** What a rebuild has made of an object, and where that is not as the original was. */
const rebuiltOf = ({ config }: SnapshotFact, made: RebuildFact | undefined): Pick<RunObject, "rebuilt"> => {
  if (made === undefined) return {};
  const { id, name } = made.object;
  if (made.object.kind === "vm") {
    const { status, nics } = made.object.vm;
    const connected = nics.filter(({ virtualSwitch }) => virtualSwitch !== null).length;
    return { rebuilt: { id, name, vm: { on: status === "RUNNING", nics: nics.length, connected } } };
  }
  const there = made.object.kind === "lun" ? made.object.lun : undefined;
  if (there === undefined) return { rebuilt: { id, name } };
  const { target, lunId } = there;
  const before = config.kind === "lun" ? config.lun?.lunId : undefined;
  const isOther = before !== undefined && before !== lunId;
  return { rebuilt: { id, name, lun: { target, lunId, ...(isOther && { lunIdBefore: before }) } } };
};

interface Placed {
  readonly index: number;
  readonly fact: SnapshotFact;
}

/** Tasks of the step that moves data are a volume's in a backup, and an object's else. */
const progressesAt = async (deps: Deps, run: Run, site: SiteId, some: readonly Placed[]) => {
  const step = dataStepOf(run);
  const part = run.targets[site];
  const isOver = part !== undefined && isAllDone(run, part);
  const staged = run.sender === undefined ? undefined : await readStagedOwn(deps, run.id);
  const volumesOf = (index: number, fact: SnapshotFact) =>
    staged === undefined ? fact.volumes : stagedVolumes(staged.get(index), fact);
  const tasks = some.flatMap(({ index, fact }) => (isMoving(run) ? tasksOf(index, volumesOf(index, fact)) : [index]));
  const [moved, shards] = await Promise.all([
    readMoved(deps, run.id, { step, site }, tasks),
    readShards(deps, run.id, placeOf(run, site, step), step),
  ]);
  const world = {
    moved,
    shards: shards.map(({ body }) => body),
    isOver,
    isOneTask: run.kind === "snapshot" || run.kind === "rollback",
  };
  return (index: number, fact: SnapshotFact): Progress => {
    const { volumes } = fact.config;
    // A restore shares the group's data: what has to be moved for it, nobody knows before.
    if (isRestore(run.kind) && !isMoving(run)) return progressOf(index, [], world);
    const own = volumesOf(index, fact);
    if (run.kind === "snapshot" || own === undefined) return progressOf(index, volumes, world);
    return progressOfAll(own.map((task, place) => progressOf(task, volumes.slice(place, place + 1), world)));
  };
};

const tasksOf = (index: number, volumes: SnapshotFact["volumes"]): readonly number[] =>
  volumes === undefined ? [index] : volumes.flatMap((task) => task ?? []);

/** Those that are brought for the object; the others are brought for one before it. */
const stagedVolumes = (
  { first, count }: { readonly first: number; readonly count: number } = { first: 0, count: 0 },
  { config }: SnapshotFact,
): readonly (number | null)[] => config.volumes.map((_, place) => (place < count ? first + place : null));

type Moved = ReadonlyMap<number, { readonly progress?: Progress }>;

/**
 * What came of tasks. Those of a page's objects lie side by side, but for volumes that objects
 * before it have as well.
 */
const readMoved = async (
  deps: Deps,
  runId: RunId,
  { step, site }: { readonly step: Step; readonly site: SiteId },
  tasks: readonly number[],
): Promise<Moved> => {
  const sorted = [...new Set(tasks)].sort((one, other) => one - other);
  const moved = new Map<number, { readonly progress?: Progress }>();
  for (const range of rangesOf(sorted)) {
    const some = await readFactsIn<{ progress?: Progress }>(deps, runId, step, site, range);
    for (const [index, fact] of some) moved.set(index, fact);
  }
  return moved;
};

/** Runs of indices without large gaps. */
const rangesOf = (sorted: readonly number[]): readonly { readonly from: number; readonly count: number }[] => {
  const ranges: { from: number; count: number }[] = [];
  for (const index of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && index - (last.from + last.count) < gapMax) last.count = index - last.from + 1;
    else ranges.push({ from: index, count: 1 });
  }
  return ranges;
};
const gapMax = 50;

const progressOf = (
  task: number | null,
  volumes: SnapshotFact["config"]["volumes"],
  { moved, shards, isOver, isOneTask }: { moved: Moved; shards: readonly Shard[]; isOver: boolean; isOneTask: boolean },
): Progress => {
  const shard = task === null ? undefined : shards.find((one) => one.shard === shardOf(task));
  const isDone = isOver || (!isOneTask && task !== null && shard !== undefined && isTaskDone(shard, task));
  const current = task !== null && shard?.index === task ? shard.progress : undefined;
  const known = (task === null ? undefined : moved.get(task)?.progress) ?? current ?? progressAhead(volumes);
  return isDone ? { ...known, phase: "done" } : known;
};

const firstIndexOf = (cursor: string): number => {
  if (/^[0-9]{1,6}$/.test(cursor)) return Number(cursor);
  throw foreignCursor();
};
