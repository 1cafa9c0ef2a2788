import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import { findLunSnapshotsByVolume } from "../../../gateway/storage/smtx/cloud-tower/nouns/lun-snapshots.ts";
import { createAskTokens } from "../../../gateway/storage/smtx/ssh/extent-table.ts";
import { openSsh } from "../../../gateway/storage/smtx/ssh/open.ts";
import type { SshRunner } from "../../../gateway/storage/smtx/ssh/runner.ts";
import {
  cloneToLun,
  deleteSnapshot,
  snapshotsOf,
  snapshotTogether,
} from "../../../gateway/storage/smtx/ssh/snapshots.ts";
import { steadyTime } from "../../../gateway/time/time.ts";
import { freePort } from "../../free-port.ts";
import { openedTower } from "./opened.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** A cluster with a node's sshd, and a runner of ours. */
const withNode = async (t: TestContext) => {
  const opened = await openedTower(t);
  const { standIn } = opened;
  const sshd = await standIn.ssh();
  const node = `${sshd.host}:${sshd.port}`;
  const { user, keyFile, knownHostsFile } = sshd;
  const runners: SshRunner[] = [];
  const runner = async (hosts: readonly string[] = [node]): Promise<SshRunner> => {
    const ssh = await openSsh({ hosts: [...hosts], user, keyFile, knownHostsFile }, steadyTime);
    runners.push(ssh);
    return ssh;
  };
  t.after(async () => {
    for (const ssh of runners) await ssh.close();
  });
  const volumeOf = async (name: string, sizeBytes = MiB) => {
    const { id } = await standIn.customer.createVolume({ name, kind: "lun", sizeBytes });
    const zbsVolumeId = standIn.customer.zbsVolume(id).id;
    const volume = standIn.customer.openVolume(id);
    t.after(() => volume.close());
    return { id, zbsVolumeId, write: (at: number) => volume.write(at, new Uint8Array([1])) };
  };
  return { ...opened, sshd, node, runner, volumeOf };
};

