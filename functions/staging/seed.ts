import { strict as assert } from "node:assert";
import { type Group, holdsMax } from "../../core/api/group.ts";
import type { SiteId } from "../../core/api/ids.ts";
import type { Base, Run } from "../../core/api/run.ts";
import type { Change, Stored } from "../../core/ports/store.ts";
import { isRestore } from "../../core/run/steps.ts";
import { retrying } from "../documents/conflicts.ts";
import { baseKey } from "../documents/records.ts";
import { firstKnown, readBase } from "../groups/base.ts";
import { dropHold, readGroups, withHold } from "../groups/groups.ts";
import type { Deps } from "../ports/deps.ts";

/**
 * The group at the target from which what is staged there starts, so that only what differs is
 * sent: chosen, written down and held the first time. One that the sender has as well goes before
 * others: then the sender compares by itself. Else the target tells what it has, block by block.
 */
export const ensureSeed = (deps: Deps, run: Run, target: SiteId): Promise<Base> =>
  retrying(deps, async () => {
    const known = await readBase(deps, run.id, target);
    if (known !== undefined) return known;
    const { base, group } = await chooseSeed(deps, run, target);
    const key = baseKey(run.id, target);
    await deps.store.commit([{ type: "put", key, body: base, expect: "absent" }, ...held(group, run)]);
    return base;
  });

const held = (group: Stored<Group> | undefined, { id, kind }: Run): readonly Change[] => {
  // One that so many others hold does not go soon; where it does, more is sent.
  if (group === undefined || group.body.holds.length >= holdsMax || !isRestore(kind)) return [];
  const body = withHold(group.body, { runId: id, kind });
  return [{ type: "put", key: group.key, body, expect: { version: group.version } }];
};

/** Nobody needs the seed any more. Twice is as good as once. */
export const dropSeed = async (deps: Deps, run: Run, target: SiteId): Promise<void> => {
  const groupId = (await readBase(deps, run.id, target))?.baseGroupId ?? null;
  if (groupId !== null) await dropHold(deps, groupId, target, run.id);
};

const chooseSeed = async (
  deps: Deps,
  { planId, sender, sequence, kind, groupId }: Run,
  target: SiteId,
): Promise<{ readonly base: Base; readonly group?: Stored<Group> }> => {
  const all = (await readGroups(deps, planId)).filter(({ body }) => body.state === "published");
  const here = all.filter(({ body }) => body.siteId === target);
  const isShared = ({ id, takenAt }: Group) =>
    all.some(({ body }) => body.siteId === sender && body.id === id && body.takenAt === takenAt);
  const distance = ({ body }: Stored<Group>) => Math.abs(body.sequence - sequence);
  const nearest = here.toSorted((one, other) => distance(one) - distance(other)).map(({ body }) => body);
  // Of what is to be rolled back its present state is the nearest: the safety group has that.
  const safety = kind === "rollback" ? nearest.filter(({ id }) => id === groupId) : [];
  const candidates = [...safety, ...nearest.filter(isShared), ...nearest.filter((group) => !isShared(group))];
  const seed = await firstKnown(deps, candidates);
  if (seed === undefined) return { base: { baseGroupId: null, baseRunId: null, why: "nothing-there" } };
  const group = here.find(({ body }) => body.id === seed.id);
  assert(group !== undefined, "it was chosen among them");
  return { base: { baseGroupId: seed.id, baseRunId: seed.runId, why: isShared(seed) ? "shared" : "seed" }, group };
};
