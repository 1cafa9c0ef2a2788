import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { namesOn } from "../reaper/names-on.ts";
import { ClusterStandIn } from "../stand-in/stand-in.ts";
import { Customers } from "./customers.ts";
import { openCutDriver } from "./cut-driver.ts";
import { DriverCut } from "./driver-cut.ts";
import { type Scenario, scenarios } from "./scenarios.ts";

/** So many deaths of a scenario are tried; with CLUSTER_CUT_EACH=1 one at each call. */
const deathsMax = process.env["CLUSTER_CUT_EACH"] === "1" ? Number.POSITIVE_INFINITY : 4;

const withCluster = async (work: (standIn: ClusterStandIn, customers: Customers) => Promise<void>): Promise<void> => {
  const standIn = await ClusterStandIn.open();
  try {
    await work(standIn, await Customers.furnish(standIn));
  } finally {
    await standIn.close();
  }
  assert.deepEqual(standIn.tower.breaches, []);
};

/** @returns how many calls it took */
const runWhole = async (scenario: Scenario, standIn: ClusterStandIn, customers: Customers, attempt: number) => {
  const cut = new DriverCut();
  const { driver, reap, end } = await openCutDriver(standIn, cut);
  try {
    await scenario.run(driver, customers, attempt);
    await reap();
    return cut.calls;
  } finally {
    await end();
  }
};

/** @returns whether it died, or had ended before that call */
const runAndDie = async (scenario: Scenario, standIn: ClusterStandIn, customers: Customers, cut: DriverCut) => {
  const opened = await openCutDriver(standIn, cut).catch((error: unknown) => {
    if (cut.where === undefined) throw error;
    return undefined;
  });
  if (opened === undefined) return;
  await scenario.run(opened.driver, customers, 0).catch((error: unknown) => {
    if (cut.where === undefined) throw error;
  });
  await opened.end();
};

/** What is ours, whatever plans and groups it is of; and all that is theirs. */
const kindsOn = (standIn: ClusterStandIn) =>
  namesOn(standIn).map((name) => name.replace(/(smtx-backup\.[a-z]+)\..*/, "$1"));

const bothTimes = ["before", "after"] as const;

for (const scenario of scenarios) {
  describe(`a driver that dies in ${scenario.title}`, () => {
    test("leaves nothing of ours, has touched nothing of others, and the next one goes on", async (context) => {
      let calls = 0;
      let expected: readonly string[] = [];
      await withCluster(async (standIn, customers) => {
        calls = await runWhole(scenario, standIn, customers, 0);
        expected = kindsOn(standIn);
      });
      const step = Math.max(1, Math.ceil(calls / deathsMax));
      for (let at = Math.ceil(step / 2), n = 0; at <= calls; at += step, n++) {
        for (const when of deathsMax === Number.POSITIVE_INFINITY ? bothTimes : [bothTimes[n % 2] ?? "after"]) {
          const cut = new DriverCut(at, when);
          await context.test(`at call ${at} of ${calls}, ${when} it`, async () => {
            await withCluster(async (standIn, customers) => {
              await runAndDie(scenario, standIn, customers, cut);
              try {
                await runWhole(scenario, standIn, customers, 1);
                assert.deepEqual(kindsOn(standIn), expected);
                for (const volume of customers.volumes()) {
                  assert(customers.contentNow(volume.id).equals(customers.contentOf(volume.id)));
                }
              } catch (error) {
                throw new Error(`it died ${cut.where}`, { cause: error });
              }
            });
          });
        }
      }
    });
  });
}
