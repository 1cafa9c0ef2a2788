import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { root } from "./sources.ts";

const page = await readFile(join(root, "ARCHITECTURE.md"), "utf8");

test("every file that ARCHITECTURE names is there", () => {
  for (const [, name] of page.matchAll(/`([a-z]+\/[a-zA-Z0-9/._-]+\.(?:ts|json))`/g)) {
    assert(name !== undefined && existsSync(join(root, name)), `${name} is not there`);
  }
});

test("the linter refuses an import against the layers, and says why", async (t) => {
  const refusals = [
    ["core/x.ts", 'import "node:fs";', "core is pure"],
    ["core/y.ts", 'import { x } from "../gateway/x.ts";\nexport { x };', "core imports nobody"],
    [
      "functions/x.ts",
      'import { x } from "../gateway/x.ts";\nexport { x };',
      "functions and gateway never import each other",
    ],
    [
      "gateway/x.ts",
      'import { x } from "../functions/x.ts";\nexport { x };',
      "functions and gateway never import each other",
    ],
  ] as const;
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-layers-"));
  t.after(() => rm(dir, { recursive: true }));
  const { $schema: _, vcs: __, ...rules } = JSON.parse(await readFile(join(root, "biome.json"), "utf8"));
  await writeFile(join(dir, "biome.json"), JSON.stringify(rules));
  for (const [file, source] of refusals) {
    await mkdir(join(dir, dirname(file)), { recursive: true });
    await writeFile(join(dir, file), `${source}\n`);
  }
  for (const [file, , why] of refusals) {
    const answer = spawnSync(join(root, "node_modules/.bin/biome"), ["lint", file], { cwd: dir, encoding: "utf8" });
    assert.notEqual(answer.status, 0, `${file} may import what it must not`);
    assert.match(answer.stdout + answer.stderr, new RegExp(why));
  }
});
