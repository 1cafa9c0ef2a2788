import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { root, sources } from "./sources.ts";

/** By their paths. */
const texts = new Map<string, string>();
for (const file of sources()) texts.set(file, await readFile(join(root, file), "utf8"));

const committed = (): readonly string[] =>
  execFileSync("git", ["ls-files"], { cwd: root }).toString().trim().split("\n");

/** What tools look for under this name. */
const namedByTools = new Set(["Containerfile", "README.md"]);

/** Terms that are one word in a file's name, though the code writes them with a capital inside. */
const oneWord = new Set(["backup", "dynamodb", "extentstore", "iscsi", "localstack"]);

/** Types that are declared on both sides of a border for the same idea. */
const sharedIdeas = new Map([
  ["ListedGroup", "a group in a site's list: as a cluster's driver tells it, and as it travels"],
  ["Log", "functions and gateway never import each other"],
  ["MirrorVolume", "a mirror and its source: as a cluster's driver tells it, and as it travels"],
]);

/** What code writes as several words, by what it is without anything between them. */
const compounds = (): ReadonlyMap<string, string> => {
  const found = new Map<string, string>();
  for (const [file, text] of texts) {
    if (file.startsWith("test/house/")) continue;
    for (const [identifier] of text.matchAll(/[A-Za-z][A-Za-z0-9]+/g)) {
      if (/[a-z0-9][A-Z]/.test(identifier)) found.set(identifier.toLowerCase(), identifier);
    }
  }
  return found;
};

test("files and folders are named in small letters, with dashes between words", () => {
  const known = compounds();
  for (const file of committed()) {
    if (!/^(?:bench|cli|core|docs|functions|gateway|infra|pki|test)\//.test(file)) continue;
    for (const part of file.split("/").filter((name) => !namedByTools.has(name))) {
      assert.match(part, /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+)*$/, file);
      for (const word of part.replace(/\..*/, "").split("-")) {
        const runTogether = oneWord.has(word) ? undefined : known.get(word);
        assert.equal(runTogether, undefined, `${file}: put dashes between the words of ${runTogether}`);
      }
    }
  }
});

test("a type that is exported has a name of its own", () => {
  const declared = new Map<string, string[]>();
  for (const [file, text] of texts) {
    for (const [, name = ""] of text.matchAll(/^export (?:declare |abstract )*(?:interface|type|class) (\w+)/gm)) {
      declared.set(name, [...(declared.get(name) ?? []), file]);
    }
  }
  for (const [name, where] of declared) {
    if (!sharedIdeas.has(name))
      assert.equal(where.length, 1, `${name} is in ${where.join(" and ")}: rename one of them`);
  }
  for (const name of sharedIdeas.keys()) assert.equal(declared.get(name)?.length, 2, `${name} is not shared any more`);
});
