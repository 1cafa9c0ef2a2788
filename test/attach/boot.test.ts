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
const boot = async (uri: string, serial: string): Promise<readonly string[]> => {
  await tool(
    "qemu-system-x86_64",
    ...["-accel", "tcg", "-machine", "q35", "-cpu", "max", "-m", "256", "-display", "none", "-nic", "none"],
    ...["-no-reboot", "-serial", `file:${serial}`, "-drive", `file=${uri},format=raw,if=virtio`],
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

  const sha256In = async (attachedGroup: AttachedGroup): Promise<string> => {
    await tool("nbdcopy", uriOf(attachedGroup), file("copy.img"));
    return sha256Of(file("copy.img"));
  };

  before(async () => {
    local = await Local.create();
    const { disk } = await makeBootDisk({ folder: file("machine"), kernel: await getKernel(cache), writes: true });
    sha256 = await sha256Of(disk);
    await local.start();
    await createObjects(local, "a", [
      { kind: "vm", name: "machine", memory: "256MiB", disks: [{ size: "96MiB", name: "machine-0" }] },
    ]);
    await local.command("volume", "import", disk, "--object", "machine", "--disk", "0", "--site", "a");
    await local.createPlan({ name: "nightly", objects: [{ kind: "vm", name: "machine" }] as never });
    const run = await local.ended(await local.runPlan("nightly"));
    assert.equal(run.status, "succeeded", JSON.stringify(run));
    ({ groupId } = run);
  });
  after(() => local.remove());

  test("boots from it under qemu, finds its files and changes one, and the restore point is what it was", async () => {
    const one = await attached("--writable");
    assert.deepEqual(await boot(uriOf(one), file("serial")), ["ok", "has written"]);
    assert.notEqual(await sha256In(one), sha256, "what it wrote is nowhere");
    await local.command("group", "detach", one.runId);
    assert.equal(await sha256In(await attached()), sha256);
  });
});
