import assert from "node:assert/strict";
import { test } from "node:test";
import { scheduleSchema } from "../../core/api/plan.ts";
import { parsePlan } from "../input/plan-file.ts";
import { createWorld } from "../testing.ts";

test("plan create --help has a backup and a snapshot plan to copy, with the defaults of their schedules", async () => {
  const world = await createWorld();
  const { stdout } = await world.run(["plan", "create", "--help"]);
  const examples = stdout.match(/^ {2}name: .*\n(?: {2,}\S.*\n?)+/gm) ?? [];
  const plans = examples.map((text) => parsePlan(text, "help"));
  assert.deepEqual(
    plans.map(({ targets, retention }) => [targets.length, retention?.keepLast]),
    [
      [1, undefined],
      [0, 24],
    ],
  );
  for (const { schedule } of plans) {
    assert.deepEqual(schedule, scheduleSchema.parse({ cycle: schedule?.cycle }));
  }
});
