import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { circles } from "./circles.ts";
import { grouped, importGraph, importsIn } from "./imports.ts";
import { isForTests, root, sources } from "./sources.ts";

/** What each layer may read, besides itself. */
const layers: Readonly<Record<string, readonly string[]>> = {
  core: [],
  pki: ["core"],
  functions: ["core", "pki"],
  gateway: ["core", "pki"],
  infra: ["core", "pki", "functions", "gateway"],
  cli: ["core", "pki", "functions", "gateway", "infra"],
};

const layerOf = (file: string): string => file.split("/")[0] ?? "";

/**
 * A folder right below a layer, with all that is in it; files that lie loose in a
 * layer are its entry.
 */
const roomOf = (file: string): string => {
  const folders = file.split("/").slice(0, -1);
  return folders.slice(0, 2).join("/");
};

const isSource = (file: string) => file.endsWith(".ts");
const graph = importGraph(sources());
const productGraph = new Map([...graph].filter(([file]) => !isForTests(file)));

test("imports are found in all their forms, and only there", () => {
  const source = [
    'import "./a.ts";',
    'import {\n  type B,\n  b,\n} from "../b.ts";',
    'export type { C } from "./c.ts";',
    'export const d = "./not-this.ts";',
    `const e = await import(${JSON.stringify("./e.ts")});`,
    "import z from 'zod';",
    "",
  ].join("\n");
  assert.deepEqual(importsIn(source), ["./a.ts", "../b.ts", "./c.ts", "./e.ts"]);
});

test("a circle is found wherever one begins, and told by the shortest way round", () => {
  const ways = { a: ["b"], b: ["c", "d"], c: ["b"], d: ["e"], e: [] };
  assert.deepEqual(circles(new Map(Object.entries(ways).map(([from, to]) => [from, new Set(to)]))), ["b → c → b"]);
});

test("no file reads one that reads it, by however many others, be it only its types", () => {
  assert(graph.size > 1000 && [...graph.values()].some(({ size }) => size > 10), "the files were not found");
  for (const imported of [...graph.values()].flatMap((imports) => [...imports]).filter(isSource)) {
    assert(existsSync(join(root, imported)), `${imported} is imported and not there`);
  }
  assert.deepEqual(circles(graph), [], "move what both need into a file that both read");
});

test("no room reads one that reads it; nor does a layer's entry, which reads its rooms", () => {
  assert.deepEqual(circles(grouped(productGraph, roomOf)), [], "move what both need into a room below both");
});

test("no folder in a room reads one beside it that reads it", () => {
  const parents = new Set([...productGraph.keys()].map((file) => dirname(dirname(file))));
  for (const parent of parents) {
    const inner = new RegExp(`^${parent}/([^/]+)/`);
    const files = [...productGraph].filter(([file]) => inner.test(file));
    const beside = grouped(new Map(files), (file) => inner.exec(file)?.[1] ?? "");
    assert.deepEqual(circles(beside), [], parent);
  }
});

test("each layer reads only those below it", () => {
  const reads = grouped(new Map([...productGraph].filter(([file]) => layerOf(file) in layers)), layerOf);
  assert.deepEqual([...reads.keys()].sort(), Object.keys(layers).sort());
  for (const [layer, others] of reads) {
    const above = [...others].filter((other) => other !== "package.json" && !layers[layer]?.includes(other));
    assert.deepEqual(above, [], `${layer} may read ${layers[layer]?.join(", ") || "nobody"}`);
  }
});
