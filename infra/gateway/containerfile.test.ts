import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import packageJson from "../../package.json" with { type: "json" };
import { envoyVersion } from "../envoy/version.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const text = await readFile(new URL("./Containerfile", import.meta.url), "utf8");

/** Its instructions, a continued one on a line, without comments. */
const instructions = text
  .replaceAll(/^#.*\n/gm, "")
  .replaceAll(/\\\n\s*/g, "")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => {
    const [word = "", ...rest] = line.split(" ");
    return { word, value: rest.join(" ") };
  });

const valuesOf = (word: string): readonly string[] =>
  instructions.filter((instruction) => instruction.word === word).map(({ value }) => value);

/** What is copied from the project's folder. */
const sources = valuesOf("COPY")
  .filter((value) => !value.startsWith("--from"))
  .flatMap((value) => value.split(" ").slice(0, -1));

describe("the gateway's Containerfile", () => {
  test("takes the Node and the Envoy that the project is tested with", () => {
    const images = valuesOf("FROM").map((value) => value.split(" ")[0]);
    const node = `docker.io/library/node:${packageJson.devDependencies.node}-bookworm-slim`;
    assert.deepEqual(images, [`docker.io/envoyproxy/envoy:distroless-v${envoyVersion}`, node, node]);
  });

  test("copies what is there, and all that the build reads", async () => {
    const commented = await readFile(join(root, "tsconfig.build.json"), "utf8");
    const build = JSON.parse(commented.replaceAll(/^\s*\/\/.*$/gm, "")) as { readonly include: readonly string[] };
    for (const source of sources) assert(existsSync(join(root, source)), `there is no ${source}`);
    for (const folder of build.include) assert(sources.includes(folder), `${folder} is not copied`);
  });

  test("runs as somebody who isn't root, and what is run is the gateway", () => {
    const [user = "", ...others] = valuesOf("USER");
    assert.deepEqual(others, []);
    assert.match(user, /^[1-9]\d*:[1-9]\d*$/);
    assert.deepEqual(valuesOf("ENTRYPOINT"), ['["smtx-backup"]']);
    const [command = "[]"] = valuesOf("CMD");
    assert.deepEqual(JSON.parse(command), ["gateway", "run", "-c", "/etc/smtx-backup/gateway.yaml"]);
  });

  test("compiles in a stage that is left behind", () => {
    const last = instructions.findLastIndex(({ word }) => word === "FROM");
    for (const { word, value } of instructions.slice(last))
      assert(!/apt-get|g\+\+|npm /.test(value), `${word} ${value}`);
  });
});
