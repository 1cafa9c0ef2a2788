import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, type TestContext, test } from "node:test";
import type { VmObject } from "../../core/api/object/vm.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { groupId, mib, owner, setUp } from "./testing-volume.ts";

const cluster = `
--- { kind: switch, name: prod, vlans: [{ name: web, vlanId: 100 }] }
--- { kind: volume, name: quorum, size: 4MiB, sharing: true }
---
kind: vm
name: web
labels: { env: prod }
memory: 4GiB
disks:
  - { name: web-system, size: 4MiB }
  - { cdRom: tools.iso, bus: IDE }
  - { name: web-data, size: 8MiB, bus: SCSI }
  - { volume: quorum }
nics:
  - { macAddress: "52:54:00:12:34:56", switch: prod, vlan: web }
--- { kind: lun, name: mail, size: 4MiB, lunId: 7 }
--- { kind: nfs-export, name: e1 }
--- { kind: nfs-file, name: /exports/e1/vm/web.vmdk, size: 4MiB }
`;

const withCluster = async (t: TestContext) => {
  const { volume, ...rest } = await setUp(t);
  const { world, time, at } = rest;
  const object = (args: readonly string[], parts: object = {}) =>
    world
      .run(["object", ...args], { time, ...parts })
      .then((result) => ({ ...result, json: () => JSON.parse(result.stdout) }));
  const create = (text: string) => object(["create", "-f", "-", ...at, "--json"], { readInput: async () => text });
  const created = await create(cluster);
  assert.deepEqual([created.exitCode, created.stderr], [0, ""]);
  /** What the API knows of an object. */
  const seen = async (name: string): Promise<ObjectConfig> =>
    (await object(["show", name, "--site", "a", "--json"])).json();
  const seenVm = async (name: string): Promise<VmObject> => {
    const vm = await seen(name);
    assert.ok(vm.kind === "vm");
    return vm;
  };
  return { ...rest, volume, object, create, created, seen, seenVm };
};

const namesOf = (objects: readonly { name: string }[]) => objects.map(({ name }) => name).sort();

describe("object create", () => {
  test("makes all kinds, and the API knows of them at once", async (t) => {
    const { created, object } = await withCluster(t);
    const { objects, inventoryRefreshed } = created.json();
    assert.equal(inventoryRefreshed, true);
    assert.deepEqual(namesOf(objects), ["/exports/e1/vm/web.vmdk", "mail", "quorum", "web"]);
    const listed = (await object(["list", "--site", "a", "--json"])).json();
    assert.deepEqual(namesOf(listed.objects), [...namesOf(objects), "web-data", "web-system"].sort());
    assert.deepEqual(namesOf((await object(["list", "--site", "a", "--kind", "vm", "--json"])).json().objects), [
      "web",
    ]);
  });

  test("makes all of a file or nothing", async (t) => {
    const { create, object } = await withCluster(t);
    const taken = await create(
      "--- { kind: volume, name: new, size: 1MiB }\n--- { kind: lun, name: mail, size: 1MiB }",
    );
    assert.equal(taken.exitCode, 2);
    assert.equal(JSON.parse(taken.stderr).error.code, "OBJECT_NAME_TAKEN");
    assert.equal((await object(["show", "new", "--site", "a", "--refresh"])).exitCode, 3);
    const wrong = await create("--- { kind: volume, name: new, size: 1MiB }\n--- { kind: lun, nme: x, size: 1MiB }");
    assert.match(JSON.parse(wrong.stderr).error.message, /document 2 \(line 2, lun\): nme: unknown; “name”/);
    const odd = await create("--- { kind: lun, name: x, size: 1000 }");
    assert.match(JSON.parse(odd.stderr).error.message, /document 1 .*: size: a multiple of 512 bytes/);
  });

  test("of pools, switches and exports says what was made and what was changed", async (t) => {
    const { object, at, world } = await withCluster(t);
    const readInput = async () => "--- { kind: pool, name: fast, capacity: 1GiB }\n--- { kind: switch, name: lan }";
    const { stdout, stderr } = await object(["create", "-f", "-", ...at], { readInput });
    assert.deepEqual([stdout, stderr], ["Made on site a: storage pool fast, virtual switch lan.\n", ""]);
    assert.match(
      (await world.run(["site", "show", "a"])).stdout,
      /POOL +CAPACITY +PROVISIONED\n(?:.*\n)*fast +1 GiB +0 B\n/,
    );
    const again = async () =>
      "--- { kind: switch, name: prod }\n--- { kind: pool, name: fast, capacity: 2GiB }\n" +
      "--- { kind: switch, name: lan, vlans: [{ name: a, vlanId: 1 }] }";
    assert.equal(
      (await object(["create", "-f", "-", ...at], { readInput: again })).stdout,
      "There already on site a, and left as it is: virtual switch prod.\n" +
        "Changed on site a: storage pool fast: capacity 1 GiB is 2 GiB now.\n" +
        "Changed on site a: virtual switch lan: vlans (none) is a (1) now.\n",
    );
  });
});

