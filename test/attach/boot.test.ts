import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Local } from "../e2e/local.ts";
import { createObjects } from "../e2e/scenario.ts";
import { type AttachedGroup, attach, sha256Of, tool, uriOf } from "./attached.ts";
import { getKernel, makeBootDisk, saidBy } from "./boot-disk.ts";

const cache = fileURLToPath(new URL("../../.cache/machine", import.meta.url));

/** Boots a machine from a disk's address, and lets it come to its end. @returns what it said */
const boot = async (uri: string, serial: string, ...more: readonly string[]): Promise<readonly string[]> => {
  await tool(
    "qemu-system-x86_64",
    ...["-accel", "tcg", "-machine", "q35", "-cpu", "max", "-m", "256", "-display", "none", "-nic", "none"],
    ...["-no-reboot", "-serial", `file:${serial}`, "-drive", `file=${uri},format=raw,if=virtio`, ...more],
  );
  return saidBy(serial);
};

describe("a VM whose restore point is attached", { timeout: 600_000 }, () => {
  let local: Local;
  let groupId: string;
  let sha256: string;
  const file = (name: string) => join(local.dir, name);
  const attached = (...options: readonly string[]): Promise<AttachedGroup> =>
    attach(local, groupId, "--site", "b", "--object", "machine", ...options);

  before(async () => {
    local = await Local.create();
    const { disk } = await makeBootDisk({ folder: file("machine"), kernel: await getKernel(cache), writes: true });
    sha256 = await sha256Of(disk);
    await local.start();
    await createObjects(local, "a", [
      { kind: "vm", name: "machine", memory: "256MiB", disks: [{ size: "96MiB", name: "machine-0" }] },
    ]);
    await local.command("volume", "import", disk, "--object", "machine", "--site", "a");
    await local.createPlan({ name: "nightly", objects: [{ kind: "vm", name: "machine" }] as never });
    const run = await local.ended(await local.runPlan("nightly"));
    assert.equal(run.status, "succeeded", JSON.stringify(run));
    ({ groupId } = run);
  });
  after(() => local.remove());

  test("boots from it under qemu, finds its files and changes one, and the restore point is what it was", async () => {
    const one = await attached("--writable");
    assert.deepEqual(await boot(uriOf(one), file("serial")), ["ok", "has written"]);
    assert.deepEqual(await boot(uriOf(one), file("serial-again")), ["bad", "has written"], "what it wrote is there");
    await local.command("group", "detach", one.runId);
    const again = await attached();
    await tool("nbdcopy", uriOf(again), file("after.img"));
    assert.equal(await sha256Of(file("after.img")), sha256);
    assert.deepEqual(await boot(uriOf(again), file("serial-snapshot"), "-snapshot"), ["ok", "has written"]);
  });
});
