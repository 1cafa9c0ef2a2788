import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openSmtx } from "../../../gateway/storage/smtx/open.ts";
import { probeCluster } from "../../../gateway/storage/smtx/probe/probe.ts";
import { steadyTime } from "../../../gateway/time/time.ts";
import type { ClusterStandIn } from "../stand-in/stand-in.ts";
import { namesOn, openConfigured } from "./configured.ts";

const contentBytes = 2 ** 18;
const changes = [
  ...["create-iscsi-target", "create-iscsi-lun", "create-iscsi-lun-snapshot", "clone-iscsi-lun-from-snapshot"],
  ...["create-vm-volume", "create-vm-volume-snapshot", "create-consistency-group", "create-consistency-snapshot-group"],
  ...["rollback-iscsi-lun-from-snapshot", "delete-consistency-snapshot-group", "delete-consistency-group"],
  ...["delete-vm-volume-snapshot", "delete-vm-volume", "delete-iscsi-lun", "delete-iscsi-target"],
];

/** Does something when the cluster does its nth change from now on; that is not answered. */
const atChange = ({ tower }: ClusterStandIn, nth: number, then: () => void): void => {
  let count = 0;
  tower.faults.clear();
  for (const operation of changes) {
    const isMeant = () => {
      count += 1;
      if (count !== nth) return false;
      then();
      return true;
    };
    tower.faults.add(operation, { kind: "lost-answer", isDone: true }, { isMeant });
  }
};

describe("what a probe makes", () => {
  test("is removed when somebody ends it with Ctrl-C, at whatever change of the cluster", async (context) => {
    const { standIn, config, close } = await openConfigured({ hasShell: false });
    context.after(close);
    await probeCluster(config, { contentBytes });
    for (let nth = 1, isOver = false; !isOver; nth += 2) {
      const asked = new AbortController();
      const reason = new Error("stopped by SIGINT");
      atChange(standIn, nth, () => asked.abort(reason));
      const outcome = await probeCluster(config, { contentBytes, signal: asked.signal }).catch(
        (error: unknown) => error,
      );
      // Whatever was asked for last may be done a moment later.
      await standIn.settled();
      if (asked.signal.aborted) assert.ok(outcome === reason || !(outcome instanceof Error), String(outcome));
      isOver = !asked.signal.aborted;
      const left = namesOn(standIn);
      assert.deepEqual(left, [], `at change ${nth}`);
    }
    assert.deepEqual(standIn.tower.breaches, []);
  });

  test("is removed by the next probe, or by a driver that tends the cluster, when CloudTower was gone in the middle", async (context) => {
    const { standIn, config, close } = await openConfigured({ hasShell: false });
    context.after(close);
    const die = async (nth: number): Promise<void> => {
      atChange(standIn, nth, () => void standIn.tower.stop());
      const report = await probeCluster(config, { contentBytes }).catch(() => undefined);
      assert.notDeepEqual(report?.left, []);
      assert.notDeepEqual(namesOn(standIn), []);
      standIn.tower.faults.clear();
      await standIn.tower.resume();
    };
    await die(3);
    assert.deepEqual((await probeCluster(config, { contentBytes })).left, []);
    assert.deepEqual(namesOn(standIn), []);
    await die(9);
    const driver = await openSmtx(config);
    await driver.tend({ time: steadyTime });
    await driver.close();
    assert.deepEqual(namesOn(standIn), []);
  });

  test("is removed by the next probe when its process was killed", async (context) => {
    const { standIn, config, close } = await openConfigured({ hasShell: false });
    context.after(close);
    const child = fork(fileURLToPath(new URL("probing.ts", import.meta.url)), [JSON.stringify(config)]);
    atChange(standIn, 8, () => child.kill("SIGKILL"));
    const [, signal] = await once(child, "exit");
    assert.equal(signal, "SIGKILL");
    standIn.tower.faults.clear();
    assert.notDeepEqual(namesOn(standIn), []);
    // The dead one's lease of the records runs out half a minute later.
    await probeCluster(config, { contentBytes });
    assert.deepEqual(namesOn(standIn), []);
  });

  test("is none of the customers': theirs is as it was", async (context) => {
    const { standIn, config, close } = await openConfigured({ hasShell: false });
    context.after(close);
    const { customer } = standIn;
    const made = [
      await customer.createVolume({ name: "smtx-backups", kind: "lun", sizeBytes: 2 ** 20 }),
      await customer.createVolume({ name: "database", kind: "volume", sizeBytes: 2 ** 20 }),
    ];
    const content = randomBytes(2 ** 20);
    for (const { id } of made) {
      const volume = customer.openVolume(id);
      await volume.write(0, content);
      await volume.close();
    }
    const before = namesOn(standIn);
    await probeCluster(config, { contentBytes });
    assert.deepEqual(namesOn(standIn), before);
    for (const { id } of made) {
      const [volume, into] = [customer.openVolume(id), new Uint8Array(content.length)];
      await volume.read(0, into);
      await volume.close();
      assert.deepEqual(Buffer.compare(into, content), 0);
    }
  });
});
