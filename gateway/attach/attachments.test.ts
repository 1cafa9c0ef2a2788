import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { groupIdOf, restoreIdOf } from "../../core/api/ids.ts";
import type { Attached } from "../../core/api/restore/attach.ts";
import { type AttachTask, attachTaskSchema } from "../../core/api/task.ts";
import { manualTime, recordingLog } from "../agent/testing.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { openStorage } from "../storage/open.ts";
import { openSnapshotReader } from "../storage/snapshot-reader.ts";
import { ownerOf, type ServeAttachment, type ServingContext } from "../tasks/context.ts";
import { groupId, identity, instant, planId, runTaskFields } from "../tasks/testing.ts";
import { createServeAttachment } from "./attachments.ts";
import { SocketFolder } from "./sockets.ts";

const noon = instant("2026-03-01T12:00:00.000Z");
let dir: string;
let storage: StorageDriver;
let volumeId: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "att-"));
  storage = await openStorage({ kind: "extentstore", dir: join(dir, "store") });
  const object = await storage.createVolume({ name: "db", kind: "lun", sizeBytes: 2 ** 20 });
  const { id = "" } = object.volumes[0] ?? {};
  volumeId = object.id;
  const owner = { planId, source: runTaskFields.source };
  await storage.snapshotGroup({ groupId, owner, volumeIds: [id], sequence: 1, objects: [object], because: [0] });
});
after(async () => {
  await storage.close();
  await rm(dir, { recursive: true });
});

let attachments = 0;
/** The n-th attachment of the group. */
const taskOf = (more: object = {}): AttachTask => {
  attachments += 1;
  const runId = restoreIdOf(planId, instant(new Date(Date.UTC(2026, 2, 2, 0, 0, attachments)).toISOString()));
  return attachTaskSchema.parse({
    ...runTaskFields,
    ...{ id: `task-${attachments}`, runId, groupId: groupIdOf(runId), step: "attaching", kind: "attach" },
    ...{ fromGroupId: groupId, object: { kind: "lun", id: volumeId }, until: noon, writable: false, ...more },
  });
};

describe("what a gateway serves of groups", () => {
  let time: ReturnType<typeof manualTime>;
  let folder: string;
  let serveOne: ServeAttachment;
  let stopping: AbortController;
  const serving = new Set<Promise<unknown>>();
  beforeEach(() => {
    time = manualTime();
    stopping = new AbortController();
    folder = join(dir, `s${attachments}`);
    serveOne = gateway();
  });
  afterEach(async () => {
    stopping.abort();
    await Promise.allSettled(serving);
  });
  const gateway = (most?: number): ServeAttachment =>
    createServeAttachment({
      sockets: new SocketFolder(folder),
      readers: { open: openSnapshotReader },
      time,
      ...(most !== undefined && { most }),
    });

  /** Begins to serve, and waits until that is told. */
  const begin = async (task: AttachTask, more: Partial<ServingContext> = {}, by = serveOne) => {
    const told = Promise.withResolvers<Attached>();
    const ended = by(task, {
      ...{ storage, identity, now: () => runTaskFields.issuedAt, log: recordingLog() },
      ...{ signal: stopping.signal, onProgress: () => undefined },
      onAttached: async (attached) => told.resolve(attached),
      ...more,
    });
    serving.add(ended);
    ended.catch(told.reject);
    return { ...(await told.promise), ended };
  };
  const names = () => readdir(folder);
  /** Time passes by the second until this has ended, however late it begins to wait. */
  const passUntil = async (ended: Promise<unknown>) => {
    let isOver = false;
    const over = ended.then(
      () => (isOver = true),
      () => (isOver = true),
    );
    while (!isOver) {
      await Promise.race([time.sleeping(), over]);
      if (!isOver) await time.advance(1_000);
    }
  };

  test("ends within a second of a detach that any gateway of the site has heard of, and leaves no socket", async () => {
    const task = taskOf();
    const { ended } = await begin(task);
    assert.equal((await names()).length, 1);
    await storage.abortGroup({ groupId: task.groupId, owner: ownerOf(task) });
    const detachedMs = time.nowMs();
    await passUntil(ended);
    assert.ok(time.nowMs() - detachedMs <= 1_000);
    assert.equal((await ended).phase, "done");
    assert.deepEqual(await names(), []);
  });

  test("ends when its time is over, and is not begun after that, or after its detach", async () => {
    let now = runTaskFields.issuedAt;
    const { ended } = await begin(taskOf(), { now: () => now });
    now = noon;
    await passUntil(ended);
    assert.equal((await ended).phase, "done");
    const late = serveOne(taskOf({ until: runTaskFields.issuedAt }), {
      ...{ storage, identity, now: () => now, log: recordingLog(), signal: new AbortController().signal },
      ...{ onProgress: () => undefined, onAttached: () => assert.fail("it is served") },
    });
    assert.equal((await late).phase, "done");
  });

  test("is what its own store says that the group has, and nothing else", async () => {
    for (const more of [{ object: { kind: "lun", id: "other" } }, { fromGroupId: groupId.replace("01K0", "01K1") }]) {
      await assert.rejects(begin(taskOf(more)), (error) => VisibleError.is(error, "SNAPSHOT_UNKNOWN"));
    }
    await assert.rejects(begin(taskOf({ disk: 1 })), (error) => VisibleError.is(error, "VOLUME_UNKNOWN"));
  });

  test("is so many at once, and one more is refused until one has ended", async () => {
    const two = gateway(2);
    const task = taskOf();
    const first = await begin(task, {}, two);
    await begin(taskOf(), {}, two);
    await assert.rejects(begin(taskOf(), {}, two), (error) => VisibleError.is(error, "ATTACHMENTS_FULL"));
    await storage.abortGroup({ groupId: task.groupId, owner: ownerOf(task) });
    await passUntil(first.ended);
    await first.ended;
    await begin(taskOf(), {}, two);
  });

  test("goes over to another gateway at the same path, and the one that hung lets go", async () => {
    const task = taskOf();
    const hung = await begin(task);
    const other = await begin(task, {}, gateway());
    assert.equal(other.socket, hung.socket);
    await passUntil(hung.ended);
    await assert.rejects(hung.ended, (error) => VisibleError.is(error, "FENCED"));
    const client = connect(other.socket);
    const [greeting] = await once(client, "data");
    assert.match(String(greeting), /^NBDMAGIC/);
    client.destroy();
  });

  test("that has died leaves sockets, which the next start takes away, and nothing of anybody else's", async () => {
    const { socket } = await begin(taskOf());
    // As a process leaves it that is killed: nobody listens at it any more.
    const dead = new SocketFolder(folder);
    const server = createServer();
    const { path } = await dead.listen(server, taskOf().runId);
    await new Promise((resolve) => server.close(resolve));
    assert.ok((await names()).includes(path.slice(folder.length + 1)));
    await writeFile(join(folder, "mine"), "");
    await dead.reap();
    assert.deepEqual((await names()).sort(), ["mine", socket.slice(folder.length + 1)].sort());
  });
});