const refusalOf = async (work: Promise<unknown>): Promise<VisibleError> => {
  const error = await work.then(
    () => assert.fail("it succeeded"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof VisibleError, String(error));
  return error;
};

test("one write between two snapshots changes one token, and what was never written is a hole", async (t) => {
  const { runner, volumeOf } = await withNode(t);
  const ssh = await runner();
  const tokens = createAskTokens(ssh);
  const volume = await volumeOf("disk");
  await volume.write(0);
  const take = async (name: string) => {
    const taken = await snapshotTogether(ssh, [{ zbsVolumeId: volume.zbsVolumeId, name }]);
    return tokens(taken.get(name) ?? "", 4);
  };
  const before = await take("before");
  assert.deepEqual(
    before.map((token) => token === null),
    [false, true, true, true],
  );
  assert.deepEqual(await take("same"), before);
  await volume.write(300 * KiB);
  const after = await take("after");
  assert.deepEqual(
    after.map((token, index) => token === before[index]),
    [true, false, true, true],
  );
  assert.match((await refusalOf(tokens(volume.zbsVolumeId, 5))).message, /has 4 rows, and 5 are expected/);
});

test("several volumes are snapshotted together, cloned to a LUN, and their snapshots deleted", async (t) => {
  const { tower, standIn, clusterId, runner, volumeOf } = await withNode(t);
  const ssh = await runner();
  const volumes = [await volumeOf("left"), await volumeOf("right")];
  const wanted = volumes.map(({ zbsVolumeId }, index) => ({ zbsVolumeId, name: `it's ${index}; $HOME` }));
  const taken = await snapshotTogether(ssh, wanted);
  const ids = wanted.map(({ name }) => taken.get(name) ?? "");
  for (const [index, { zbsVolumeId, name }] of wanted.entries()) {
    assert.deepEqual([...(await snapshotsOf(ssh, zbsVolumeId))], [[name, ids[index]]]);
  }
  const known = await findLunSnapshotsByVolume(tower, { clusterId, zbsVolumeIds: ids });
  assert.deepEqual(new Set(known.map(({ lun }) => lun?.id)), new Set(volumes.map(({ id }) => id)));
  const target = await standIn.customer.target("ours");
  const clone = { snapshotId: ids[0] ?? "", target: target.name, lunId: 300, name: "clone" };
  assert.ok(standIn.customer.zbsVolume((await cloneToLun(ssh, clone)).zbsVolumeId));
  for (const id of ids) {
    await deleteSnapshot(ssh, id);
    await deleteSnapshot(ssh, id);
  }
  assert.equal((await snapshotsOf(ssh, volumes[0]?.zbsVolumeId ?? "")).size, 0);
});

test("a node whose host key is another one is refused with the reason, and no other is asked", async (t) => {
  const { sshd, node, runner } = await withNode(t);
  const before = await runner();
  await before.run({ words: ["zbs-meta", "volume", "show_by_id", "x"] }).catch(() => undefined);
  await sshd.changeHostKey();
  const { code, message, hint } = await refusalOf((await runner([node, node])).run({ words: ["true"] }));
  assert.equal(code, "CLUSTER_REFUSED");
  assert.match(message, /The host key of .* is another one than the one that is pinned/);
  assert.match(hint ?? "", /knownHostsFile/);
});

test("a node that does not take our key is refused with the reason", async (t) => {
  const { sshd, node } = await withNode(t);
  const { knownHostsFile, user } = sshd;
  // The public half is no key that can be used.
  const ssh = await openSsh({ hosts: [node], user, keyFile: `${sshd.keyFile}.pub`, knownHostsFile }, steadyTime);
  t.after(() => ssh.close());
  const { code, message } = await refusalOf(ssh.run({ words: ["true"] }));
  assert.equal(code, "CLUSTER_REFUSED");
  assert.match(message, /does not let this gateway in by SSH/);
});

test("where one node is down the next does it, and a node that comes back is used again", async (t) => {
  const { sshd, node, runner, volumeOf } = await withNode(t);
  const { zbsVolumeId } = await volumeOf("disk");
  const nobody = `127.0.0.1:${await freePort()}`;
  const tokens = createAskTokens(await runner([nobody, node]));
  assert.equal((await tokens(zbsVolumeId, 4)).length, 4);
  await sshd.stop();
  assert.equal((await refusalOf(tokens(zbsVolumeId, 4))).code, "CLUSTER_UNREACHABLE");
  await sshd.resume();
  assert.equal((await tokens(zbsVolumeId, 4)).length, 4);
});

test("what a node does not let us do is told in its own words", async (t) => {
  const { runner } = await withNode(t);
  const { code, message } = await refusalOf((await runner()).run({ words: ["rm", "-rf", "/"] }));
  assert.equal(code, "CLUSTER_TASK_FAILED");
  assert.match(message, /“rm -rf \/” failed on .*: rm -rf \/: no such command, or it is not allowed/);
});

test("many commands at once go over one connection, which is gone when the runner is closed", async (t) => {
  const { runner, volumeOf } = await withNode(t);
  const { zbsVolumeId } = await volumeOf("disk", 64 * MiB);
  const folder = await mkdtemp(join(tmpdir(), "one-"));
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = folder;
  const ssh = await runner();
  if (before === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = before;
  const tokens = createAskTokens(ssh);
  await tokens(zbsVolumeId, 256);
  const masters = await mastersIn(folder);
  assert.equal(masters.length, 1);
  const tables = await Promise.all(Array.from({ length: 12 }, () => tokens(zbsVolumeId, 256)));
  assert.ok(tables.every((table) => table.length === 256));
  assert.deepEqual(await mastersIn(folder), masters);
  await ssh.close();
  assert.deepEqual(await readdir(folder), []);
  // It was told to end, and may take a moment.
  while ((await mastersIn(folder)).length > 0);
  await rm(folder, { recursive: true });
});

/** Processes that keep a connection whose socket lies in a folder. */
const mastersIn = async (folder: string): Promise<readonly string[]> => {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const titles = await Promise.all(
    pids.map(async (pid) => ({ pid, title: await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "") })),
  );
  return titles.filter(({ title }) => title.startsWith(`ssh: ${folder}/`)).map(({ pid }) => pid);
};
