import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import type { Group } from "../../core/api/group.ts";
import type { SiteId } from "../../core/api/ids.ts";
import type { Report } from "../../core/api/report.ts";
import { startClone } from "../../functions/clone/start-clone.ts";
import { cancelRun, runPlanNow } from "../../functions/engine/commands.ts";
import type { Deps } from "../../functions/ports/deps.ts";
import { startRebuild } from "../../functions/rebuild/start-rebuild.ts";
import { handleReport } from "../../functions/report.ts";
import { calm, list, makeWorld } from "./history.ts";
import { withoutWaiting } from "./no-waiting.ts";
import { noFaults } from "./world.ts";

withoutWaiting();

const a = "a" as SiteId;
const b = "b" as SiteId;

/** A snapshot's answer in two parts. */
const halves = (report: Report): readonly [Report, Report] => {
  assert(report.kind === "completed" && report.result.kind === "snapshot");
  const { result } = report;
  const half = (number: 0 | 1): Report => ({
    ...report,
    result: { ...result, from: number, fromVolume: number, objects: result.objects.slice(number, number + 1) },
    part: { number, of: 2 },
  });
  return [half(0), half(1)];
};

/** The source has taken a group, and its run was cancelled before the source had told all of it. */
const withGroupOfCancelled = async (hears: "nothing" | "half of it") => {
  const { world, planId } = await makeWorld(71, noFaults, { objects: 2, targets: 1, steps: 0 });
  const { id, groupId } = (await world.call((deps) => runPlanNow(deps, planId))) ?? assert.fail("it did not begin");
  assert(world.deliverTask());
  const answer = world.reports.pop()?.body ?? assert.fail("the source did not answer");
  const [first, second] = halves(answer);
  const [inTime, late] = hears === "nothing" ? [[], answer] : [[first], second];
  for (const part of inTime) await world.call((deps) => handleReport(deps, part));
  await world.call((deps) => cancelRun(deps, id));
  // What comes late is not believed, and the source is asked what it has.
  await world.call((deps) => handleReport(deps, late));
  assert(world.deliverTask());
  const groups = world.reports.pop()?.body ?? assert.fail("the source did not say what it has");
  return { world, planId, groupId, groups };
};

describe("a group that its source took for a run which was over before the source had told of it", () => {
  for (const hears of ["nothing", "half of it"] as const) {
    for (const kind of ["clone", "rebuild"] as const) {
      test(`is refused to a ${kind} until it is deleted, when ${hears} is known`, async () => {
        const { world, planId, groupId, groups } = await withGroupOfCancelled(hears);
        const begin = (deps: Deps) =>
          kind === "clone"
            ? startClone(deps, { groupId, fromSiteId: a, siteId: b, namePrefix: "c-" })
            : startRebuild(deps, { groupId, siteId: a, namePrefix: "r-" });
        const table = world.table.copy();
        let times = 0;
        for (let dieAt = 1; ; dieAt += 1) {
          world.table.setBack(table);
          world.dieAtRequest = dieAt;
          await world.call((deps) => handleReport(deps, groups));
          if (world.dieAtRequest > 0) break;
          world.dieAtRequest = Number.POSITIVE_INFINITY;
          // At some of these instants it is written down, and nothing says yet that it is to go.
          if (!list<Group>(world, planId, "GROUP#a#").some(({ state }) => state === "published")) continue;
          times += 1;
          const refusal = await world.call((deps) => begin(deps).catch((error: unknown) => error));
          assert(VisibleError.is(refusal, "GROUP_NOT_RESTORABLE"), `it was begun at request ${dieAt}`);
          assert.match(refusal.message, /is not known in full/);
        }
        assert(times > 0);
        await calm(world, planId);
        assert.deepEqual(
          list<Group>(world, planId, "GROUP#a#").map(({ id, state }) => [id, state]),
          [[groupId, "deleted"]],
        );
      });
    }
  }
});
