import { z } from "zod";
import type { RunId, SiteId } from "../../core/api/ids.ts";
import { pagesOf } from "../../core/api/pages.ts";
import { type RunHead, type TargetRun, targetRunSchema } from "../../core/api/run.ts";
import type { Change, Stored } from "../../core/ports/store.ts";
import { hasEnded } from "../../core/run/steps.ts";
import { ignoringConflict } from "../documents/conflicts.ts";
import { expiryKey, partKey, runKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";

/*
 * Runs of the form 1: one document, which had all parts in it, and in each of these the tasks that
 * were under way and still to come.
 */

type RunOfBefore = RunHead & { readonly targets: Readonly<Record<SiteId, unknown>> };

export const isOfBefore = ({ format, body }: Stored<RunHead>): boolean => format === 1 && "targets" in body;

/** `waiting` was a state of its own; what is not in the present form is left out. */
const partSchema = z.preprocess((body) => {
  const part = body as TargetRun;
  return part.state === "waiting" ? { ...part, state: part.step } : part;
}, targetRunSchema);

/** Its parts in the present form. */
export const partsOfBefore = ({ body }: Stored<RunHead>): ReadonlyMap<SiteId, TargetRun> => {
  const { targets } = body as RunOfBefore;
  return new Map(Object.entries(targets).map(([site, part]) => [site as SiteId, partSchema.parse(part)]));
};

/**
 * Writes a run's parts apart. The sweep looks at those that have begun: it gives out the tasks of
 * the step that one is in anew, and what was done of them is done again, which sends nothing again
 * that was acknowledged (I9); of one that has ended it does once more what follows. Somebody else
 * may be faster.
 */
export const takeOver = async (deps: Pick<Deps, "store" | "clock">, stored: Stored<RunHead>): Promise<void> => {
  const { targets: _, ...head } = stored.body as RunOfBefore;
  const changes: Change[] = [{ type: "put", key: stored.key, body: head, expect: { version: stored.version } }];
  for (const [site, part] of partsOfBefore(stored)) {
    const body: TargetRun = hasEnded(part) ? { ...part, unsettled: true } : part;
    const due = part.state === "queued" ? {} : { dueAt: deps.clock.now() };
    changes.push({ type: "put", key: partKey(head.id, site), body, expect: "any", ...due });
  }
  await ignoringConflict(() => deps.store.commit(changes));
};

const documentsPerPage = 50;

/**
 * A run of the form 1 that was to be dropped has a time to live in each of its documents. A group
 * of it is there again: they are kept.
 */
export const keepOfBefore = async ({ store }: Pick<Deps, "store">, runId: RunId): Promise<void> => {
  const note = await store.get<object>(expiryKey(runId));
  if (note === undefined || !("expiresAt" in note.body)) return;
  const { partition } = note.key;
  const read = (cursor: string | undefined) => store.query<object>({ partition, limit: documentsPerPage, cursor });
  for await (const { items } of pagesOf(read)) await store.putAll(items.map(({ key, body }) => ({ key, body })));
  const run = await store.get<object>(runKey(runId));
  if (run !== undefined)
    await store.commit([{ type: "put", key: run.key, body: run.body, expect: { version: run.version } }]);
  await store.deleteAll([note.key]);
};
