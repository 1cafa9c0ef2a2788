import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { answerOf } from "../../cli/context/client.ts";
import type { RunAnswer } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import type { VmConfig, VmObject } from "../../core/api/object/vm.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { Local } from "./local.ts";
import {
  aFile,
  clusterA,
  createObjects,
  fileName,
  filePaths,
  fill,
  isMirror,
  isVm,
  type Sums,
  snapshotSums,
  sumsIn,
  sumsNow,
  vmNamed,
  withoutPrefix,
  writeExtents,
} from "./scenario.ts";

const sites = ["a", "b", "c"];
const targets = ["b", "c"] as const;
/** How site a's switches are called at each target. */
const switches = {
  b: { prod: "dr-prod", san: "dr-san" },
  c: { prod: "lan", san: "lan" },
} as const;

const plan = {
  name: "everything",
  source: "a",
  targets: [
    { site: "b", retention: { keepLast: 3 } },
    { site: "c", retention: { keepLast: 1 }, pool: "dr", switches: switches.c },
  ],
  objects: [
    { kind: "vm", name: "web" },
    { kind: "vm", name: "db" },
    { kind: "lun", name: "oracle" },
    { kind: "nfs-file", directory: "/exports/e1" },
    { kind: "volume", name: "loose" },
  ],
};

