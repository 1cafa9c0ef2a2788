import { strict as assert } from "node:assert";
import type { OrderTaskOf } from "../../core/api/failover/order.ts";
import type { RunId } from "../../core/api/ids.ts";
import type { RunPlan, Shard } from "../../core/api/run.ts";
import type { OrderTask } from "../../core/api/task.ts";
import { rebuiltName } from "../../core/object/rebuilt-name.ts";
import type { Deps } from "../ports/deps.ts";
import { needFact, readRunPlan, type SnapshotFact } from "../runs/facts.ts";
import { readRestoredObjects } from "../runs/restored-objects.ts";
import { snapshotIndexOf } from "../runs/run-objects.ts";

type Restore = NonNullable<RunPlan["restore"]>;

/** What the tasks of an order are told. */
export const orderOf = async (
  deps: Deps,
  runId: RunId,
  { step, index }: Pick<Shard, "step" | "index">,
): Promise<Pick<OrderTask, "fromGroupId" | "standIns" | "order">> => {
  const told = await readRunPlan(deps, runId);
  const { restore } = told;
  assert(restore?.order !== undefined, `${runId} is an order`);
  const { fromGroupId, order: terms } = restore;
  const from = { fromGroupId, ...(terms.standIns !== undefined && { standIns: terms.standIns }) };
  if (step === "readying") return { ...from, order: await pauseOf(deps, told, terms) };
  const index0 = snapshotIndexOf({ restore }, index);
  const { config } = await needFact<SnapshotFact>(deps, restore.fromRunId, "snapshotting", "source", index0);
  const { kind, id, name } = config;
  const object = { kind, id, name };
  switch (step) {
    case "looking":
      return {
        ...from,
        order: { type: "look", object, ...makingOf(restore, index, rebuiltName(config, restore.namePrefix)) },
      };
    case "stopping":
      return { ...from, order: { type: "stop", object } };
    case "comparing":
      return { ...from, order: { type: "compare", object } };
    case "starting":
      return { ...from, order: { type: "start", object } };
    default:
      return assert.fail(`no order has the step ${step}`);
  }
};

/** How the object would be rebuilt, where that is asked: to `stop`, it is not. */
const makingOf = (
  { names = [], wishes, evenDamaged, order }: Restore,
  index: number,
  byPrefix: string,
): Partial<Pick<Extract<OrderTaskOf, { type: "look" }>, "making">> => {
  if (evenDamaged === undefined) return {};
  const name = names.find((one) => one.index === index)?.name ?? byPrefix;
  return {
    making: {
      name,
      ...(wishes && { wishes }),
      ...(evenDamaged && { evenDamaged }),
      ...(order?.guestAgents?.includes(index) && { guestAgent: true as const }),
    },
  };
};

const pauseOf = async (
  deps: Deps,
  told: RunPlan,
  { pause = {} }: NonNullable<Restore["order"]>,
): Promise<OrderTaskOf> => {
  if (pause.ready === undefined || !("guestAgent" in pause.ready)) return { type: "ready", pause };
  const all = await readRestoredObjects(deps, told);
  return { type: "ready", pause, objects: all.map(({ config: { kind, id, name } }) => ({ kind, id, name })) };
};
