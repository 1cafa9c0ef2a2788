import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { answerOf } from "../../cli/context/client.ts";
import { stepsOf } from "../../core/run/steps.ts";
import { writePattern } from "../../infra/local/demo/image.ts";
import { until } from "../patience.ts";
import { Local } from "./local.ts";

const MiB = 1024 ** 2;
const imageBytes = 16 * MiB;
const geometry = { extentBytes: MiB, stripeCount: 1, stripeBytes: MiB };
const order = [...stepsOf.rollback, undefined];

describe("kill -9 of both sites' gateways and of the control plane in the middle of a rollback", () => {
  let local: Local;
  let volumeId: string;
  let groupId: string;
  let old: string;
  const file = (name: string) => join(local.dir, name);
  const sha256 = async () => (await local.exportImage("a", file("now.img"), { volumeId })).sha256;
  const fill = async (seed: number): Promise<string> => {
    await writePattern(file("disk.img"), imageBytes, seed);
    await local.importImage("a", file("disk.img"), { into: volumeId });
    return sha256();
  };

  before(async () => {
    local = await Local.create();
    await local.start();
    await writePattern(file("disk.img"), imageBytes, 1);
    ({ volumeId } = await local.importImage("a", file("disk.img"), { name: "db1", geometry }));
    await local.createPlan({ name: "db", objects: [{ kind: "lun", name: "db1" }] });
    ({ groupId } = await local.ended(await local.runPlan("db")));
    old = await sha256();
  });
  after(() => local.remove());

  const stepOf = async (id: string) => {
    const [target] = (await local.readRun(id)).targets;
    return target?.state === "queued" ? order[0] : (target?.step ?? undefined);
  };
  const isAt = (step: (typeof order)[number], wanted: (typeof order)[number]) =>
    order.indexOf(step) >= order.indexOf(wanted);

  /**
   * From a target's data, so that it has all the steps. A step may be over before the blow falls:
   * then it falls in one of the next.
   */
  for (const step of stepsOf.rollback) {
    test(`that has come to ${step}: the object is the old or the new one, whole, and in the end the one it was asked for`, async (t) => {
      const now = await fill(2);
      const json = { type: "rollback", groupId, from: "b", discardChanges: true } as never;
      const { id } = await answerOf(local.api.v1.restores.$post({ json }));
      await until(`the step ${step}`, async () => isAt(await stepOf(id), step), 5);
      const struck = await stepOf(id);
      await Promise.all([local.killGateway("a"), local.killGateway("b"), local.kill()]);
      const there = await sha256();
      assert.ok([old, now].includes(there), "it is half of each");
      await local.start();
      const ended = await local.ended(id);
      assert.equal(ended.status, "succeeded", JSON.stringify(ended.targets));
      assert.equal(await sha256(), old);
      t.diagnostic(`struck while it was ${struck ?? "over"}`);
    });
  }
});
