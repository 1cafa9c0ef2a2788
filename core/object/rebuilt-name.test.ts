import assert from "node:assert/strict";
import { test } from "node:test";
import { objectConfigSchema } from "../api/object.ts";
import { rebuiltName, rebuiltNames } from "./rebuilt-name.ts";

test("what is rebuilt has the prefix before its name", () => {
  for (const kind of ["lun", "volume", "vm"] as const) {
    assert.equal(rebuiltName({ kind, name: "db/1" }, "restored-"), "restored-db/1");
  }
});

test("a file that is rebuilt stays in its directory", () => {
  const nameOf = (name: string) => rebuiltName({ kind: "nfs-file", name }, "restored-");
  assert.equal(nameOf("/exports/e1/vm/web.vmdk"), "/exports/e1/vm/restored-web.vmdk");
  assert.equal(nameOf("/exports/e1/a"), "/exports/e1/restored-a");
});

test("a VM's disks have what the VM has before its name, and the VM's name where it is called otherwise", () => {
  const geometry = { extentBytes: 2 ** 28, stripeCount: 1, stripeBytes: 2 ** 28 };
  const web = objectConfigSchema.parse({
    ...{ kind: "vm", id: "vm-1", name: "web", volumes: [{ id: "volume-1", sizeBytes: 1, geometry }] },
    vm: {
      ...{ vcpu: 1, cpu: { cores: 1, sockets: 1 }, memory: 2 ** 30, firmware: "BIOS", ha: true, status: "RUNNING" },
      disks: [{ volumeId: "volume-1", name: "data/1", bus: "VIRTIO", index: 0, boot: 1 }],
      nics: [],
    },
  });
  assert.deepEqual(rebuiltNames(web, "restored-web"), ["restored-web", "restored-data/1"]);
  assert.deepEqual(rebuiltNames(web, "web"), ["web", "data/1"]);
  assert.deepEqual(rebuiltNames(web, "shop"), ["shop", "shop-data/1"]);
});
