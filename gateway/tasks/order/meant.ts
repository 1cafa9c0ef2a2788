import type { ObjectConfig } from "../../../core/api/object.ts";
import type { OrderTask } from "../../../core/api/task.ts";
import type { ObjectId, StandIn } from "../../storage/control.ts";
import type { StorageDriver } from "../../storage/driver.ts";
import { standInsOf } from "../home/objects-here.ts";

/** What an order's object is at this site. */
export interface Meant {
  /** Undefined: it is not here. */
  readonly object: ObjectConfig | undefined;
  /** What stands for it. Undefined: it is the original. */
  readonly standIn: StandIn | undefined;
}

/** The original, or what the last of the restores that stand for the plan's objects made of it. */
export const findMeant = async (
  storage: Pick<StorageDriver, "standIns" | "findObjects">,
  task: Pick<OrderTask, "planId" | "source" | "standIns">,
  { kind, id }: ObjectId,
): Promise<Meant> => {
  const [standIn] = await standInsOf(task, storage, [{ kind, id }]);
  if (standIn !== undefined) return { object: standIn.object, standIn };
  const [object] = await storage.findObjects([{ kind, id }]);
  return { object, standIn: undefined };
};

/** What of it can be switched. */
export const powerOf = (object: ObjectConfig | undefined): "on" | "off" | "none" | "gone" => {
  if (object === undefined) return "gone";
  if (object.kind !== "vm") return "none";
  return object.vm.status === "STOPPED" ? "off" : "on";
};
