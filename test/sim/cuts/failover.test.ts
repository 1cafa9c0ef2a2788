import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { emptyCluster } from "./cluster.ts";
import type { Cut } from "./cut.ts";
import { cutEverywhere, cutSomewhere } from "./everywhere.ts";
import { FailoverWorld } from "./failover-world.ts";
import { type Direction, failovers, playFailover } from "./failovers.ts";

let empty = "";
before(async () => {
  empty = await emptyCluster();
});
after(() => rm(empty, { recursive: true }));

/** `SIM_CUT_EACH=1` takes each call, for the better part of an hour; else it is a few by chance. */
const asked = process.env["SIM_CUT_EACH"];
const directions: readonly Direction[] = ["forward", "back"];

const assertStruck = (places: readonly string[], wanted: readonly string[]): void => {
  const missing = wanted.filter((one) => !places.some((place) => place.startsWith(one)));
  assert.deepEqual(Number(asked) === 1 ? missing : [], [], places.join("\n"));
  assert(places.length > 0, "somebody has died");
};

for (const [index, scenario] of failovers.entries()) {
  describe(`${scenario.title} has a way forward and a way back, and loses nothing`, () => {
    for (const direction of directions) {
      const played = {
        open: () => FailoverWorld.open({ swaps: index % 2 === 0 }, empty),
        play: (world: FailoverWorld, cut: Cut) => playFailover(world, cut, scenario, direction),
      };

      if (asked === undefined) {
        test(`${direction}, where somebody dies at a call of a storage, or of the control plane`, async () => {
          assertStruck(await cutSomewhere(1, played), []);
        });
        continue;
      }

      test(`${direction}, where gateways die at any call of a storage`, async () => {
        assertStruck(await cutEverywhere({ of: "storage" }, Number(asked), played), scenario.steps);
      });

      test(`${direction}, where the control plane dies at a commit or a message`, async () => {
        const places = await cutEverywhere({ of: "control plane" }, Number(asked), played);
        assertStruck(places, ["sweep: ", "report: commit", "report: send"]);
      });
    }
  });
}
