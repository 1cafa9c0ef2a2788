import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gatewayIdSchema, instantSchema, siteIdSchema } from "../../core/api/ids.ts";
import { messageText } from "../../core/api/message.ts";
import { objectSpecSchema } from "../../core/api/object-spec.ts";
import type { Report } from "../../core/api/report.ts";
import { createInventoryTeller } from "../../gateway/agent/inventory.ts";
import { recordingLog } from "../../gateway/agent/testing.ts";
import type { StorageDriver } from "../../gateway/storage/driver.ts";
import { openStorage } from "../../gateway/storage/open.ts";
import { disksEach, vmCount, vmName, vmsWithDisks } from "./thousand.ts";

const messageBytesMax = 256 * 1024;

describe("an inventory of 5,000 objects: a thousand VMs and their four volumes each", () => {
  let dir: string;
  let storage: StorageDriver;
  let told: Report[] = [];
  const { signal } = new AbortController();
  const watch = { signal, onMoved: () => undefined };
  const tellerOf = () =>
    createInventoryTeller({
      storage,
      reports: { send: async (report) => void told.push(report) },
      identity: {
        id: gatewayIdSchema.parse("a1"),
        siteId: siteIdSchema.parse("a"),
        endpoint: "127.0.0.1:1",
        tunnel: "direct-tls",
        version: "0.0.0",
        storage: "extentstore",
      },
      now: () => instantSchema.parse(new Date().toISOString()),
      log: recordingLog(),
    });
  const objectsTold = () => told.flatMap((report) => (report.kind === "inventory" ? report.objects : []));

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "smtx-backup-inventory-"));
    storage = await openStorage({ kind: "extentstore", dir });
    const specs = vmsWithDisks().map((document) => objectSpecSchema.parse(document));
    await storage.administration?.createObjects(specs, watch);
  });
  after(async () => {
    await storage.close();
    await rm(dir, { recursive: true });
  });

  test("is told whole, in messages of 256 KB at most, and again only when something is another", async (t) => {
    const teller = tellerOf();
    await teller.tellChanges(watch);
    assert.equal(objectsTold().length, vmCount * (1 + disksEach));
    const bytes = told.map((report) => messageText(report).length);
    assert(Math.max(...bytes) <= messageBytesMax, `${Math.max(...bytes)} bytes`);
    t.diagnostic(`${told.length} messages of ${Math.max(...bytes)} bytes at most`);

    told = [];
    await teller.tellChanges(watch);
    assert.equal(told.length, 0, "it is told again although nothing has changed");

    const vm = (await storage.inventory()).find(({ name }) => name === vmName(7)) ?? assert.fail();
    await storage.administration?.setLabels(vm, { env: "lab" });
    await teller.tellChanges(watch);
    assert.equal(objectsTold().length, vmCount * (1 + disksEach));
    assert(objectsTold().some((object) => object.id === vm.id && JSON.stringify(object).includes('"lab"')));
  });
});
