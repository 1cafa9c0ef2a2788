import { strict as assert } from "node:assert";
import { VisibleError } from "../../core/api/errors.ts";
import type { RunId, SiteId } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { ReportPart } from "../../core/api/report.ts";
import type { RebuildOutlook } from "../../core/api/restore/way.ts";
import type { Progress, RunPlan, Step } from "../../core/api/run.ts";
import type { MirrorVolume, TaskResult, TaskResultOf } from "../../core/api/task.ts";
import type { Key, Stored } from "../../core/ports/store.ts";
import { hasVolumePage, placedVolumes, type VolumePage } from "../../core/run/volumes.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import { readAll, readRange } from "../documents/ranges.ts";
import { factKey, factPrefix, runPlanKey, volumePageKey } from "../documents/records.ts";
import { encodeCursor } from "../documents/store-rules.ts";
import type { Deps } from "../ports/deps.ts";
import { putOnce } from "./put-once.ts";

/**
 * Facts: what the tasks of a run came to, a document for each object and target. They are written
 * before the state moves on, and are never changed: what is said first counts, whatever a repeat
 * says. So the state itself stays small.
 */
export interface SnapshotFact {
  readonly takenAt: string;
  readonly config: ObjectConfig;
  /** In the order of `config.volumes`. Empty: it was taken from a manifest, which has none. */
  readonly snapshotIds: readonly string[];
  /** The index of the plan's entry that it is in the run for. Absent: its own. */
  readonly because?: number | undefined;
  /**
   * The run's index of each of `config.volumes`; null: of one that another object has as well, in
   * another part of the answer. Absent: it has one, and that has the object's.
   */
  readonly volumes?: readonly (number | null)[];
}
export interface PrepareFact {
  readonly volumes: readonly MirrorVolume[];
  /** The target keeps the object's configuration, and publishes it without being told again. */
  readonly keepsConfig?: boolean | undefined;
}
/** Of what nobody waited for any more; else the shard has it. */
export interface PublishFact {
  readonly publishedAt: string;
  readonly sizeBytes: number;
  readonly rebuild?: RebuildOutlook | undefined;
}

/** A rebuilt object, and what had to be moved for it. */
export interface RebuildFact {
  readonly object: ObjectConfig;
  readonly progress?: Progress;
}

interface About {
  readonly runId: RunId;
  readonly target: SiteId;
  readonly step: Step;
  readonly index: number;
  /** Absent: it is the whole. */
  readonly part?: ReportPart | undefined;
}

/** A snapshot's facts belong to the source, whichever target's part asked for it. */
const placeOf = (step: Step, target: SiteId): SiteId | "source" => (step === "snapshotting" ? "source" : target);

/**
 * Writes down what a task came to, or a part of it. What a site has, a reclaim's answer, is no
 * fact: it changes.
 * @param progress how far it was when it was heard of last
 */
export const putFacts = async (
  deps: Deps,
  about: About,
  result: TaskResult,
  progress?: Progress | undefined,
): Promise<void> => {
  const place = placeOf(about.step, about.target);
  const key = (index: number) => factKey(about.runId, about.step, place, index);
  if (factless.has(result.kind)) return;
  if (result.kind === "snapshot") {
    await mapBounded(snapshotFacts(about, result), writesAtOnce, (fact) => putOnce(deps, fact));
    return;
  }
  const { kind, ...body } = withoutWarnings(result);
  const moved = kind === "rebuild" && progress !== undefined ? { progress } : {};
  await putOnce(deps, { key: key(about.index), body: { ...body, ...moved } });
};

/** What changes, and what says nothing but that it is done. */
const factless: ReadonlySet<TaskResult["kind"]> = new Set(["reclaim", "abort", "check", "rollback", "undo-rollback"]);

/** What is to be known is written down by itself. */
const withoutWarnings = (result: TaskResult): TaskResult => {
  if (result.kind !== "prepare") return result;
  const { warnings: _, ...rest } = result;
  return rest;
};

/**
 * Each object, and where that is not as simple as it can be, which volumes of the run are whose.
 */
