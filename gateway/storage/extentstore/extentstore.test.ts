import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { tighten } from "../../files/private.ts";
import { storageConformance } from "../conformance.ts";
import { openStorage } from "../open.ts";
import { storeTraits } from "./testing/traits.ts";

const open = async () => {
  const dir = await mkdtemp(join(tmpdir(), "extentstore-"));
  const driver = await openStorage({ kind: "extentstore", dir });
  let current = driver;
  return {
    driver,
    reopen: async () => {
      await current.close();
      current = await openStorage({ kind: "extentstore", dir });
      return current;
    },
    close: async () => {
      await current.close();
      await rm(dir, { recursive: true });
    },
  };
};

storageConformance("extentstore", open, storeTraits);

test("a new store is its user's alone, also in a process that lets others in", async (t) => {
  const umask = process.umask(0);
  t.after(() => process.umask(umask));
  const dir = await mkdtemp(join(tmpdir(), "extentstore-"));
  t.after(() => rm(dir, { recursive: true }));
  const store = await openStorage({ kind: "extentstore", dir: join(dir, "store") });
  t.after(() => store.close());
  const extent = { extentBytes: 1024 * 1024, stripeCount: 1, stripeBytes: 1024 * 1024 };
  const { volumes } = await store.createVolume({ ...{ name: "disk", kind: "volume" }, sizeBytes: 1, geometry: extent });
  const volume = await store.openVolume(volumes[0]?.id ?? "", "write");
  await volume.write(0, new Uint8Array(1));
  await volume.close();
  assert.equal(await tighten(join(dir, "store")), 0);
});
