import { cutSentence } from "../../../core/api/bounds.ts";
import type { VisibleError } from "../../../core/api/errors.ts";
import { type OrderAnswer, type OrderTaskOf, obstaclesMax } from "../../../core/api/failover/order.ts";
import type { Reason } from "../../../core/api/reason.ts";
import type { OrderTask } from "../../../core/api/task.ts";
import { noGuestAgents } from "../../storage/guest-agents.ts";
import type { TaskContext } from "../context.ts";
import { rebuildOptionsOf } from "../rebuild.ts";
import { findMeant, powerOf } from "./meant.ts";

type Look = Extract<OrderTaskOf, { type: "look" }>;
type Making = NonNullable<Look["making"]>;

/** Whether the object is on; or what is in the way of making one like it. Nothing is changed. */
export const look = async (
  task: OrderTask,
  { object, making }: Look,
  { storage }: TaskContext,
): Promise<OrderAnswer> => {
  if (making === undefined) {
    return { type: "look", power: powerOf((await findMeant(storage, task, object)).object), obstacles: [] };
  }
  const found = await obstaclesOf(task, object, making, storage);
  const more = found.length - obstaclesMax;
  return {
    type: "look",
    power: "gone",
    obstacles: found.slice(0, obstaclesMax).map(reasonOf),
    ...(more > 0 && { moreObstacles: more }),
  };
};

const obstaclesOf = async (
  task: OrderTask,
  object: Look["object"],
  { name, wishes, evenDamaged, guestAgent }: Making,
  storage: TaskContext["storage"],
): Promise<readonly VisibleError[]> => {
  const agents = guestAgent && storage.guestAnswers === undefined ? [noGuestAgents()] : [];
  const options = await rebuildOptionsOf({ ...task, object, name, wishes, evenDamaged }, storage);
  return [...(await storage.rebuildObstacles(options)), ...agents];
};

/** What to do about it is another thing for a failover than for the rebuild of a person. */
const reasonOf = ({ code, message }: VisibleError): Reason => ({ code, message: cutSentence(message) });
