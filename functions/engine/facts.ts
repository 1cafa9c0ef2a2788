import { strict as assert } from "node:assert";
import type { RunId, SiteId } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { RunPlan, Step } from "../../core/api/run.ts";
import type { MirrorVolume, TaskResult } from "../../core/api/task.ts";
import { type Change, CommitConflict, type Key, type Stored } from "../../core/ports/store.ts";
import type { Deps } from "../deps.ts";
import { factKey, factPrefix, runPlanKey } from "../records.ts";
import { parted } from "./parted.ts";

/**
 * Facts: what the tasks of a run came to, a document for each object and target. They are written
 * before the state moves on, and are never changed: what is said first counts, whatever a repeat
 * says. So the state itself stays small.
 */
export interface SnapshotFact {
  readonly takenAt: string;
  readonly config: ObjectConfig;
  readonly snapshotIds: readonly string[];
}
export interface PrepareFact {
  readonly volumes: readonly MirrorVolume[];
}
export interface PublishFact {
  readonly publishedAt: string;
  readonly sizeBytes: number;
}

type About = { readonly runId: RunId; readonly target: SiteId; readonly step: Step; readonly index: number };

/** A snapshot's facts belong to the source, whichever target's part asked for it. */
const placeOf = (step: Step, target: SiteId): SiteId | "source" => (step === "snapshotting" ? "source" : target);

/** Writes down what a task came to. What a site has, a reclaim's answer, is no fact: it changes. */
export const putFacts = async (deps: Deps, about: About, result: TaskResult): Promise<void> => {
  const place = placeOf(about.step, about.target);
  const key = (index: number) => factKey(about.runId, about.step, place, index);
  if (result.kind === "reclaim") return;
  if (result.kind === "snapshot") {
    const { takenAt } = result;
    const facts = result.objects.map((object, index) => {
      return { key: key(index), body: { takenAt, ...object } satisfies SnapshotFact };
    });
    const known = new Set((await storedFacts(deps, about.runId, about.step, place)).map((fact) => fact.key.sort));
    return putOnce(
      deps,
      facts.filter((fact) => !known.has(fact.key.sort)),
    );
  }
  const { kind: _, ...body } = result;
  return putOnce(deps, [{ key: key(about.index), body }]);
};

/** Writes documents that are not there yet; one that is stays as it is. */
const putOnce = async (
  deps: Deps,
  documents: readonly { readonly key: Key; readonly body: object }[],
): Promise<void> => {
  for (const part of parted(documents)) {
    const puts = part.map(({ key, body }): Change => ({ type: "put", key, body, expect: "absent" }));
    try {
      await deps.store.commit(puts);
    } catch (error) {
      if (!(error instanceof CommitConflict)) throw error;
      // Somebody writes the same at the same time, so it is written one by one.
      if (puts.length > 1) for (const document of part) await putOnce(deps, [document]);
    }
  }
};

/** One fact, if it is there. */
export const readFact = async <T>(
  deps: Deps,
  runId: RunId,
  step: Step,
  target: SiteId | "source",
  index: number,
): Promise<T | undefined> => (await deps.store.get<T>(factKey(runId, step, target, index)))?.body;

/** All facts of a step at a target, by object index. */
export const readFacts = async <T>(
  deps: Deps,
  runId: RunId,
  step: Step,
  target: SiteId | "source",
): Promise<readonly T[]> => (await storedFacts<T>(deps, runId, step, target)).map(({ body }) => body);

const storedFacts = async <T>(
  deps: Deps,
  runId: RunId,
  step: Step,
  target: SiteId | "source",
): Promise<readonly Stored<T>[]> => {
  const facts: Stored<T>[] = [];
  let cursor: string | undefined;
  do {
    const page = await deps.store.query<T>({
      partition: `RUN#${runId}`,
      prefix: factPrefix(step, target),
      limit: 200,
      ...(cursor === undefined ? {} : { cursor }),
    });
    facts.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return facts;
};

/** A fact that the state says must be there. */
export const needFact = async <T>(
  deps: Deps,
  runId: RunId,
  step: Step,
  target: SiteId | "source",
  index: number,
): Promise<T> => {
  const fact = await readFact<T>(deps, runId, step, target, index);
  assert(fact !== undefined, `${runId} is past ${step} at ${target}, but its fact ${index} is missing`);
  return fact;
};

/** What the run was told at its start. */
export const readRunPlan = async (deps: Deps, runId: RunId): Promise<RunPlan> => {
  const stored = await deps.store.get<RunPlan>(runPlanKey(runId));
  assert(stored !== undefined, `the plan of ${runId} is missing`);
  return stored.body;
};
