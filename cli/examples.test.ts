import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { iscsiTargetSettingsSchema } from "../core/api/object/lun.ts";
import { geometrySchema } from "../core/api/object/volume-shape.ts";
import {
  type ObjectSpec,
  type ObjectSpecOf,
  objectChangeSchema,
  objectSpecSchema,
  vmDiskSpecSchema,
  vmNicSpecSchema,
} from "../core/api/object-spec.ts";
import { parseObjects, readChangeFile } from "./input/object-file.ts";
import { parsePlan } from "./input/plan-file.ts";

const page = (name: string) => readFile(fileURLToPath(new URL(`../docs/${name}`, import.meta.url)), "utf8");
const example = async (name: string) => ({ name, text: await page(`examples/${name}`) });
const objectsOf = async (name: string) => parseObjects(await example(name));
const ofKind = <K extends ObjectSpec["kind"]>(specs: readonly ObjectSpec[], kind: K) =>
  specs.filter((spec): spec is ObjectSpecOf<K> => spec.kind === kind);
const plan = async () => {
  const { text, name } = await example("plan.yaml");
  return parsePlan(text, name);
};

describe("docs/examples", () => {
  test("cluster-a.yaml has two VMs with a CD-ROM and a shared volume, a LUN with id 7, 30 files and a loose volume", async () => {
    const specs = await objectsOf("cluster-a.yaml");
    const vms = ofKind(specs, "vm");
    assert.equal(vms.length, 2);
    const disks = vms.flatMap((vm) => vm.disks);
    assert.equal(disks.filter(({ size }) => size !== undefined).length, 3);
    assert.equal(disks.filter(({ cdRom }) => cdRom !== undefined).length, 1);
    const nics = vms.flatMap((vm) => vm.nics);
    assert.deepEqual(nics.map((nic) => nic.switch).sort(), ["backend", "prod"]);
    const volumes = ofKind(specs, "volume");
    const shared = volumes.filter(({ sharing }) => sharing).map(({ name }) => name);
    assert.deepEqual([...new Set(disks.flatMap(({ volume = [] }) => volume))], shared);
    assert.equal(volumes.length - shared.length, 1);
    assert.deepEqual(
      ofKind(specs, "lun").map(({ lunId }) => lunId),
      [7],
    );
    assert.equal(new Set(ofKind(specs, "nfs-file").map(({ name }) => name)).size, 30);
  });

  test("plan.yaml protects what cluster-a.yaml makes, and leaves nothing of it but the shared volume", async () => {
    const [specs, { objects, targets }] = [await objectsOf("cluster-a.yaml"), await plan()];
    const isIn = (kind: string, name: string) =>
      objects.some((entry) => {
        if (entry.kind !== kind) return false;
        if (!("match" in entry) && !("directory" in entry)) return "name" in entry && entry.name === name;
        return name.startsWith(entry.directory ?? entry.match?.replace("*", "") ?? "?");
      });
    const left = specs
      .filter(({ kind, name }) => ["vm", "lun", "volume", "nfs-file"].includes(kind) && !isIn(kind, name))
      .map(({ name }) => name);
    assert.deepEqual(left, ["quorum"]);
    assert.deepEqual(
      targets.map(({ site, retention }) => [site, retention.keepLast]),
      [
        ["b", 7],
        ["c", 2],
      ],
    );
  });

  test("cluster-b.yaml has the pool and the switches that plan.yaml and its commands name", async () => {
    const [specs, { text }, { targets }] = [
      await objectsOf("cluster-b.yaml"),
      await example("plan.yaml"),
      await plan(),
    ];
    const pools = ofKind(specs, "pool").map(({ name }) => name);
    for (const { pool } of targets) assert.ok(pool !== undefined && pools.includes(pool));
    const switches = ofKind(specs, "switch").map(({ name }) => name);
    const mapped = [...text.matchAll(/[a-z]+(?:=|: )(dr-[a-z]+)/g)].map(([, name]) => name ?? "");
    assert.deepEqual([...new Set(mapped)].sort(), [...switches].sort());
  });
});

describe("docs/objects.md", () => {
  const blocks = async () => {
    const text = await page("objects.md");
    const [documents = "", change = "", entries = ""] = [...text.matchAll(/```yaml\n(.*?)```/gs)].map(
      ([, yaml]) => yaml,
    );
    return { documents, change, entries };
  };

  test("has a document of each kind, with every field that the kind has", async () => {
    const { documents } = await blocks();
    const specs = parseObjects({ name: "objects.md", text: documents });
    assert.deepEqual(
      specs.map(({ kind }) => kind).sort(),
      objectSpecSchema.options.map(({ shape }) => shape.kind.value).sort(),
    );
    const texts = documents.split("\n---\n");
    const inner = {
      vm: [vmDiskSpecSchema.shape, vmNicSpecSchema.shape],
      lun: [iscsiTargetSettingsSchema.shape],
      volume: [geometrySchema.shape],
    };
    for (const { shape } of objectSpecSchema.options) {
      const kind = shape.kind.value;
      const text = texts.find((one) => one.includes(`kind: ${kind} `) || one.includes(`kind: ${kind}\n`)) ?? "";
      const shapes = [shape, ...(kind in inner ? inner[kind as keyof typeof inner] : [])];
      for (const field of shapes.flatMap(Object.keys)) {
        assert.match(text, new RegExp(`\\b${field}\\b`), `${kind} has no ${field}`);
      }
    }
  });

  test("has a change and a plan's entries that are right, and every field of a change", async () => {
    const { change, entries } = await blocks();
    const readInput = async () => change;
    assert.equal((await readChangeFile("-", { readInput })).disks?.length, 2);
    for (const field of Object.keys(objectChangeSchema.shape)) assert.match(change, new RegExp(`\\b${field}\\b`));
    assert.equal(parsePlan(`name: p\nsource: a\n${entries}`, "objects.md").objects.length, 4);
  });
});