describe("object list and show", () => {
  test("tell of each kind what it is, and why something can't be protected", async (t) => {
    const { object, create } = await withCluster(t);
    await create("{ kind: vm, name: diskless, memory: 1GiB, disks: [{ cdRom: x.iso }] }");
    const { stdout } = await object(["list", "--site", "a"]);
    assert.match(stdout, /\nweb +vm +12 MiB +STOPPED, 1 vCPU, 4 GiB, 2 disks, 1 NIC +env=prod +– +vm-\w+\n/);
    assert.match(stdout, /\nmail +lun +4 MiB +target default, LUN id 7 +/);
    assert.match(stdout, /\n\/exports\/e1\/vm\/web\.vmdk +nfs-file +4 MiB +export e1 +/);
    assert.match(stdout, /\nquorum +volume +4 MiB +shared, of web +/);
    assert.match(stdout, /\nvm “diskless” \(vm-\w+\) can't be used: .*disk/);
    assert.match(stdout, /\nseen at 2026-/);
  });

  test("show a VM's disks with their numbers, its NICs, and what backups leave out", async (t) => {
    const { object } = await withCluster(t);
    const { stdout } = await object(["show", "web", "--site", "a"]);
    assert.match(stdout, /^web {2}VM on site a\nId +vm-/);
    assert.match(stdout, /\n +0 +web-system +4 MiB +VIRTIO +1 +volume-\w+\n +2 +web-data +8 MiB +SCSI +– +volume-/);
    assert.match(stdout, /\n +0 +52:54:00:12:34:56 +VIRTIO +prod +web \(100\) +yes +–\n/);
    assert.match(stdout, /\nLeft out of backups:\n {2}CD-ROM tools\.iso: .+\n {2}shared volume quorum: /);
  });

  test("of one that can't be protected tell why", async (t) => {
    const { object, create, at } = await withCluster(t);
    await create("{ kind: vm, name: diskless, memory: 1GiB, disks: [{ cdRom: x.iso }] }");
    for (const where of [["--site", "a"], at]) {
      const { exitCode, stderr } = await object(["show", "diskless", ...where]);
      assert.equal(exitCode, 2);
      assert.match(stderr, /“diskless” \(vm-\w+\) can't be used: .*disk.*\(OBJECT_UNUSABLE\)\n {2}hint: /);
    }
  });

  test("leave VMs and files out of volume list, which says where they are", async (t) => {
    const { volume } = await withCluster(t);
    const listed = await volume(["list", "--site", "a", "--json"]);
    assert.deepEqual(namesOf(listed.json().objects), ["mail", "quorum", "web-data", "web-system"]);
    const { stdout } = await volume(["list", "--site", "a"]);
    assert.match(stdout, /\nVMs and NFS files are among its objects: smtx-backup object list --site a\nseen at /);
  });

  test("look at a store itself where there is no API", async (t) => {
    const { object, at } = await withCluster(t);
    const refuse = async () => Promise.reject(new Error("nobody is to be asked"));
    const { stdout } = await object(["list", ...at, "--json"], { fetch: refuse });
    assert.equal(JSON.parse(stdout).objects.length, 6);
    assert.equal((await object(["show", "mail", ...at], { fetch: refuse })).exitCode, 0);
  });

  test("ask which is meant where several have a name, and take a kind or an id for an answer", async (t) => {
    const { object, create } = await withCluster(t);
    await create("{ kind: volume, name: web, size: 1MiB }");
    const both = await object(["show", "web", "--site", "a"]);
    assert.equal(both.exitCode, 2);
    assert.match(both.stderr, /2 objects “web”\. \(OBJECT_AMBIGUOUS\)\n {2}hint: .*vm-\w+ \(VM\).*--kind volume/);
    assert.equal((await object(["show", "web", "--kind", "volume", "--site", "a", "--json"])).json().kind, "volume");
    const none = await object(["show", "mail", "--kind", "vm", "--site", "a"]);
    assert.match(none.stderr, /no VM “mail”\. It has a LUN of that name \(lun-\w+\)\. \(OBJECT_UNKNOWN\)/);
  });
});

describe("object update, power and label", () => {
  test("change what is said and nothing else, and the API knows of it at once", async (t) => {
    const { object, at, seenVm } = await withCluster(t);
    const before = await seenVm("web");
    const updated = await object(["update", "web", "--memory", "8GiB", "--name", "shop", ...at, "--json"]);
    assert.deepEqual([updated.exitCode, updated.stderr, updated.json().inventoryRefreshed], [0, "", true]);
    const after = await seenVm("shop");
    assert.deepEqual(after, { ...before, name: "shop", vm: { ...before.vm, memory: 8 * 2 ** 30 } });
  });

  test("take disks and NICs from a file, as a whole", async (t) => {
    const { object, at, seenVm } = await withCluster(t);
    const readInput = async () => "disks: [{ name: web-data, size: 16MiB }, { name: web-log, size: 4MiB }]\nnics: []\n";
    const updated = await object(["update", "web", "-f", "-", "--yes", ...at], { readInput });
    assert.equal(updated.exitCode, 0, updated.stderr);
    assert.match(updated.stdout, /^Deleted .*: disk web-system \(4 MiB\)\.\n.*\nIt is now:\n\nweb {2}VM on site a\n/);
    const { vm, volumes } = await seenVm("web");
    assert.deepEqual(
      vm.disks.map(({ name, bus }) => [name, bus]),
      [
        ["web-data", "SCSI"],
        ["web-log", "VIRTIO"],
      ],
    );
    assert.deepEqual([volumes[0]?.sizeBytes, vm.nics], [16 * mib, []]);
  });

  test("ask before something goes that a list does not have, and say what goes with its data", async (t) => {
    const { object, at, seenVm } = await withCluster(t);
    const before = await seenVm("web");
    const asked: string[] = [];
    const readInput = async () => "disks: [{ name: web-system }]\nnics: [{}]\n";
    const update = (answer: string | undefined) => {
      const ask = async (question: string) => {
        asked.push(question);
        return answer;
      };
      return object(["update", "web", "-f", "-", ...at], { readInput, ask });
    };
    const no = await update("n");
    assert.deepEqual([no.exitCode, no.stdout], [1, "Nothing was changed.\n"]);
    assert.match(
      asked[0] ?? "",
      /^Change the VM “web” \(vm-\w+\) of site a\? Deleted with what is in it: disk web-data \(8 MiB\)\. Taken out: CD-ROM tools\.iso, shared volume quorum, NIC 52:54:00:12:34:56\. \[y\/N\] $/,
    );
    const nobody = await update(undefined);
    assert.equal(nobody.exitCode, 2);
    assert.match(nobody.stderr, /web-data \(8 MiB\).*\n {2}hint: .*--yes/);
    assert.deepEqual(await seenVm("web"), before);
    assert.match((await update("y")).stdout, /^Deleted .*web-data/);
    assert.equal((await seenVm("web")).volumes.length, 1);
  });

  test("don't ask when nothing goes", async (t) => {
    const { object, at } = await withCluster(t);
    const readInput = async () =>
      "disks: [{ name: web-data }, { name: web-system }, { cdRom: tools.iso }, { volume: quorum }]";
    const ask = async () => assert.fail("it was asked");
    assert.equal((await object(["update", "web", "-f", "-", ...at], { readInput, ask })).exitCode, 0);
  });

  test("leave a VM that is on its CPUs, memory and disks", async (t) => {
    const { object, at } = await withCluster(t);
    await object(["power-on", "web", ...at]);
    const ask = async () => assert.fail("it was asked");
    const readInput = async () => "disks: []";
    for (const args of [
      ["update", "web", "--memory", "1GiB"],
      ["update", "web", "-f", "-"],
      ["delete", "web"],
    ]) {
      const { exitCode, stderr } = await object([...args, ...at], { readInput, ask });
      assert.equal(exitCode, 1);
      assert.match(stderr, /“web” is on, .*\(OBJECT_BUSY\)\n {2}hint: .*power-off vm-/);
    }
  });

  test("without a change, or with one that its kind does not have, is refused", async (t) => {
    const { object, at } = await withCluster(t);
    const nothing = await object(["update", "web", ...at]);
    assert.match(nothing.stderr, /not said what.*\(BAD_REQUEST\)\n {2}hint: .*-f.*--vcpu/);
    assert.equal((await object(["update", "mail", "--memory", "1GiB", ...at])).exitCode, 2);
    assert.equal((await object(["update", "mail", "--size", "1MiB", ...at])).exitCode, 2);
  });

  test("switch a VM on and off, and nothing else", async (t) => {
    const { object, at, seenVm } = await withCluster(t);
    assert.match((await object(["power-on", "web", ...at])).stdout, /^The VM “web” \(vm-\w+\) on site a is on\.\n$/);
    assert.equal((await seenVm("web")).vm.status, "RUNNING");
    assert.equal((await object(["power-off", "web", ...at, "--json"])).json().status, "STOPPED");
    const lun = await object(["power-on", "mail", ...at]);
    assert.match(lun.stderr, /no VM “mail”\. It has a LUN of that name/);
  });

  test("labels are set, and taken away with a dash", async (t) => {
    const { object, at, seen } = await withCluster(t);
    const labelled = await object(["label", "web", "tier=front", "env=test", ...at]);
    assert.match(labelled.stdout, / has the labels env=test, tier=front now\.\n$/);
    await object(["label", "web", "env-", ...at]);
    assert.deepEqual((await seen("web")).labels, { tier: "front" });
    assert.match((await object(["label", "web", "tier-", ...at])).stdout, / has no labels now\.\n$/);
    assert.equal((await object(["label", "web", "tier", ...at])).exitCode, 2);
  });
});

describe("object delete", () => {
  test("asks a person, says what goes with it, and deletes after a yes alone", async (t) => {
    const { object, at } = await withCluster(t);
    const asked: string[] = [];
    const answering = (answer: string | undefined) => ({
      ask: async (question: string) => {
        asked.push(question);
        return answer;
      },
    });
    const no = await object(["delete", "web", ...at], answering("n"));
    assert.deepEqual([no.exitCode, no.stdout], [1, "Nothing was deleted.\n"]);
    assert.match(
      asked[0] ?? "",
      /^Delete the VM “web” \(vm-\w+, 12 MiB\) of site a for good\? Deleted with what is in them: disk web-system \(4 MiB\), disk web-data \(8 MiB\)\. Taken out: /,
    );
    assert.equal((await object(["delete", "web", ...at], answering(undefined))).exitCode, 2);
    assert.match(
      (await object(["delete", "web", ...at], answering("y"))).stdout,
      /^The VM “web” .* is deleted\. Deleted .*disk web-data \(8 MiB\)\..*\n$/,
    );
    const left = (await object(["list", "--site", "a", "--json"])).json().objects;
    assert.deepEqual(namesOf(left), ["/exports/e1/vm/web.vmdk", "mail", "quorum"]);
  });

  test("says which plans have it by a rule", async (t) => {
    const { object, at, world, time } = await withCluster(t);
    const targets = [{ site: "b", retention: { keepLast: 2 }, switches: { prod: "x" } }];
    const plan = { name: "nightly", source: "a", targets, objects: [{ kind: "vm", match: "w*" }] };
    const created = await world.run(["plan", "create", "-f", "-"], {
      time,
      readInput: async () => JSON.stringify(plan),
    });
    assert.equal(created.exitCode, 0, created.stderr);
    assert.match(created.stdout, /\nObjects +every vm w\*\n/);
    assert.match(
      created.stdout,
      /\nLeft out of backups:\n {2}vm web: CD-ROM tools\.iso, .*\n {2}vm web: shared volume quorum, /,
    );
    assert.match(created.stdout, /The first run sends 1 object, 12 MiB at most/);
    const shown = await world.run(["plan", "show", "nightly"]);
    assert.match(shown.stdout, /\nIts next run takes 1 object:\nKIND .*\nvm +web +vm w\* +vm-\w+\n/);
    const deleted = await object(["delete", "web", "--yes", ...at]);
    assert.match(deleted.stderr, /^warning: Plan nightly protects it by a rule: .* kept for 30 days\.\n$/);
    const after = await world.run(["plan", "show", "nightly"]);
    assert.match(after.stdout, /\nIts next run finds no object\.\n\nNothing fits these rules now:\n {2}vm w\*\n$/);
  });

  test("of a switch says what it is mapped to, and whose place it takes", async (t) => {
    const { object, create, at, world } = await withCluster(t);
    await create("--- { kind: switch, name: spare }");
    await world.run(["site", "map", "a", "--to", "b", "spare=spare-b"]);
    await world.run(["site", "map", "b", "--to", "a", "front=spare"]);
    const asked: string[] = [];
    const ask = async (question: string) => {
      asked.push(question);
      return "n";
    };
    const args = ["delete", "spare", "--kind", "switch", ...at];
    assert.equal((await object(args, { ask })).exitCode, 1);
    assert.match(
      asked[0] ?? "",
      /It is mapped to “spare-b” at b\. It takes the place of “front” of b: .*site map b --to a/,
    );
    const { stderr, exitCode } = await object([...args, "--yes"]);
    assert.deepEqual([exitCode, stderr.match(/^warning: It /gm)?.length], [0, 2]);
  });

  test("of something that is no object says what it is", async (t) => {
    const { object, at } = await withCluster(t);
    const { exitCode, stderr } = await object(["delete", "prod", "--yes", ...at]);
    assert.equal(exitCode, 3);
    assert.match(
      stderr,
      /has no object “prod”\. It has a virtual switch of that name\. .*\n {2}hint: Say so: --kind switch\n/,
    );
  });

  test("takes pools, switches and exports away that nothing uses, by their kind", async (t) => {
    const { object, at } = await withCluster(t);
    const used = await object(["delete", "prod", "--kind", "switch", "--yes", ...at]);
    assert.deepEqual([used.exitCode, /\(OBJECT_BUSY\)/.test(used.stderr)], [1, true]);
    await object(["delete", "/exports/e1/vm/web.vmdk", "--yes", ...at]);
    const deleted = await object(["delete", "e1", "--kind", "nfs-export", "--yes", ...at]);
    assert.deepEqual([deleted.stdout, deleted.stderr], ["The NFS export “e1” of site a is deleted.\n", ""]);
  });
});

test("a mirror is not changed, switched on, labelled, deleted or written to: its plan is named, and what to do instead", async (t) => {
  const { image, object, volume, at, withStorage } = await withCluster(t);
  await withStorage(async (storage) => {
    const web = (await storage.inventory()).find(({ kind }) => kind === "vm");
    assert.ok(web !== undefined);
    await storage.prepareMirror({ owner, object: { ...web, id: "vm-elsewhere", name: "mirrored" } });
  });
  const listed = (await object(["list", ...at, "--json"])).json().objects as ObjectConfig[];
  const mirror = listed.find(({ name, kind }) => name === "mirrored" && kind === "vm");
  assert.equal(mirror?.origin?.role, "mirror");
  for (const args of [
    ["update", "mirrored", "--vcpu", "2"],
    ["power-on", mirror.id],
    ["label", "mirrored", "env=x", "--kind", "vm"],
    ["delete", "mirrored", "--yes"],
  ]) {
    const { exitCode, stderr } = await object([...args, ...at]);
    assert.equal(exitCode, 2);
    assert.match(
      stderr,
      /mirror that plan plan_\w+ of site a keeps here: .*\(OBJECT_IS_MIRROR\)\n {2}hint: .*rebuild GROUP/,
    );
  }
  const written = await volume(["import", image, "--object", "mirrored", "--disk", "0", ...at]);
  assert.match(written.stderr, /\(OBJECT_IS_MIRROR\)/);
  const shown = await object(["show", "mirrored", ...at]);
  assert.match(shown.stdout, /\nOrigin +mirror from a by plan_/);
  assert.match(
    shown.stdout,
    /keeps here: .*\nChange the original.*:\n {2}smtx-backup group list .*\n {2}smtx-backup rebuild GROUP --site a\n$/,
  );
});

describe("volume import and export of objects", () => {
  test("reach every disk of a VM by its number, and a file by its path", async (t) => {
    const { folder, image, bytes, volume, at } = await withCluster(t);
    const out = join(folder, "out.img");
    for (const place of [["web", "--disk", "0"], ["/exports/e1/vm/web.vmdk"], ["mail", "--kind", "lun"]]) {
      const imported = await volume(["import", image, "--object", ...place, ...at]);
      assert.deepEqual([imported.exitCode, imported.stderr], [0, ""]);
      const exported = await volume(["export", "--object", ...place, "-o", out, "--force", ...at]);
      assert.deepEqual([exported.exitCode, exported.stderr], [0, ""]);
      assert.ok(bytes.equals(await readFile(out)), place.join(" "));
    }
    await volume(["export", "web-system", "-o", out, "--force", ...at]);
    assert.ok(bytes.equals(await readFile(out)), "the disk is a volume by itself, too");
  });

  test("say which disks there are where none or a wrong one is named", async (t) => {
    const { image, volume, at } = await withCluster(t);
    const import_ = (...place: string[]) => volume(["import", image, ...place, ...at]);
    const which = /hint: (Say which with --disk N|Its disks): 0 \(web-system\), 2 \(web-data\)\./;
    for (const place of [
      ["--object", "web"],
      ["--object", "web", "--disk", "1"],
    ]) {
      assert.match((await import_(...place)).stderr, which);
    }
    const asVolume = await import_("--into", "web");
    assert.match(asVolume.stderr, /no volume “web”, but a VM of that name\..*\n {2}hint: .*--object vm-\w+ --disk N/);
    assert.equal((await import_("--object", "web", "--name", "x")).exitCode, 2);
    assert.match(
      (await import_("--name", "x", "--kind", "vm")).stderr,
      /no vm\. \(BAD_REQUEST\)\n {2}hint: .*object create/,
    );
  });

  test("don't write into what a VM that is on uses, whatever it is called", async (t) => {
    const { image, object, volume, at } = await withCluster(t);
    await object(["power-on", "web", ...at]);
    for (const place of [
      ["--object", "web", "--disk", "0"],
      ["--into", "web-system"],
      ["--into", "quorum"],
    ]) {
      const { exitCode, stderr } = await volume(["import", image, ...place, ...at]);
      assert.equal(exitCode, 1);
      assert.match(
        stderr,
        /VM “web” \(vm-\w+\) uses it, and is on\. \(OBJECT_BUSY\)\n {2}hint: .*power-off vm-\w+ --site a/,
      );
    }
    await object(["power-off", "web", ...at]);
    assert.equal((await volume(["import", image, "--into", "quorum", ...at])).exitCode, 0);
  });

  test("give a disk as it was in a group, by the VM's name of then, also when it is gone", async (t) => {
    const { folder, image, bytes, object, volume, at, withStorage } = await withCluster(t);
    await volume(["import", image, "--object", "web", "--disk", "0", ...at]);
    await withStorage(async (storage) => {
      const objects = (await storage.inventory()).filter(({ kind }) => kind === "vm");
      const volumeIds = objects.flatMap(({ volumes }) => volumes.map(({ id }) => id));
      await storage.snapshotGroup({ groupId, owner, volumeIds, objects, sequence: 1 });
    });
    await writeFile(image, randomBytes(bytes.length));
    await volume(["import", image, "--object", "web", "--disk", "0", ...at]);
    const out = join(folder, "out.img");
    const asThen = async (name: string) => {
      const exported = await volume([
        "export",
        "--object",
        name,
        "--disk",
        "0",
        "--group",
        groupId,
        "-o",
        out,
        "--force",
        ...at,
      ]);
      assert.equal(exported.exitCode, 0, exported.stderr);
      return bytes.equals(await readFile(out));
    };
    assert.ok(await asThen("web"));
    await object(["update", "web", "--name", "shop", ...at]);
    assert.ok((await asThen("web")) && (await asThen("shop")));
    await object(["delete", "shop", "--yes", ...at]);
    assert.ok(await asThen("web"));
    const other = await volume(["export", "--object", "mail", "--group", groupId, "-o", out, "--force", ...at]);
    assert.match(other.stderr, /does not have the LUN “mail”\. \(VOLUME_UNKNOWN\)\n {2}hint: .*group show/);
  });
});

test("a file takes an image of any length, from a file and from standard input; a disk does not", async (t) => {
  const { object, volume, at, image, bytes, create, folder, world, time } = await withCluster(t);
  const made = await create("--- { kind: nfs-file, name: /exports/e1/odd, size: 1000 }");
  assert.equal(made.exitCode, 0, made.stderr);
  const out = join(folder, "out.img");
  const exported = async () => {
    await volume(["export", "--object", "/exports/e1/odd", "-o", out, "--force", ...at]);
    return readFile(out);
  };
  await writeFile(image, bytes.subarray(0, 1000));
  const same = await volume(["import", image, "--object", "/exports/e1/odd", ...at]);
  assert.equal(same.exitCode, 0, same.stderr);
  assert.ok(bytes.subarray(0, 1000).equals(await exported()));
  const input = () => Readable.from([bytes.subarray(0, 70_001)]) as NodeJS.ReadStream;
  const args = ["--object", "/exports/e1/odd", "--resize", "--size", "70001"];
  const piped = await world.run(["volume", "import", "-", ...args, ...at], { time, input });
  assert.equal(piped.exitCode, 0, piped.stderr);
  assert.ok(bytes.subarray(0, 70_001).equals(await exported()));
  const intoLun = await volume(["import", image, "--into", "mail", ...at]);
  assert.match(intoLun.stderr, /has 1000 bytes, and a disk has whole sectors/);
  assert.equal((await object(["update", "mail", "--size", "5000001", ...at])).exitCode, 2);
});
