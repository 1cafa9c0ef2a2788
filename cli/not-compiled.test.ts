import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { notCompiled } from "./not-compiled.ts";
import { run, temporaryFolder } from "./testing.ts";

const errorOf = (work: () => unknown): unknown => {
  try {
    work();
  } catch (error) {
    return error;
  }
  return assert.fail("it did not fail");
};

test("a package that npm did not compile is no defect: the command says how to install it", async (t) => {
  const folder = join(await temporaryFolder(t), "node_modules", "zstd-napi");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "binding.js"), 'module.exports = require("./build/Release/binding.node");');
  const error = errorOf(() => createRequire(join(folder, "..", ".."))("zstd-napi/binding.js"));
  const checkGateway = async () => {
    throw error;
  };
  const { exitCode, stderr } = await run(["gateway", "check", "-c", "g.yaml"], { checkGateway });
  assert.equal(exitCode, 1);
  assert.match(stderr, /TOOL_MISSING[\s\S]*--allow-scripts=zstd-napi/);
});

test("another module that is missing stays a defect", () => {
  const error = errorOf(() => createRequire(import.meta.url)("./nowhere.js"));
  assert.equal(notCompiled(error), undefined);
});
