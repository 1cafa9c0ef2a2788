import assert from "node:assert/strict";
import { test } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import {
  groupId,
  noise,
  owner,
  prepareMirror,
  publish,
  sendAll,
  sourceObject,
  volumeOf,
} from "../../../gateway/storage/conformance/fixtures.ts";
import { openSmtx } from "../../../gateway/storage/smtx/open.ts";
import { openConfigured } from "../probe/configured.ts";
import { withCustomer } from "./with-customer.ts";

const sizeBytes = 2 ** 20;

test("a group whose answer was lost is not taken again, and only then it is looked for", async (context) => {
  const { standIn, config, close } = await openConfigured();
  context.after(close);
  const own = await openSmtx(config);
  context.after(() => own.close());
  const driver = withCustomer(own, standIn);
  const { commands, cluster } = standIn;
  const asked: string[] = [];
  let isLost = false;
  const run = commands.run.bind(commands);
  commands.run = async (line) => {
    asked.push(line.split(" ").find((word) => /^(?:batch_create|list_by_id)$/.test(word)) ?? "else");
    const answer = await run(line);
    return isLost && line.includes("batch_create") ? { status: 1, complaint: "its answer is lost\n" } : answer;
  };
  const snapshots = () => cluster.storage.zbs.all().filter(({ isSnapshot }) => isSnapshot).length;
  const calls = () => asked.splice(0).filter((word) => word !== "else");

  const lun = volumeOf(await driver.createVolume({ kind: "lun", name: "lun", sizeBytes })).id;
  const take = (group: number) =>
    driver.snapshotGroup({ groupId: groupId(group), owner, volumeIds: [lun], sequence: group });
  await take(1);
  assert.deepEqual([snapshots(), calls()], [1, ["batch_create"]]);
  isLost = true;
  await assert.rejects(take(2), (error) => VisibleError.is(error, "CLUSTER_TASK_FAILED"));
  isLost = false;
  assert.deepEqual([snapshots(), calls()], [2, ["batch_create"]]);
  await take(2);
  assert.deepEqual([snapshots(), calls()], [2, ["list_by_id"]]);
  await take(3);
  assert.deepEqual([snapshots(), calls()], [3, ["batch_create"]]);

  const mirror = await prepareMirror(driver, sourceObject({ sizeBytes }));
  await sendAll(driver, mirror, { group: 4, bytes: noise(sizeBytes, 4) });
  const before = snapshots();
  calls();
  isLost = true;
  await assert.rejects(publish(driver, 4, mirror), (error) => VisibleError.is(error, "CLUSTER_TASK_FAILED"));
  isLost = false;
  await publish(driver, 4, mirror);
  assert.deepEqual([snapshots(), calls()], [before + 2, ["batch_create", "list_by_id", "list_by_id"]]);
});
