import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { VisibleError } from "../../../../core/api/errors.ts";
import { facilitiesSchema } from "../../../../core/api/facilities.ts";
import type { ObjectConfig } from "../../../../core/api/object.ts";
import { type ObjectSpec, objectSpecSchema } from "../../../../core/api/object-spec.ts";
import { owner, rejects, write } from "../../conformance/fixtures.ts";
import { clusterTest, geometry, small, type TestCluster, withCluster } from "./testing.ts";

const vm = { kind: "vm", name: "web", memory: "2GiB" };

describe("documents", () => {
  clusterTest("make objects of all kinds, in their order, with defaults for what they don't say", async (cluster) => {
    const made = await cluster.create(
      { kind: "pool", name: "fast", capacity: "1GiB" },
      { kind: "switch", name: "prod", vlans: [{ name: "web", vlanId: 100 }] },
      { kind: "volume", name: "notes", size: "1MiB", labels: { env: "prod", tier: 1 } },
      { kind: "lun", name: "mail", ...small, target: "t1", lunId: 7, settings: { description: "mail" }, pool: "fast" },
      { kind: "lun", name: "news", ...small },
      { kind: "nfs-export", name: "e1", ipWhitelist: "*", pool: "fast" },
      { kind: "nfs-file", name: "/exports/e1/vm/web.vmdk", ...small },
      {
        ...vm,
        cpu: { cores: 2, sockets: 2 },
        disks: [{ ...small, pool: "fast" }, { cdRom: "tools.iso" }, { volume: "notes", bus: "SCSI" }],
        nics: [{ switch: "prod", vlan: "web", macAddress: "52:54:00:12:34:56" }, {}],
      },
    );
    assert.deepEqual(
      made.map(({ kind, name }) => `${kind} ${name}`),
      ["volume notes", "lun mail", "lun news", "nfs-file /exports/e1/vm/web.vmdk", "vm web"],
    );
    const [notes, mail, news, file, web] = made;
    assert.deepEqual(notes?.labels, { env: "prod", tier: "1" });
    assert.equal(notes?.volumes[0]?.geometry.stripeCount, 1);
    const settings = { description: "mail" };
    assert.deepEqual(mail?.kind === "lun" && mail.lun, { target: "t1", lunId: 7, settings });
    assert.deepEqual(news?.kind === "lun" && news.lun, { target: "default", lunId: 0 });
    assert.deepEqual(file?.kind === "nfs-file" && file.file, {
      ...{ export: "e1", path: "vm/web.vmdk" },
      settings: { ipWhitelist: "*" },
    });
    assert.ok(web?.kind === "vm");
    const { disks, nics, ...resources } = web.vm;
    assert.deepEqual(resources, {
      ...{ vcpu: 4, cpu: { cores: 2, sockets: 2 }, memory: 2 * 2 ** 30 },
      ...{ firmware: "BIOS", ha: true, status: "STOPPED" },
    });
    assert.deepEqual(
      disks.map(({ name, bus, index, boot }) => [name, bus, index, boot]),
      [
        ["web-0", "VIRTIO", 0, 1],
        ["notes", "SCSI", 2, 0],
      ],
    );
    const [first, second] = nics;
    assert.deepEqual([first?.virtualSwitch, first?.vlan, first?.order], ["prod", { name: "web", vlanId: 100 }, 0]);
    assert.deepEqual([second?.virtualSwitch, second?.vlan, second?.order], [null, { vlanId: 0 }, 1]);
    assert.match(second?.macAddress ?? "", /^52:54:00(:[0-9a-f]{2}){3}$/);
    const { pools, switches, kinds } = await cluster.store.facilities();
    assert.deepEqual(pools, [
      { name: "default", usedBytes: 2 ** 20 + 65_536 },
      { name: "fast", capacityBytes: 2 ** 30, usedBytes: 3 * 65_536 },
    ]);
    assert.deepEqual(switches, [{ name: "prod", vlans: [{ name: "web", vlanId: 100 }] }]);
    assert.deepEqual([...kinds].sort(), ["lun", "nfs-file", "vm", "volume"]);
  });

  clusterTest("make all of it or nothing", async (cluster) => {
    const facilities = await cluster.store.facilities();
    const documents = [
      { kind: "switch", name: "prod" },
      { kind: "volume", name: "notes", ...small },
      { ...vm, disks: [small] },
    ];
    await rejects(cluster.create(...documents, { kind: "volume", name: "web-0", ...small }), "OBJECT_NAME_TAKEN");
    assert.deepEqual(await cluster.store.inventory(), []);
    assert.deepEqual(await cluster.store.facilities(), facilities);
    assert.equal((await cluster.create(...documents)).length, 2);
  });

  clusterTest("change pools, switches and exports that are there, and leave what they have", async (cluster) => {
    await cluster.create(
      { kind: "pool", name: "p", capacity: "128KiB" },
      { kind: "nfs-export", name: "e1", pool: "p" },
    );
    await cluster.create({ kind: "nfs-file", name: "/exports/e1/a", ...small });
    await cluster.create(
      { kind: "pool", name: "p", capacity: "1MiB" },
      { kind: "nfs-export", name: "e1", description: "more" },
    );
    const file = await cluster.object("nfs-file", "/exports/e1/a");
    assert.deepEqual(file.file.settings, { description: "more" });
    const pool = (await cluster.store.facilities()).pools.find(({ name }) => name === "p");
    assert.deepEqual(pool, { name: "p", capacityBytes: 2 ** 20, usedBytes: 65_536 });
    await rejects(cluster.create({ kind: "pool", name: "p", capacity: "1KiB" }), "POOL_FULL");
    await assert.rejects(cluster.create({ kind: "volume", name: "large", size: "1300MiB", pool: "p" }), {
      message: /“p” takes 1 MiB, and for “large” 1\.3 GiB are missing\./,
    });
    await rejects(cluster.create({ kind: "pool", name: "default", capacity: "1GiB" }), "BAD_REQUEST");
  });

  clusterTest("leave of a switch, a pool and an export what they don't say", async (cluster) => {
    const { administration } = cluster.store;
    await cluster.create(
      { kind: "pool", name: "p", capacity: "1MiB" },
      { kind: "switch", name: "prod", vlans: [{ name: "web", vlanId: 100 }] },
      { kind: "nfs-export", name: "e1", pool: "p", replicaNum: 2 },
    );
    const all = [
      { kind: "pool", name: "p" },
      { kind: "switch", name: "prod" },
      { kind: "nfs-export", name: "e1" },
    ] as const;
    await cluster.create(...all);
    const described = await Promise.all(all.map((of) => administration.describeFacility(of)));
    assert.deepEqual(described, [
      { capacity: 2 ** 20 },
      { vlans: [{ name: "web", vlanId: 100 }] },
      { pool: "p", replicaNum: 2 },
    ]);
    await cluster.create({ kind: "pool", name: "p", capacity: null }, { kind: "switch", name: "prod", vlans: [] });
    assert.deepEqual(await administration.describeFacility(all[0]), { capacity: null });
    assert.deepEqual(await administration.describeFacility(all[1]), { vlans: [] });
    assert.equal(await administration.describeFacility({ kind: "switch", name: "none" }), undefined);
  });

  clusterTest("take no VLAN away that a VM's NIC is in", async (cluster) => {
    const vlans = [
      { name: "web", vlanId: 100 },
      { name: "spare", vlanId: 101 },
    ];
    await cluster.create({ kind: "switch", name: "prod", vlans }, { ...vm, nics: [{ switch: "prod", vlan: "web" }] });
    const put = (now: readonly object[]) => cluster.create({ kind: "switch", name: "prod", vlans: now });
    await rejects(put([]), "OBJECT_BUSY");
    await rejects(put([{ name: "www", vlanId: 100 }]), "OBJECT_BUSY");
    await rejects(put([{ name: "web", vlanId: 102 }]), "OBJECT_BUSY");
    await put(vlans.slice(0, 1));
    await cluster.change("web", { nics: [] });
    await put([]);
  });

  clusterTest("make 200 pools and 200 switches at most, as many as can be told of", async (cluster) => {
    const many = (kind: string, count: number) =>
      Array.from({ length: count }, (_, n) => ({ kind, name: `${kind} ${n}` }));
    await cluster.create(...many("pool", 199), ...many("switch", 200));
    facilitiesSchema.parse(await cluster.store.facilities());
    await rejects(cluster.create({ kind: "pool", name: "one more" }), "BAD_REQUEST");
    await rejects(cluster.create({ kind: "switch", name: "one more" }), "BAD_REQUEST");
    await cluster.create({ kind: "pool", name: "pool 7", capacity: "1GiB" });
  });

  clusterTest("are not begun for somebody who has called them off", async (cluster) => {
    const signal = AbortSignal.abort(new Error("enough"));
    const { administration } = cluster.store;
    await assert.rejects(
      administration.createObjects([{ kind: "switch", name: "prod", vlans: [] }], { signal }),
      /enough/,
    );
    assert.deepEqual((await cluster.store.facilities()).switches, []);
  });
});