describe("a plan with objects of every kind, to two targets", () => {
  let local: Local;
  let planId: string;
  /** Of each run, what its objects held at the source. */
  const runs: { answer: RunAnswer; objects: readonly ObjectConfig[]; sums: Sums }[] = [];

  const run = async (expected: RunAnswer["status"] = "succeeded") => {
    const objects = await protectedObjects();
    const sums = await sumsNow(local, "a", objects);
    const answer = await local.ended(await local.runPlan("everything"));
    assert.equal(answer.status, expected, JSON.stringify(answer, undefined, 2));
    runs.push({ answer, objects, sums });
    return { answer, sums };
  };

  /** What the plan is about, as site a has it. */
  const protectedObjects = async (): Promise<readonly ObjectConfig[]> => {
    const objects = await local.inventory("a");
    const isIn = (object: ObjectConfig) => object.kind !== "volume" || object.name === "loose";
    return objects.filter((object) => isIn(object) && !isMirror(object));
  };

  const listed = async (site: string): Promise<readonly ObjectConfig[]> => {
    await local.refreshed(site);
    const { objects } = await local.command<{ objects: ObjectConfig[] }>("object", "list", "--site", site);
    return objects;
  };
  /** The mirrors of the plan's objects, without a VM's volumes, which are listed beside it. */
  const mirrors = async (site: string): Promise<readonly ObjectConfig[]> => {
    const all = (await listed(site)).filter(isMirror);
    const ofVms = new Set(all.filter(isVm).flatMap(({ volumes }) => volumes.map(({ id }) => id)));
    return all.filter(({ kind, volumes }) => kind !== "volume" || !volumes.some(({ id }) => ofVms.has(id)));
  };

  before(async () => {
    local = await Local.create();
    await local.start({ sites });
    await createObjects(local, "a", clusterA);
    await createObjects(local, "b", [
      { kind: "switch", name: "dr-prod", vlans: [{ name: "web", vlanId: 10 }] },
      { kind: "switch", name: "dr-san" },
    ]);
    await createObjects(local, "c", [
      { kind: "switch", name: "lan" },
      { kind: "pool", name: "dr", capacity: "20MiB" },
    ]);
    for (const site of sites) await local.refreshed(site);
    await fill(local, "a", await protectedObjects());
  });
  after(() => local.remove());

  const createPlan = async () => {
    await writeFile(join(local.dir, "plan.yaml"), JSON.stringify(plan));
    return local.command<{ plan: { id: string } }>("plan", "create", "-f", join(local.dir, "plan.yaml"));
  };

  test("is refused while a switch of it is not mapped, naming switch, object and target", async () => {
    await assert.rejects(createPlan(), (error) => {
      assert(VisibleError.is(error, "SWITCH_UNMAPPED"), String(error));
      assert.match(error.message, /prod|san/);
      assert.match(error.message, /web|db/);
      assert.match(error.message, /\bb\b/);
      return true;
    });
    await local.command("site", "map", "a", "--to", "b", "prod=dr-prod", "san=dr-san");
    ({ id: planId } = (await createPlan()).plan);
  });

  test("its first run sends everything to both", async () => {
    const { answer } = await run();
    assert.equal(answer.targets.length, 2);
    for (const { base, progress } of answer.targets) {
      assert.equal(base?.why, "first-backup");
      assert(progress.extentsHole > 0, "holes are not sent");
    }
  });

  for (const site of targets) {
    test(`on ${site} every object has its mirror, and nothing else has one`, async () => {
      const [first] = runs;
      assert(first);
      const there = await mirrors(site);
      const nameOf = (object: ObjectConfig) =>
        `${object.kind} ${object.kind === "nfs-file" ? object.file.path : object.name}`;
      assert.deepEqual(there.map(nameOf).sort(), first.objects.map(nameOf).sort());
      assert.equal(there.filter(({ kind }) => kind === "nfs-file").length, filePaths.length);
      for (const { origin } of there) {
        assert.deepEqual(origin, { planId, siteId: "a", role: "mirror", planName: "everything" });
      }
      const names = (await listed(site)).map(({ name }) => name);
      assert(!names.includes("quorum"), "the shared volume has a mirror");
    });

    test(`on ${site} the LUN has its id, its target's settings, size and geometry`, async () => {
      const source = (await protectedObjects()).find(({ kind }) => kind === "lun");
      const mirror = (await mirrors(site)).find(({ kind }) => kind === "lun");
      assert(source?.kind === "lun" && mirror?.kind === "lun");
      const { target, ...settings } = mirror.lun ?? assert.fail("it lies in no target");
      const { target: _, ...expected } = source.lun ?? assert.fail("it lies in no target");
      assert.equal(target, `mirror.a.${planId}.t1`);
      assert.equal(settings.lunId, 7);
      assert.deepEqual(settings, expected);
      assert.deepEqual(shapesOf(mirror), shapesOf(source));
    });

    test(`on ${site} the files have their paths in an export with the settings of theirs`, async () => {
      const files = (await mirrors(site)).flatMap((object) => (object.kind === "nfs-file" ? [object.file] : []));
      assert.deepEqual(files.map(({ path }) => path).sort(), [...filePaths].sort());
      for (const file of files) {
        assert.equal(file.export, `mirror.a.${planId}.e1`);
        assert.deepEqual(file.settings, { description: "images", ipWhitelist: "10.0.1.0/24" });
      }
    });

    test(`on ${site} the VMs have their configuration, disks in order and NICs on mapped switches, and are off`, async () => {
      const there = await mirrors(site);
      for (const source of (await protectedObjects()).filter(isVm)) {
        const mirror = vmNamed(there, source.name);
        const nics = source.vm.nics.map((nic) => ({ ...nic, virtualSwitch: mapped(site, nic.virtualSwitch) }));
        assert.deepEqual(setUpOf(mirror), { ...setUpOf(source), status: "STOPPED", nics });
        assert.deepEqual(shapesOf(mirror), shapesOf(source));
      }
      const web = vmNamed(there, "web");
      assert.equal(web.vm.disks.length, 3, "neither its CD-ROM nor its shared volume");
      assert.deepEqual(
        web.vm.disks.map(({ bus, boot }) => [bus, boot]),
        [
          ["VIRTIO", 2],
          ["SCSI", 1],
          ["VIRTIO", 0],
        ],
      );
    });

    test(`on ${site} every volume and every file is equal by SHA-256`, async () => {
      const [first] = runs;
      assert(first);
      const { groupId } = first.answer;
      assert.deepEqual(await sumsIn(local, site, { groupId, objects: await mirrors(site) }), first.sums);
      assert(new Set(Object.values(first.sums)).size === Object.keys(first.sums).length, "all of them differ");
    });
  }

  test("what is left out of a VM is named with its reason, by the plan and by the run", async () => {
    const { items } = await answerOf(
      local.api.v1.plans[":plan"].objects.$get({ param: { plan: planId }, query: { limit: "100" } }),
    );
    const member = items.find(({ name }) => name === "web");
    assert.match(JSON.stringify(member?.leftOut), /tools\.iso/);
    assert.match(JSON.stringify(member?.leftOut), /quorum/);
    const query = { target: "b", limit: "100" };
    const [first] = runs;
    assert(first);
    const ofRun = await answerOf(local.api.v1.runs[":run"].objects.$get({ param: { run: first.answer.id }, query }));
    assert.deepEqual(ofRun.items.find(({ name }) => name === "web")?.leftOut, member?.leftOut);
  });

  test("the mirrors lie in the pool that the plan names", async () => {
    const { facilities } = await answerOf(local.api.v1.sites[":site"].facilities.$get({ param: { site: "c" } }));
    const bytes = (await mirrors("c")).flatMap(({ volumes }) => volumes).reduce((sum, one) => sum + one.sizeBytes, 0);
    assert.equal(facilities?.pools.find(({ name }) => name === "dr")?.usedBytes, bytes);
  });

  test("a mirror can't be operated: it is refused with the plan's name and what to do instead", async () => {
    const there = await mirrors("b");
    const web = vmNamed(there, "web").id;
    const lun = there.find(({ kind }) => kind === "lun")?.id ?? "";
    const other = { ...plan, name: "chain", source: "b", targets: [{ site: "c", retention: { keepLast: 1 } }] };
    await writeFile(join(local.dir, "chain.yaml"), JSON.stringify({ ...other, objects: [{ kind: "lun", id: lun }] }));
    await writeFile(join(local.dir, "disk.img"), Buffer.alloc(512 * 1024));
    const refused: readonly (readonly string[])[] = [
      ["object", "power-on", web, "--site", "b"],
      ["object", "label", web, "env=prod", "--site", "b"],
      ["object", "update", web, "--name", "mine", "--site", "b"],
      ["object", "delete", web, "--site", "b", "--yes"],
      ["volume", "import", join(local.dir, "disk.img"), "--object", lun, "--site", "b"],
      ["plan", "create", "-f", join(local.dir, "chain.yaml")],
    ];
    for (const args of refused) {
      await assert.rejects(local.command(...args), (error) => {
        assert(VisibleError.is(error), String(error));
        assert.match(error.code, /^(OBJECT|VOLUME)_IS_MIRROR$/, `${args.join(" ")}: ${error.message}`);
        assert.match(error.message, /everything/);
        assert.match(error.hint ?? "", /rebuild/);
        return true;
      });
    }
  });

  /** Extents that a run sends, since they are neither holes nor what the target has. */
  let changed = 0;
  let before1: Readonly<Record<string, Sums>>;

  test("a run after changes of every kind succeeds, and tells what is gone", async () => {
    const [first] = runs;
    assert(first);
    before1 = { b: await snapshotSums(local, "b", first.answer.groupId) };
    changed = await changeEverything();
    const { answer } = await run();
    assert.match(JSON.stringify(answer.warnings), /OBJECT_GONE/);
    assert.match(JSON.stringify(answer.warnings), /db/);
  });

  test("what was sent is what has changed", () => {
    const [, second] = runs;
    assert(second);
    for (const { site, base, progress } of second.answer.targets) {
      assert.equal(base?.why, "increment");
      const sent = progress.extentsTotal - progress.extentsUnchanged - progress.extentsHole;
      assert.equal(sent, changed, `to ${site}`);
      assert.equal(progress.bytesChanged, changed * 64 * 1024);
    }
  });

  for (const site of targets) {
    test(`on ${site} the newest restore point is as the source is now`, async () => {
      const [, second] = runs;
      assert(second);
      const { groupId } = second.answer;
      const there = await mirrors(site);
      assert.deepEqual(await sumsIn(local, site, { groupId, objects: there }), second.sums);
      const source = vmNamed(second.objects, "shop");
      const mirror = vmNamed(there, "shop");
      const nics = source.vm.nics.map((nic) => ({ ...nic, virtualSwitch: mapped(site, nic.virtualSwitch) }));
      assert.deepEqual(setUpOf(mirror), { ...setUpOf(source), status: "STOPPED", nics });
      assert(!there.some(({ name }) => name === "db"), "the VM that is gone has a mirror");
    });
  }

  test("the restore point before is what it was, and is rebuilt as it was", async () => {
    const [first] = runs;
    assert(first);
    const { groupId } = first.answer;
    assert.deepEqual(await snapshotSums(local, "b", groupId), before1["b"]);
    for (const site of targets) {
      const prefix = "old-";
      await local.command("rebuild", groupId, "--site", site, "--prefix", prefix, "--wait");
      const rebuilt = (await listed(site)).filter(({ origin }) => origin?.role === "rebuilt");
      const unprefixed = rebuilt.map((object) => withoutPrefix(object, prefix));
      const ofVms = new Set(rebuilt.filter(isVm).flatMap(({ volumes }) => volumes.map(({ id }) => id)));
      const alone = unprefixed.filter(
        ({ kind, volumes }) => kind !== "volume" || !volumes.some(({ id }) => ofVms.has(id)),
      );
      assert.deepEqual(await sumsNow(local, site, alone), first.sums);
      for (const source of first.objects.filter(isVm)) {
        const { nics, ...setUp } = setUpOf(vmNamed(alone, source.name));
        const { nics: sourceNics, ...expected } = setUpOf(source);
        assert.deepEqual(setUp, { ...expected, status: "STOPPED" });
        assert.deepEqual(
          nics.map(({ virtualSwitch }) => virtualSwitch),
          sourceNics.map(({ virtualSwitch }) => mapped(site, virtualSwitch)),
        );
      }
    }
  });

  test("a VM of a group that the protected site keeps is rebuilt there, as it is wished for", async () => {
    const [, second] = runs;
    assert(second);
    const wishes = ["--name", "copy-of-shop", "--keep-macs", "--disconnect-nics", "--power-on"];
    const rebuilding = ["rebuild", second.answer.groupId, "--site", "a", "--object", "shop"] as const;
    await local.command(...rebuilding, ...wishes, "--wait");
    const source = vmNamed(second.objects, "shop");
    const copy = vmNamed(await listed("a"), "copy-of-shop");
    const nics = source.vm.nics.map((nic) => ({ ...nic, virtualSwitch: null }));
    assert.deepEqual(setUpOf(copy), { ...setUpOf(source), status: "RUNNING", nics });
    const sums = Object.entries(await sumsNow(local, "a", [withoutPrefix(copy, "copy-of-")]));
    assert(sums.length > 0);
    for (const [place, sum] of sums) assert.equal(sum, second.sums[place], place);
    await assert.rejects(local.command(...rebuilding, "--prefix", "second-", "--keep-macs"), {
      code: "MAC_ADDRESS_TAKEN",
      message: /“second-shop” can't keep the MAC address 52:54:00:.* of site a has it/,
    });
    await local.command("object", "power-off", "copy-of-shop", "--site", "a");
    await local.command("object", "delete", "copy-of-shop", "--site", "a", "--yes");
  });

  test("each target keeps what its retention says, and the newest copy of what is gone", async () => {
    await run();
    const [first, second, third] = runs.map(({ answer }) => answer.groupId);
    assert.deepEqual(await published("b"), [first, second, third].sort());
    assert.deepEqual(await published("c"), [first, third].sort(), "the first is the newest that has what is gone");
    const kept = await verdictOnFirst("c");
    assert.deepEqual([kept.verdict, kept.rule], ["keep", "gone"]);
    assert.match(kept.explanation, /db/);
  });

  const verdictOnFirst = async (site: string) => {
    const param = { plan: planId };
    const answer = await answerOf(local.api.v1.plans[":plan"].retention.$get({ param, query: {} }));
    const groups = answer.sites.find((one) => one.site === site)?.groups ?? [];
    return (
      groups.find(({ group }) => group.id === runs[0]?.answer.groupId) ?? assert.fail("the first group is not there")
    );
  };

  test("what a person has taken out of the plan keeps nothing any more, what came by a rule does for 30 days", async () => {
    await writeFile(
      join(local.dir, "plan.yaml"),
      JSON.stringify({ ...plan, objects: [{ kind: "vm", name: "shop" }, ...plan.objects.slice(2)] }),
    );
    await local.command("plan", "update", "everything", "-f", join(local.dir, "plan.yaml"));
    const kept = await verdictOnFirst("c");
    assert.deepEqual([kept.verdict, kept.rule], ["keep", "gone"]);
    assert.doesNotMatch(kept.explanation, /db/);
    assert.match(kept.explanation, new RegExp(filePaths[0] ?? ""));
  });

  test("the next run, in between which nothing has changed, sends nothing", () => {
    for (const { progress } of runs[2]?.answer.targets ?? []) {
      assert.equal(progress.extentsTotal - progress.extentsUnchanged - progress.extentsHole, 0);
    }
  });

  const published = async (site: string): Promise<readonly string[]> => {
    const query = { site };
    const { items } = await answerOf(local.api.v1.plans[":plan"].groups.$get({ param: { plan: planId }, query }));
    return items.flatMap(({ id, state }) => (state === "published" ? [id] : [])).sort();
  };

  /**
   * A disk added, one removed and one grown, a VM renamed, a NIC moved, files added, changed and
   * deleted, one VM deleted. @returns extents that the next run has to send
   */
  const changeEverything = async (): Promise<number> => {
    const web = vmNamed(await local.inventory("a"), "web");
    const [first, second, third] = web.vm.disks;
    assert(first && second && third);
    const change = {
      name: "shop",
      disks: [
        { name: first.name, size: "768KiB" },
        { name: third.name },
        { name: "shop-new", size: "256KiB", geometry: clusterA[2].geometry },
        { volume: "quorum" },
      ],
      nics: [
        { switch: "san", vlan: 30, macAddress: "52:54:00:00:00:01", ipAddress: "10.1.0.5" },
        { switch: "prod", vlan: "web", macAddress: "52:54:00:00:00:02", model: "E1000", enabled: false },
      ],
    };
    await writeFile(join(local.dir, "change.yaml"), JSON.stringify(change));
    await local.command("object", "update", "web", "--site", "a", "-f", join(local.dir, "change.yaml"), "--yes");
    await local.command("object", "delete", "db", "--site", "a", "--yes");
    const [deleted = "", rewritten = ""] = filePaths;
    await local.command("object", "delete", fileName(deleted), "--site", "a", "--yes");
    const added = ["vm/later/one.vmdk", "two.vmdk"];
    await createObjects(local, "a", added.map(aFile));
    const volumeOf = async (name: string) =>
      (await local.inventory("a")).find((object) => object.name === name)?.volumes[0]?.id ?? assert.fail(name);
    const grown = vmNamed(await local.inventory("a"), "shop").vm.disks.find(({ name }) => name === first.name);
    assert(grown);
    const writes: [string, readonly number[]][] = [
      [grown.volumeId, [1, 11]],
      [await volumeOf("shop-new"), [0, 2]],
      [await volumeOf("oracle"), [3]],
      [await volumeOf(fileName(rewritten)), [1]],
      [await volumeOf(fileName("two.vmdk")), [0, 1]],
    ];
    await local.onStorage("a", async (storage) => {
      for (const [volumeId, extents] of writes) await writeExtents(storage, volumeId, extents);
    });
    return writes.reduce((sum, [, extents]) => sum + extents.length, 0);
  };
});

const mapped = (site: (typeof targets)[number], name: string | null): string | null =>
  name === null ? null : (switches[site][name as keyof (typeof switches)["b"]] ?? null);

const shapesOf = ({ volumes }: ObjectConfig) => volumes.map(({ sizeBytes, geometry }) => ({ sizeBytes, geometry }));

/**
 * A VM's configuration but for the ids of its volumes, and the places that what
 * is left out takes up.
 */
const setUpOf = ({ vm }: VmObject): Omit<VmConfig, "disks"> & { readonly disks: readonly object[] } => ({
  ...vm,
  disks: vm.disks.map(({ bus, boot }) => ({ bus, boot })),
});
