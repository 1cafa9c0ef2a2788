import type { OrderAnswer, OrderAnswerOf } from "../../core/api/failover/order.ts";
import type { RunId } from "../../core/api/ids.ts";
import type { PlanObject } from "../../core/api/plan.ts";
import type { Reason } from "../../core/api/reason.ts";
import type { Step } from "../../core/api/run.ts";
import { partsOf } from "../../core/run/steps.ts";
import type { Deps } from "../ports/deps.ts";
import { readFactsIn, readRunPlan } from "../runs/facts.ts";
import { readRestoredObjects } from "../runs/restored-objects.ts";
import { needRun } from "../runs/runs.ts";

/* What came of an order, as far as its site has told. Objects are named as at home. */

/** What a site has said of one object. Absent: nothing yet. */
interface Answered<T extends OrderAnswer["type"]> {
  readonly object: PlanObject;
  readonly answer: OrderAnswerOf<T> | undefined;
}

const readAnswers = async <T extends OrderAnswer["type"]>(
  deps: Deps,
  runId: RunId,
  step: Step,
): Promise<readonly Answered<T>[]> => {
  const { run } = await needRun(deps, runId);
  const [[site] = []] = partsOf(run);
  if (site === undefined) return [];
  const objects = await readRestoredObjects(deps, await readRunPlan(deps, runId));
  const answers = new Map<number, OrderAnswerOf<T>>();
  for (let from = 0; from < objects.length; from += factsAtOnce) {
    const range = { from, count: factsAtOnce };
    const some = await readFactsIn<{ readonly order: OrderAnswerOf<T> }>(deps, runId, step, site, range);
    for (const [index, { order }] of some) answers.set(index, order);
  }
  return objects.map(({ config: { kind, id, name } }, index) => ({
    object: { kind, id, name },
    answer: answers.get(index),
  }));
};

const factsAtOnce = 200;

/** An object that can't be rebuilt, and why. */
export interface Obstructed {
  readonly object: PlanObject;
  readonly obstacles: readonly Reason[];
  readonly moreObstacles: number;
}

/** What is in the way, by a `look`. */
export const readObstacles = async (deps: Deps, runId: RunId): Promise<readonly Obstructed[]> =>
  (await readAnswers<"look">(deps, runId, "looking")).flatMap(({ object, answer }) =>
    answer === undefined || answer.obstacles.length === 0
      ? []
      : [{ object, obstacles: answer.obstacles, moreObstacles: answer.moreObstacles ?? 0 }],
  );

/** What became of the objects of a `stop`. */
export interface Stopped {
  /** They were on before: what is to be started again. */
  readonly wereOn: readonly PlanObject[];
  /** LUNs, files, volumes: nobody can switch off who writes them. */
  readonly cantBe: readonly PlanObject[];
  readonly gone: readonly PlanObject[];
}

/**
 * By what was on before the first was switched off, which was written down before that; and by what
 * was found on when its turn came.
 */
export const readStopped = async (deps: Deps, runId: RunId): Promise<Stopped> => {
  const [before, then] = await Promise.all([
    readAnswers<"look">(deps, runId, "looking"),
    readAnswers<"stop">(deps, runId, "stopping"),
  ]);
  const isOn = (index: number) => before[index]?.answer?.power === "on" || then[index]?.answer?.power === "on";
  const withPower = (power: "none" | "gone") => (_: unknown, index: number) => before[index]?.answer?.power === power;
  const objects = before.map(({ object }) => object);
  return {
    wereOn: objects.filter((_, index) => isOn(index)),
    cantBe: objects.filter(withPower("none")),
    gone: objects.filter(withPower("gone")),
  };
};

/** An object, and how it differs from what it was compared with. */
export type Compared = PlanObject & Omit<OrderAnswerOf<"compare">, "type">;

/** Of each object of a `compare`. */
export const readCompared = async (deps: Deps, runId: RunId): Promise<readonly Compared[]> =>
  (await readAnswers<"compare">(deps, runId, "comparing")).flatMap(({ object, answer }) => {
    if (answer === undefined) return [];
    const { type: _, ...compared } = answer;
    return [{ ...object, ...compared }];
  });

/** Whether it is other than it was compared with, or nobody knows. What is gone has not changed. */
export const hasChanged = ({ power, extents, added = [] }: Pick<Compared, "power" | "extents" | "added">): boolean =>
  power !== "gone" && (extents !== 0 || added.length > 0);

/** What is known of the objects of a `start`. */
export interface Started {
  readonly on: readonly PlanObject[];
  readonly gone: readonly PlanObject[];
}

export const readStarted = async (deps: Deps, runId: RunId): Promise<Started> => {
  const all = await readAnswers<"start">(deps, runId, "starting");
  const having = (...powers: OrderAnswerOf<"start">["power"][]) =>
    all.flatMap(({ object, answer }) => (answer !== undefined && powers.includes(answer.power) ? [object] : []));
  return { on: having("on", "off"), gone: having("gone") };
};