const snapshotFacts = (
  { runId, part }: About,
  result: TaskResultOf<"snapshot">,
): readonly { key: Key; body: object }[] => {
  const { takenAt, from = 0, fromVolume = from, objects } = result;
  const { indices, own, isPlain } = placedVolumes(result);
  const facts = objects.map(({ config, snapshotIds, because }, i) => {
    const volumes = indices[i] ?? [];
    const placed = isPlain ? {} : { volumes };
    const body = { takenAt, config, snapshotIds, ...(because !== undefined && { because }), ...placed };
    return { key: factKey(runId, "snapshotting", "source", from + i), body: body satisfies SnapshotFact };
  });
  if (!hasVolumePage({ own, isPlain })) return facts;
  return [...facts, { key: volumePageKey(runId, part?.of ?? 1, fromVolume), body: { from, own } satisfies VolumePage }];
};

const writesAtOnce = 16;

/** One fact, if it is there. */
export const readFact = async <T>(
  deps: Pick<Deps, "store">,
  runId: RunId,
  step: Step,
  target: SiteId | "source",
  index: number,
): Promise<T | undefined> => (await deps.store.get<T>(factKey(runId, step, target, index)))?.body;

/** Some of the facts of a step at a target, by the index of their object. */
export const readFactsIn = async <T>(
  deps: Pick<Deps, "store">,
  runId: RunId,
  step: Step,
  target: SiteId | "source",
  { from, count }: { readonly from: number; readonly count: number },
): Promise<ReadonlyMap<number, T>> => {
  if (count === 0) return new Map();
  const prefix = factPrefix(step, target);
  const cursor = from === 0 ? undefined : encodeCursor(factKey(runId, step, target, from - 1).sort);
  const { partition } = factKey(runId, step, target, 0);
  const { items } = await deps.store.query<T>({ partition, prefix, limit: count, cursor });
  return new Map(items.map(({ key, body }) => [Number(key.sort.slice(prefix.length)), body]));
};

/** All facts of a step at a target, by object index. */
export const readFacts = async <T>(
  deps: Pick<Deps, "store">,
  runId: RunId,
  step: Step,
  target: SiteId | "source",
): Promise<readonly T[]> => (await storedFacts<T>(deps, runId, step, target)).map(({ body }) => body);

/** What a run's snapshot has of each object, one after the other. */
export async function* snapshotFactsOf(deps: Pick<Deps, "store">, runId: RunId): AsyncGenerator<SnapshotFact> {
  const { partition } = factKey(runId, "snapshotting", "source", 0);
  const first = { partition, sort: factPrefix("snapshotting", "source") };
  for await (const { body } of readRange<SnapshotFact>(deps, first)) yield body;
}

const storedFacts = <T>(
  deps: Pick<Deps, "store">,
  runId: RunId,
  step: Step,
  target: SiteId | "source",
): Promise<readonly Stored<T>[]> =>
  readAll<T>(deps, { partition: `RUN#${runId}`, sort: factPrefix(step, target) }, 200);

/**
 * A fact that the state says must be there.
 * @throws {VisibleError} GROUP_INCOMPLETE: a site has told less than it was asked for, or told it
 *   in parts that do not fit, and will not tell it again
 */
export const needFact = async <T>(
  deps: Pick<Deps, "store">,
  runId: RunId,
  step: Step,
  target: SiteId | "source",
  index: number,
): Promise<T> => {
  const fact = await readFact<T>(deps, runId, step, target, index);
  if (fact !== undefined) return fact;
  const what = `Nothing is known of what ${step} came to for object ${index + 1} of the run ${runId}.`;
  throw new VisibleError("GROUP_INCOMPLETE", what, { hint: "The next run of the plan begins anew." });
};

/** What the run was told at its start. */
export const readRunPlan = async (deps: Pick<Deps, "store">, runId: RunId): Promise<RunPlan> => {
  const stored = await deps.store.get<RunPlan>(runPlanKey(runId));
  assert(stored !== undefined, `the plan of ${runId} is missing`);
  return stored.body;
};
