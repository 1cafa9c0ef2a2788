import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, afterEach, before, describe, test } from "node:test";
import type { SiteId } from "../core/api/ids.ts";
import type { ObjectConfig } from "../core/api/object.ts";
import type { Report } from "../core/api/report.ts";
import { until } from "../test/patience.ts";
import { recordingLog } from "./agent/testing.ts";
import type { GatewayConfig } from "./config/config.ts";
import { runGateway } from "./main.ts";
import { openStorage } from "./storage/open.ts";
import { openSnapshotReader } from "./storage/snapshot-reader.ts";
import { groupId, planId, siteA, siteB } from "./tasks/testing.ts";
import { openWorld } from "./testing-gateways.ts";

const extentBytes = 1024 * 1024;
const geometry = { extentBytes, stripeCount: 1, stripeBytes: extentBytes };
/** A site's gateway, as it tells of itself. */
const aliveAt = (siteId: SiteId) => (report: Report) =>
  report.kind === "alive" && report.gateway.siteId === siteId ? report.gateway : undefined;

describe("a gateway", () => {
  let world: Awaited<ReturnType<typeof openWorld>>;
  let stops: (() => Promise<void>)[] = [];
  before(async () => {
    world = await openWorld([siteA, siteB]);
  });
  afterEach(async () => {
    await Promise.all(stops.map((stop) => stop()));
    stops = [];
  });
  after(() => world.close());

  const run = (config: GatewayConfig) => {
    const abort = new AbortController();
    const log = recordingLog();
    const ended = runGateway(config, { signal: abort.signal, log });
    const stop = async () => {
      abort.abort();
      await ended;
    };
    stops.push(stop);
    return { log, stop };
  };

  /** A volume of site `a` with some data in its first and third extent. */
  const createVolume = async (config: GatewayConfig, data: Uint8Array): Promise<ObjectConfig> => {
    const storage = await openStorage(config.storage);
    const options = { name: "disk", kind: "volume", sizeBytes: 4 * extentBytes, geometry } as const;
    const object = await storage.createVolume(options);
    const volume = await storage.openVolume(object.id, "write");
    await volume.write(0, data);
    await volume.write(2 * extentBytes, data);
    await volume.flush();
    await volume.close();
    await storage.close();
    return object;
  };

  const publishedData = async (config: GatewayConfig, bytes: number): Promise<Uint8Array> => {
    const storage = await openStorage(config.storage);
    const group = await storage.findGroup(groupId);
    const reader = await openSnapshotReader(storage, group?.snapshots[0]?.snapshotId ?? "");
    const data = new Uint8Array(bytes);
    await reader.read(2 * extentBytes, data);
    await reader.close();
    await storage.close();
    return data;
  };

  test("with another one copies an object from site to site, told by nothing but tasks on the queues", async () => {
    const [a, b] = [await world.configOf(siteA), await world.configOf(siteB)];
    const data = randomBytes(100_000);
    const object = await createVolume(a, data);
    const [gatewayA, gatewayB] = [run(a), run(b)];
    const { endpoint } = await world.reportOf(aliveAt(siteB));
    const { kind, id, name } = object;

    const snapshot = await world.perform("snapshot", { step: "snapshotting", objects: [{ kind, id, name }] });
    const prepared = await world.perform("prepare", { step: "preparing", siteId: siteB, object });
    const transfer = await world.perform("transfer", {
      step: "transferring",
      volumes: prepared.volumes.map(({ mirrorVolumeId }, index) => ({
        snapshotId: snapshot.objects[0]?.snapshotIds[index],
        baseSnapshotId: null,
        mirrorVolumeId,
      })),
      baseGroupId: null,
      compression: { enabled: true, level: 1, dictionary: true },
      endpoints: [endpoint],
    });
    assert.deepEqual(
      [transfer.progress.phase, transfer.progress.extentsDone, transfer.progress.extentsHole],
      ["done", 4, 2],
    );
    const manifest = {
      planId,
      planName: "daily",
      source: siteA,
      groupId,
      sequence: 1,
      takenAt: snapshot.takenAt,
      objects: [object],
    };
    const mirrors = [{ index: 0, volumes: prepared.volumes }];
    await world.perform("publish", { step: "publishing", siteId: siteB, mirrors, manifest });

    await Promise.all([gatewayA.stop(), gatewayB.stop()]);
    assert.deepEqual(Buffer.from(await publishedData(b, data.length)), data);
    for (const { log } of [gatewayA, gatewayB]) {
      assert.deepEqual(
        log.lines.filter(({ level }) => level !== "info" && level !== "debug"),
        [],
      );
    }
  });

  test("gives back what is dead in its storage while nobody writes", async () => {
    const config = await world.configOf(siteA);
    const storage = { ...config.storage, dir: join(world.dir, "wasteful") };
    const object = await createVolume({ ...config, storage }, randomBytes(extentBytes));
    const driver = await openStorage(storage);
    const volume = await driver.openVolume(object.volumes[0]?.id ?? "", "write");
    await volume.write(0, randomBytes(extentBytes / 2));
    await volume.close();
    await driver.close();
    const usedBytes = async () => {
      const data = join(storage.dir, "data");
      // A file may go while it is looked at; then it is looked again.
      const sizeOf = (name: string) =>
        stat(join(data, name)).then(
          ({ size }) => size,
          () => Number.POSITIVE_INFINITY,
        );
      return (await Promise.all((await readdir(data)).map(sizeOf))).reduce((sum, size) => sum + size, 0);
    };
    assert.equal(await usedBytes(), 2.5 * extentBytes);
    run({ ...config, storage });
    await world.reportOf(aliveAt(siteA));
    await until("what is dead to be given back", async () => (await usedBytes()) <= 2 * extentBytes);
    assert.equal(await usedBytes(), 2 * extentBytes);
  });

  test("says that it is ready and where, and that it has stopped", async () => {
    const { log, stop } = run(await world.configOf(siteA));
    const gateway = await world.reportOf(aliveAt(siteA));
    assert.equal(gateway.id, "a1");
    assert.equal(gateway.storage, "extentstore");
    assert.equal(log.lines.find(({ message }) => message === "ready")?.fields["endpoint"], gateway.endpoint);
    await stop();
    assert.equal(log.lines.at(-1)?.message, "stopped");
  });

  test("with the certificate of another gateway does not start", async () => {
    const config = await world.configOf(siteA, "a2");
    const running = runGateway(config, { signal: new AbortController().signal, log: recordingLog() });
    await assert.rejects(running, { code: "PEER_REFUSED", message: /gateway\/a2.*gateway\/a1/ });
  });

  test("whose key is not there does not start, and says which file it is", async () => {
    const config = await world.configOf(siteA);
    const broken = { ...config, tls: { ...config.tls, key: join(world.dir, "none.pem") } };
    const running = runGateway(broken, { signal: new AbortController().signal, log: recordingLog() });
    await assert.rejects(running, { code: "BAD_REQUEST", message: /tls\.key.*none\.pem/ });
  });

  test("that is told to stop while it starts does so, and starts nothing", async () => {
    const log = recordingLog();
    const stop = new AbortController();
    const running = runGateway(await world.configOf(siteA), { signal: stop.signal, log });
    stop.abort();
    await running;
    assert.deepEqual(
      log.lines.map(({ message }) => message),
      ["stopped before it had started"],
    );
  });

  test("whose port is taken does not start, and closes what it had opened", async () => {
    run(await world.configOf(siteB));
    const { endpoint } = await world.reportOf(aliveAt(siteB));
    const config = await world.configOf(siteA);
    const taken = { ...config, listen: { host: "127.0.0.1", port: Number(endpoint.split(":")[1]) } };
    const running = runGateway(taken, { signal: new AbortController().signal, log: recordingLog() });
    await assert.rejects(running, { code: "CONFLICT" });
  });

  test("ends by itself when the process that started it is gone, and writes nothing but log lines", async () => {
    const config = await world.configOf(siteA);
    const script = join(world.dir, "run.ts");
    const main = JSON.stringify(new URL("./main.ts", import.meta.url).href);
    await writeFile(
      script,
      `import { runGateway } from ${main};
       const signal = new AbortController().signal;
       await runGateway(${JSON.stringify(config)}, { signal, stopWithParent: true });`,
    );
    const child = spawn(process.execPath, [script], { stdio: ["pipe", "pipe", "inherit"] });
    stops.push(async () => void child.kill("SIGKILL"));
    const messages: string[] = [];
    const exited = once(child, "exit");
    for await (const line of createInterface(child.stdout)) {
      const { msg, siteId } = JSON.parse(line);
      assert.equal(siteId, siteA);
      messages.push(msg);
      if (msg === "ready") child.stdin.end();
    }
    assert.deepEqual(await exited, [0, null]);
    assert.equal(messages.at(-1), "stopped");
  });
});