describe("a VM's vCPUs", () => {
  clusterTest("are its cores times its sockets, and make as many cores where those are not said", async (cluster) => {
    const cpusOf = async (name: string, cpus: object) => {
      const [made] = await cluster.create({ ...vm, name, ...cpus });
      assert.ok(made?.kind === "vm");
      return { vcpu: made.vm.vcpu, ...made.vm.cpu };
    };
    assert.deepEqual(await cpusOf("a", {}), { vcpu: 1, cores: 1, sockets: 1 });
    assert.deepEqual(await cpusOf("b", { vcpu: 3 }), { vcpu: 3, cores: 3, sockets: 1 });
    assert.deepEqual(await cpusOf("c", { cpu: { cores: 2, sockets: 2 } }), { vcpu: 4, cores: 2, sockets: 2 });
    const both = { vcpu: 3, cpu: { cores: 2, sockets: 2 } };
    assert.throws(() => objectSpecSchema.parse({ ...vm, ...both }), /cores times its sockets/);
    const spec = objectSpecSchema.parse({ ...vm, name: "d" });
    await rejects(cluster.store.administration.createObjects([{ ...spec, ...both } as ObjectSpec]), "BAD_REQUEST");
  });
});

describe("a document is refused", () => {
  const refusals: readonly (readonly [why: string, code: Parameters<typeof rejects>[1], ...documents: object[]])[] = [
    ["a pool that is not there", "POOL_UNKNOWN", { kind: "volume", name: "a", ...small, pool: "none" }],
    ["a VM's pool that is not there", "POOL_UNKNOWN", { ...vm, pool: "none" }],
    ["an export's pool that is not there", "POOL_UNKNOWN", { kind: "nfs-export", name: "e", pool: "none" }],
    ["an export that is not there", "EXPORT_UNKNOWN", { kind: "nfs-file", name: "/exports/none/a", ...small }],
    ["a switch that is not there", "SWITCH_UNKNOWN", { ...vm, nics: [{ switch: "none" }] }],
    ["a VLAN that the switch has not", "BAD_REQUEST", { ...vm, nics: [{ switch: "prod", vlan: "none" }] }],
    ["a VLAN without a switch", "BAD_REQUEST", { ...vm, nics: [{ vlan: 12 }] }],
    [
      "the MAC address of another VM",
      "OBJECT_NAME_TAKEN",
      { ...vm, name: "other", nics: [{ macAddress: "52:54:00:00:00:01" }] },
    ],
    [
      "one MAC address twice",
      "BAD_REQUEST",
      { ...vm, nics: [{ macAddress: "52:54:00:00:00:09" }, { macAddress: "52:54:00:00:00:09" }] },
    ],
    ["a disk that is not there", "VOLUME_UNKNOWN", { ...vm, disks: [{ volume: "none" }] }],
    ["a volume twice", "BAD_REQUEST", { ...vm, disks: [{ volume: "loose" }, { volume: "loose" }] }],
    ["another VM's disk", "OBJECT_BUSY", { ...vm, disks: [{ volume: "taken-0" }] }],
    ["a LUN as a disk", "VOLUME_UNKNOWN", { ...vm, disks: [{ volume: "mail" }] }],
    ["the name of another volume", "OBJECT_NAME_TAKEN", { kind: "volume", name: "mail", ...small }],
    ["the name of another volume for a disk", "OBJECT_NAME_TAKEN", { ...vm, disks: [{ name: "loose", ...small }] }],
    ["the name of another VM", "OBJECT_NAME_TAKEN", { ...vm, name: "taken" }],
    ["a LUN id that is taken", "OBJECT_NAME_TAKEN", { kind: "lun", name: "b", ...small, target: "t1", lunId: 7 }],
    ["a name that can't be", "BAD_REQUEST", { kind: "volume", name: " a", ...small }],
    ["a name that looks like an id", "BAD_REQUEST", { ...vm, name: "vm-0123456789abcdef" }],
    ["a shape that can't be", "BAD_REQUEST", { kind: "volume", name: "a", size: "32TiB", geometry }],
    ["more than the pool takes", "POOL_FULL", { kind: "volume", name: "a", size: "65KiB", pool: "small" }],
    [
      "disks that are more together than the pool takes",
      "POOL_FULL",
      {
        ...vm,
        pool: "small",
        disks: [
          { size: "40KiB", geometry },
          { size: "40KiB", geometry },
        ],
      },
    ],
  ];
  for (const [why, code, ...documents] of refusals) {
    clusterTest(`with ${why}`, async (cluster) => {
      await cluster.create(
        { kind: "pool", name: "small", capacity: "64KiB" },
        { kind: "switch", name: "prod", vlans: [{ name: "web", vlanId: 100 }] },
        { kind: "volume", name: "loose", ...small },
        { kind: "lun", name: "mail", ...small, target: "t1", lunId: 7 },
        { ...vm, name: "taken", disks: [small], nics: [{ macAddress: "52:54:00:00:00:01" }] },
      );
      const made = await cluster.store.inventory();
      await assert.rejects(cluster.create(...documents), (error) => {
        assert.ok(VisibleError.is(error, code), String(error));
        assert.ok(error.hint, "it says nothing of what to do");
        return true;
      });
      assert.deepEqual(await cluster.store.inventory(), made);
    });
  }

  clusterTest("in the target or the export of mirrors, with their plan's name", async (cluster) => {
    for (const object of [sourceFile, sourceLun]) await cluster.store.prepareMirror({ owner, object });
    const name = `mirror.${owner.source}.${owner.planId}.e1`;
    for (const document of [
      { kind: "nfs-file", name: `/exports/${name}/mine`, ...small },
      { kind: "nfs-export", name },
      { kind: "lun", name: "mine", ...small, target: name },
    ]) {
      await assert.rejects(cluster.create(document), { code: "OBJECT_IS_MIRROR", message: new RegExp(owner.planId) });
    }
    await cluster.create({ kind: "nfs-export", name: "e1" }, { kind: "nfs-file", name: "/exports/e1/a", ...small });
    await rejects(cluster.change("/exports/e1/a", { name: `/exports/${name}/mine` }), "OBJECT_IS_MIRROR");
  });
});

