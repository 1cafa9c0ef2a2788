import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SQLInputValue } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import { type ObjectConfig, objectConfigSchema } from "../../../../core/api/object.ts";
import { type ObjectSpec, objectSpecSchema } from "../../../../core/api/object-spec.ts";
import { Database } from "../database/database.ts";
import { ExtentStore } from "../extentstore.ts";
import { findObjects, listObjects } from "./objects.ts";

const vmCount = 1000;
const fileCount = 1000;
const geometry = { extentBytes: 65_536, stripeCount: 1, stripeBytes: 65_536 };
const disk = { size: "64KiB", geometry };

/** 5,000 objects: VMs with three disks of their own, a CD-ROM and a shared volume, and files. */
const specs = (): ObjectSpec[] =>
  [
    { kind: "switch", name: "prod" },
    { kind: "volume", name: "quorum", ...disk, sharing: true },
    { kind: "nfs-export", name: "e1", description: "images" },
    ...Array.from({ length: fileCount - 1 }, (_, n) => ({
      kind: "nfs-file",
      name: `/exports/e1/d${n % 7}/${n}`,
      ...disk,
    })),
    ...Array.from({ length: vmCount }, (_, n) => ({
      kind: "vm",
      name: `web-${n}`,
      memory: "1GiB",
      disks: [disk, disk, disk, { cdRom: "tools.iso" }, { volume: "quorum" }],
      nics: [{ switch: "prod" }, {}],
    })),
  ].map((spec) => objectSpecSchema.parse(spec));

/** What a connection is asked. */
class ListeningDatabase extends Database {
  readonly asked: string[] = [];

  override one<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined {
    this.asked.push(sql);
    return super.one<Row>(sql, ...values);
  }

  override all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    this.asked.push(sql);
    return super.all<Row>(sql, ...values);
  }
}

describe("a cluster of 5,000 objects", () => {
  let dir: string;
  let store: ExtentStore;
  let database: ListeningDatabase;
  let objects: readonly ObjectConfig[];
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "objects-"));
    store = await ExtentStore.open(dir);
    await store.administration.createObjects(specs());
    database = new ListeningDatabase(join(dir, "store.sqlite"));
    objects = await store.inventory();
  });
  after(async () => {
    database.close();
    await store.close();
    await rm(dir, { recursive: true });
  });

  test("lists them all with a fixed number of statements, each as the schema has it", () => {
    assert.equal(objects.length, vmCount * 4 + fileCount);
    database.asked.length = 0;
    assert.deepEqual(listObjects(database), objects);
    assert.ok(database.asked.length <= 10, `${database.asked.length} statements`);
    for (const object of objects) assert.deepEqual(objectConfigSchema.parse(object), object);
  });

  test("finds one of each kind by its id, and by nothing but indexes", () => {
    for (const kind of ["volume", "nfs-file", "vm"] as const) {
      const object = objects.findLast((candidate) => candidate.kind === kind);
      assert.ok(object);
      database.asked.length = 0;
      assert.deepEqual(findObjects(database, [{ kind, id: object.id }]), [object]);
      const asked = [...database.asked];
      assert.ok(asked.length > 0 && asked.length <= 5, `${kind}: ${asked.length} statements`);
      for (const sql of asked) assert.deepEqual(scansOf(sql), [], sql);
    }
  });

  test("finds what is asked for in that order, and leaves out what is not there, or of another kind", () => {
    const [first, second] = objects.filter(({ kind }) => kind === "nfs-file");
    assert.ok(first && second);
    const found = findObjects(database, [
      { kind: "nfs-file", id: second.id },
      { kind: "vm", id: "vm-0000000000000000" },
      { kind: "lun", id: first.id.replace("file", "lun") },
      { kind: "volume", id: first.id },
      { kind: "lun", id: "anything" },
      { kind: "nfs-file", id: first.id },
    ]);
    assert.deepEqual(found, [second, first]);
  });

  test("gives a VM its own disks with their places, and says what is left out and why", () => {
    const vm = objects.find(({ name }) => name === "web-7");
    assert.ok(vm?.kind === "vm");
    assert.deepEqual(
      vm.vm.disks.map(({ name, index, boot }) => ({ name, index, boot })),
      [
        { name: "web-7-0", index: 0, boot: 1 },
        { name: "web-7-1", index: 1, boot: 0 },
        { name: "web-7-2", index: 2, boot: 0 },
      ],
    );
    assert.deepEqual(vm.leftOut, [
      { what: "CD-ROM tools.iso", reason: "it is no data of the VM's" },
      { what: "shared volume quorum", reason: "several VMs may use it at once" },
    ]);
    const disks = objects.filter(({ volumes: [volume] }) => vm.volumes.some(({ id }) => id === volume?.id));
    assert.deepEqual(
      disks.filter(({ kind }) => kind === "volume").map((one) => one.kind === "volume" && one.vms),
      [["web-7"], ["web-7"], ["web-7"]],
    );
  });

  test("names a hundred of the VMs that have a shared volume", () => {
    const [quorum] = objects;
    assert.ok(quorum?.kind === "volume" && quorum.sharing);
    assert.equal(quorum.vms?.length, 100);
  });

  /** Tables that a statement goes through from one end to the other. */
  const scansOf = (sql: string): string[] => {
    const values = Array.from({ length: sql.split("?").length - 1 }, () => "x");
    return database
      .all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, ...values)
      .map(({ detail }) => detail)
      .filter((detail) => /^SCAN /.test(detail));
  };
});
