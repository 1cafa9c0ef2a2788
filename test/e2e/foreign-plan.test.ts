import assert from "node:assert/strict";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import type { ForeignPlanAnswer, ForeignPlanDetail, ForeignRestore } from "../../core/api/foreign/answers.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { Local } from "./local.ts";
import { clusterA, createObjects, fill, isMirror, isVm, type Sums, sumsNow, vmNamed } from "./scenario.ts";

const plan = {
  name: "everything",
  source: "a",
  targets: [{ site: "b", retention: { keepLast: 3 } }],
  objects: [
    { kind: "vm", name: "web" },
    { kind: "vm", name: "db" },
    { kind: "lun", name: "oracle" },
    { kind: "nfs-file", directory: "/exports/e1" },
    { kind: "volume", name: "loose" },
  ],
};

/** Removes what lies in a folder, but for one. */
const removeAllBut = async (folder: string, kept: string): Promise<void> => {
  for (const name of await readdir(folder)) {
    if (name !== kept) await rm(join(folder, name), { recursive: true, force: true });
  }
};

describe("a protected site and the control plane that are deleted from disk", () => {
  let local: Local;
  let planId: string;
  let objects: readonly ObjectConfig[];
  /** Of the objects in each run, by their number. */
  const sums: Sums[] = [];
  const groups: string[] = [];
  const here = () => ["-c", join(local.dir, "sites", "b", "b1.yaml")];
  const ordinaryAtB = async () => (await local.inventory("b")).filter((object) => !isMirror(object));

  const backUp = async (): Promise<void> => {
    await fill(local, "a", objects);
    sums.push(await sumsNow(local, "a", objects));
    const answer = await local.ended(await local.runPlan("everything"));
    assert.equal(answer.status, "succeeded", JSON.stringify(answer, undefined, 2));
    groups.push(answer.groupId);
  };

  before(async () => {
    local = await Local.create();
    await local.start();
    await createObjects(local, "a", clusterA);
    await createObjects(local, "b", [
      { kind: "switch", name: "dr-prod", vlans: [{ name: "web", vlanId: 10 }] },
      { kind: "switch", name: "dr-san" },
    ]);
    for (const site of ["a", "b"]) await local.refreshed(site);
    await local.command("site", "map", "a", "--to", "b", "prod=dr-prod", "san=dr-san");
    const all = await local.inventory("a");
    objects = all.filter((object) => object.kind !== "volume" || object.name === "loose");
    await writeFile(join(local.dir, "plan.yaml"), JSON.stringify(plan));
    ({ id: planId } = (
      await local.command<{ plan: { id: string } }>("plan", "create", "-f", `${local.dir}/plan.yaml`)
    ).plan);
    await backUp();
    await backUp();
    await local.kill();
    await removeAllBut(local.dir, "sites");
    await removeAllBut(join(local.dir, "sites"), "b");
  });
  after(() => local.remove());

  test("the target's storage tells the plan, its groups, and that its gateway signed them", async () => {
    const { items } = await local.command<{ items: ForeignPlanAnswer[] }>("foreign-plan", "list", ...here());
    const found = items.map(({ planName, source, groupCount, newest }) => [
      planName,
      source,
      groupCount,
      newest.groupId,
    ]);
    assert.deepEqual(found, [["everything", "a", 2, groups[1]]]);
    const shown = await local.command<ForeignPlanDetail>("foreign-plan", "show", planId, ...here());
    for (const { manifest } of shown.groups) {
      assert(manifest.state === "signed", JSON.stringify(manifest));
      assert.equal(manifest.by, "spiffe://local/site/b/gateway/b1");
    }
    assert.equal(shown.objects.length, objects.length);
  });

  test("everything is rebuilt from the target alone, equal, under its own names", async () => {
    const before = await ordinaryAtB();
    assert.deepEqual(before, []);
    const wishes = ["--keep-macs", ...here()];
    const restore = await local.command<ForeignRestore>("foreign-plan", "rebuild", "everything", ...wishes);
    assert.deepEqual(
      restore.objects.filter(({ made, name }) => made?.name !== name),
      [],
    );
    const rebuilt = await ordinaryAtB();
    const ofVms = new Set(rebuilt.filter(isVm).flatMap(({ volumes }) => volumes.map(({ id }) => id)));
    const own = rebuilt.filter(({ kind, id }) => kind !== "volume" || !ofVms.has(id));
    assert.deepEqual(await sumsNow(local, "b", own), sums[1]);
    const [web, original] = [vmNamed(own, "web"), vmNamed(objects, "web")];
    assert.deepEqual(
      web.vm.nics.map(({ macAddress, virtualSwitch }) => [macAddress, virtualSwitch]),
      original.vm.nics.map(({ macAddress, virtualSwitch }) => [macAddress, `dr-${virtualSwitch}`]),
    );
    const lun = own.find(({ kind }) => kind === "lun");
    assert.deepEqual(lun?.kind === "lun" && lun.lun?.lunId, 7);
  });

  test("a second rebuild names what is in its way, and one of the older group stands beside it", async () => {
    await assert.rejects(local.command("foreign-plan", "rebuild", "everything", ...here()), (error) => {
      assert(VisibleError.is(error, "OBJECT_NAME_TAKEN"), String(error));
      return true;
    });
    const [older = ""] = groups;
    const wishes = ["--object", "oracle", "--prefix", "older-", "--group", older, ...here()];
    await local.command("foreign-plan", "rebuild", "everything", ...wishes);
    const lun = (await ordinaryAtB()).filter(({ name }) => name === "older-oracle");
    const found = await sumsNow(local, "b", lun);
    assert.equal(found["lun older-oracle"], sums[0]?.["lun oracle"]);
  });
});