const sourceFile: ObjectConfig = {
  ...{ kind: "nfs-file", id: "file-00000000000000c1", name: "/exports/e1/a" },
  volumes: [{ id: "volume-00000000000000c1", sizeBytes: 65_536, geometry }],
  file: { export: "e1", path: "a" },
};
const sourceLun: ObjectConfig = {
  ...{ kind: "lun", id: "lun-00000000000000c2", name: "mail" },
  volumes: [{ id: "volume-00000000000000c2", sizeBytes: 65_536, geometry }],
  lun: { target: "e1", lunId: 7 },
};

describe("a volume of a VM", () => {
  clusterTest("that was made with it goes with it, and one that was there before stays", async (cluster) => {
    await cluster.create({ kind: "volume", name: "notes", ...small }, { ...vm, disks: [small, { volume: "notes" }] });
    assert.deepEqual(await cluster.names("volume"), ["notes", "web-0"]);
    await cluster.remove("web");
    assert.deepEqual(await cluster.names("volume"), ["notes"]);
    assert.deepEqual(await cluster.names("vm"), []);
  });

  clusterTest("can't be deleted by itself, and can be renamed", async (cluster) => {
    await cluster.create({ ...vm, disks: [small] });
    const { volumes } = await cluster.object("vm", "web");
    const [{ id } = { id: "" }] = volumes;
    await rejects(cluster.store.deleteVolume(id), "OBJECT_BUSY");
    await rejects(cluster.remove("web-0"), "OBJECT_BUSY");
    await cluster.store.renameVolume(id, "system");
    assert.equal((await cluster.object("vm", "web")).vm.disks[0]?.name, "system");
  });

  clusterTest("keeps its VM while somebody writes it", async (cluster) => {
    await cluster.create({ ...vm, disks: [small] });
    const { volumes } = await cluster.object("vm", "web");
    const handle = await cluster.store.openVolume(volumes[0]?.id ?? "", "write");
    await rejects(cluster.remove("web"), "OBJECT_BUSY");
    await handle.close();
    await cluster.remove("web");
    assert.deepEqual(await cluster.store.inventory(), []);
  });

  clusterTest("that several VMs share is left out of each, and goes with none", async (cluster) => {
    await cluster.create({ kind: "volume", name: "quorum", ...small, sharing: true });
    for (const name of ["a", "b"]) await cluster.create({ ...vm, name, disks: [small, { volume: "quorum" }] });
    await cluster.remove("a");
    const b = await cluster.object("vm", "b");
    assert.deepEqual([b.volumes.length, b.leftOut?.[0]?.what], [1, "shared volume quorum"]);
    const quorum = await cluster.object("volume", "quorum");
    assert.deepEqual([quorum.sharing, quorum.vms], [true, ["b"]]);
  });

  clusterTest("has the next free number where its name is taken", async (cluster) => {
    await cluster.create({ kind: "volume", name: "web-0", ...small }, { ...vm, disks: [small, small] });
    const { disks } = (await cluster.object("vm", "web")).vm;
    assert.deepEqual(
      disks.map(({ name }) => name),
      ["web-1", "web-2"],
    );
  });
});

