import type { RunObject } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import type { RunId, SiteId } from "../../core/api/ids.ts";
import type { Progress } from "../../core/api/run.ts";
import { progressAhead } from "../../core/run/progress.ts";
import { isTaskDone, shardOf } from "../../core/run/shards.ts";
import { placeOf } from "../../core/run/steps.ts";
import type { Deps } from "../deps.ts";
import { readFactsIn, type SnapshotFact } from "../engine/facts.ts";
import { readRunObjectsIn } from "../engine/run-objects.ts";
import { readShards } from "../engine/shards.ts";
import type { Page, PageRequest } from "./page.ts";
import { dataStep, isAllDone, readBoth } from "./runs.ts";

/**
 * A page of a run's objects, and how far each is at one target.
 * @throws {VisibleError} RUN_UNKNOWN; SITE_UNKNOWN for a site that is none of its targets; BAD_REQUEST
 *   for a cursor that no page gave
 */
export const listRunObjects = async (
  deps: Deps,
  runId: RunId,
  site: SiteId,
  { limit, cursor = "0" }: PageRequest,
): Promise<Page<RunObject>> => {
  const { run, runPlan } = await readBoth(deps, runId);
  const part = run.targets[site];
  if (part === undefined) {
    throw new VisibleError("SITE_UNKNOWN", `Site “${site}” is no target of the run ${runId}.`, {
      hint: `Its targets are: ${Object.keys(run.targets).join(", ")}`,
    });
  }
  const from = firstIndexOf(cursor);
  const step = dataStep[run.kind];
  const range = { from, count: Math.max(0, Math.min(limit, run.objectCount - from)) };
  const [objects, snapshots, moved, shards] = await Promise.all([
    readRunObjectsIn(deps, runPlan, range),
    readFactsIn<SnapshotFact>(deps, runId, "snapshotting", "source", range),
    readFactsIn<{ progress?: Progress }>(deps, runId, step, site, range),
    readShards(deps, runId, placeOf(run, site, step), step),
  ]);
  const items = objects.map(({ kind, id, name }, i): RunObject => {
    const index = from + i;
    const shard = shards.find(({ body }) => body.shard === shardOf(index))?.body;
    const isDone = isAllDone(run, part) || (run.kind !== "snapshot" && shard !== undefined && isTaskDone(shard, index));
    const current = shard?.index === index ? shard.progress : undefined;
    const known = moved.get(index)?.progress ?? current ?? progressAhead(snapshots.get(index)?.config.volumes ?? []);
    return { index, kind, id, name, progress: isDone ? { ...known, phase: "done" } : known };
  });
  const next = from + range.count;
  return { items, ...(next < run.objectCount && { cursor: String(next) }) };
};

const firstIndexOf = (cursor: string): number => {
  if (/^[0-9]{1,6}$/.test(cursor)) return Number(cursor);
  throw new VisibleError("BAD_REQUEST", "The cursor is not one that this list gave.", {
    hint: "Leave the cursor out to begin again at the first page.",
  });
};
