import { VisibleError } from "../../core/api/errors.ts";
import type { PlanStage, StagePause } from "../../core/api/failover/stage.ts";
import { type GroupId, planIdOf, type RunId, type SiteId } from "../../core/api/ids.ts";
import type { PlanObject } from "../../core/api/plan.ts";
import type { Run } from "../../core/api/run.ts";
import { isInStage } from "../../core/plan/stages.ts";
import type { Deps } from "../ports/deps.ts";
import { planLook, type RebuildOptions } from "../rebuild/plan-rebuild.ts";
import { type Beginning, beginRestore, type InFailover, readBegun } from "../restores/begin.ts";
import { type Restorable, readRestorable } from "../restores/restorable.ts";
import { snapshotFactsOf } from "../runs/facts.ts";

/** What a failover has a site do, and about which objects. */
export type OrderOptions = {
  /** By which it is known: begun again, it is the same run. */
  readonly inFailover: InFailover;
  /** The site that does it. */
  readonly siteId: SiteId;
  /** By which the objects are named, and which is held; to `compare`, what they are to be like. */
  readonly groupId: GroupId;
  /** Where that is. Absent: at the site itself. To `look` and to `compare` it has to be there. */
  readonly readAt?: SiteId;
} & (LookOptions | OthersOptions | StartOptions);

/** What is in the way of a rebuild at the site; nothing is made, and nothing refused beforehand. */
interface LookOptions {
  readonly order: "look";
  /** As the rebuild will be asked for. */
  readonly rebuild: Omit<RebuildOptions, "siteId">;
  /** The plan's: those that wait for guest agents need a storage that has such. */
  readonly stages?: readonly PlanStage[] | undefined;
}

interface AboutObjects {
  /** The rebuilds that made what stands for the objects there. Absent: they are the originals. */
  readonly standIns?: readonly RunId[] | undefined;
  /** Only these of the group's. Absent: all. */
  readonly objects?: readonly Pick<PlanObject, "kind" | "id">[] | undefined;
}

interface OthersOptions extends AboutObjects {
  readonly order: "stop" | "compare";
}

/** Objects are switched on; then it is waited. One stage at a time: `inStages` has their order. */
interface StartOptions extends AboutObjects {
  readonly order: "start";
  readonly pause?: StagePause | undefined;
}

/**
 * Begins an order of a failover: a run of kind `failover` with one part, which holds the group.
 * What it came to is told by order-answers.ts.
 * @throws VisibleError GROUP_UNKNOWN, GROUP_NOT_RESTORABLE, OBJECT_UNKNOWN (the group has none of
 *   `objects`), CONFLICT (another restore has that instant), BAD_REQUEST (a name that can't be),
 *   and what `beginRestore` throws
 */
export const beginOrder = async (deps: Deps, options: OrderOptions): Promise<Run> => {
  const { inFailover, groupId, siteId, readAt = siteId, order } = options;
  const begun = await readBegun(deps, planIdOf(groupId), inFailover);
  if (begun !== undefined) return begun;
  const of = await readRestorable(deps, groupId, readAt);
  const told = order === "look" ? await toldToLook(deps, of, options) : await toldOfObjects(deps, of, options);
  return beginRestore(deps, { kind: "failover", order, inFailover, of, target: siteId, ...told });
};

type Told = Pick<Beginning, "objectCount" | "told">;

const toldToLook = async (
  deps: Deps,
  of: Restorable,
  { siteId, rebuild, stages = [] }: LookOptions & Pick<OrderOptions, "siteId">,
): Promise<Told> => {
  const { objectCount, told } = await planLook(deps, of, { ...rebuild, siteId });
  const waiting = stages.filter(({ ready }) => ready !== undefined && "guestAgent" in ready);
  const chosen = told.objects && new Map(told.objects.map((index, own) => [index, own]));
  const guestAgents: number[] = [];
  if (waiting.length > 0) {
    for await (const { index, config } of indexed(deps, of)) {
      const own = chosen === undefined ? index : chosen.get(index);
      if (own !== undefined && waiting.some((stage) => isInStage(stage, config))) guestAgents.push(own);
    }
  }
  return { objectCount, told: { ...told, order: guestAgents.length === 0 ? {} : { guestAgents } } };
};

const toldOfObjects = async (
  deps: Deps,
  of: Restorable,
  { standIns, objects, ...rest }: OthersOptions | StartOptions,
): Promise<Told> => {
  const pause = rest.order === "start" ? rest.pause : undefined;
  const order = {
    ...(standIns !== undefined && standIns.length > 0 && { standIns: [...standIns] }),
    ...(pause !== undefined && { pause }),
  };
  if (objects === undefined) {
    const objectCount = of.taken.objects ?? of.origin.objectCount;
    return { objectCount, told: { namePrefix: "", order } };
  }
  const wanted = new Set(objects.map(keyOf));
  const indices: number[] = [];
  for await (const { index, config } of indexed(deps, of)) if (wanted.has(keyOf(config))) indices.push(index);
  if (indices.length === 0) throw noneThere(of);
  return { objectCount: indices.length, told: { namePrefix: "", objects: indices, order } };
};

const keyOf = ({ kind, id }: Pick<PlanObject, "kind" | "id">): string => `${kind}/${id}`;

async function* indexed(deps: Deps, { origin }: Restorable) {
  let index = 0;
  for await (const { config } of snapshotFactsOf(deps, origin.id)) {
    yield { index, config };
    index += 1;
  }
}

const noneThere = ({ group: { id } }: Restorable) =>
  new VisibleError("OBJECT_UNKNOWN", `The group ${id} has none of the objects that are meant.`, {
    hint: `See what it has with: smtx-backup group show ${id}`,
  });