describe("what was deleted and made again", () => {
  clusterTest("is another object, whose snapshots are others", async (cluster) => {
    const [first] = await cluster.create({ kind: "volume", name: "notes", ...small });
    await write(cluster.store, first?.volumes[0]?.id ?? "", [0, Buffer.alloc(65_536, 1)]);
    await cluster.remove("notes");
    const [second] = await cluster.create({ kind: "volume", name: "notes", ...small });
    assert.notEqual(first?.id, second?.id);
    assert.notEqual(first?.volumes[0]?.id, second?.volumes[0]?.id);
    assert.ok(first && second);
    assert.deepEqual(await cluster.store.findObjects([first]), []);
  });
});

describe("files", () => {
  const part = fc.constantFrom("a", "b", "c", "a b", "ä");
  const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));

  test("of an export are there or refused as in a file system, in whatever order they come", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(path, { maxLength: 12 }), async (paths) => {
        const there = new Set<string>();
        await withExport(async (cluster) => {
          for (const each of paths) {
            const name = `/exports/e1/${each}`;
            const inTheWay = [...there].some(
              (other) => other === each || other.startsWith(`${each}/`) || each.startsWith(`${other}/`),
            );
            const making = cluster.create({ kind: "nfs-file", name, ...small });
            if (inTheWay) await rejects(making, "OBJECT_NAME_TAKEN");
            else await making;
            if (!inTheWay) there.add(each);
          }
          assert.deepEqual(
            [...(await cluster.names("nfs-file"))].sort(),
            [...there].map((each) => `/exports/e1/${each}`).sort(),
          );
        });
      }),
      { numRuns: 15 },
    );
  });

  clusterTest("of one path in two exports are two", async (cluster) => {
    await cluster.create({ kind: "nfs-export", name: "e1" }, { kind: "nfs-export", name: "e2" });
    for (const name of ["e1", "e2"]) await cluster.create({ kind: "nfs-file", name: `/exports/${name}/a`, ...small });
    assert.deepEqual(await cluster.names("nfs-file"), ["/exports/e1/a", "/exports/e2/a"]);
  });

  clusterTest("are moved by their names, and stay the same objects", async (cluster) => {
    await cluster.create({ kind: "nfs-export", name: "e1" }, { kind: "nfs-export", name: "e2" });
    const [file] = await cluster.create({ kind: "nfs-file", name: "/exports/e1/a", ...small });
    const moved = await cluster.change("/exports/e1/a", { name: "/exports/e2/d/b" });
    assert.deepEqual([moved.id, moved.kind === "nfs-file" && moved.file], [file?.id, { export: "e2", path: "d/b" }]);
    await rejects(cluster.change("/exports/e2/d/b", { name: "/exports/none/a" }), "EXPORT_UNKNOWN");
    await rejects(cluster.change("/exports/e2/d/b", { name: "b" }), "BAD_REQUEST");
  });
});

/** Names of LUNs and volumes are one lot, those of VMs another. */
describe("names", () => {
  test("of LUNs and volumes are had once, and of VMs once, in whatever order they come", async () => {
    const wanted = fc.record({ kind: fc.constantFrom("lun", "volume", "vm"), name: fc.constantFrom("a", "b", "c") });
    await fc.assert(
      fc.asyncProperty(fc.array(wanted, { maxLength: 10 }), async (all) => {
        const taken = new Set<string>();
        await withExport(async (cluster) => {
          for (const { kind, name } of all) {
            const key = `${kind === "vm" ? "vm" : "volume"} ${name}`;
            const making = cluster.create(kind === "vm" ? { ...vm, name } : { kind, name, ...small });
            if (taken.has(key)) await rejects(making, "OBJECT_NAME_TAKEN");
            else await making;
            taken.add(key);
          }
        });
      }),
      { numRuns: 15 },
    );
  });
});

const withExport = async (body: (cluster: TestCluster) => Promise<void>): Promise<void> =>
  withCluster(async (cluster) => {
    await cluster.create({ kind: "nfs-export", name: "e1" });
    await body(cluster);
  });
