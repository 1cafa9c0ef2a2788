import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { needTool, testWith } from "../../test/need.ts";
import { definitionOf, withInner } from "../help/definitions.ts";
import { environmentVariables } from "../help/environment-variables.ts";
import { createProgram } from "../program.ts";
import { fakeHost, run, temporaryFolder } from "../testing.ts";
import { manPage } from "./page.ts";
import { paragraph } from "./roff.ts";

const program = definitionOf(createProgram(fakeHost(), () => async () => undefined));
const page = manPage(program, { version: "1.2.3", date: "2026-03-01" });
const testWithMandoc = await testWith("mandoc");
/** As somebody reads it. */
const plain = page.replaceAll("\\-", "-").replaceAll("\\fB", "").replaceAll("\\fR", "");

describe("the man page", () => {
  test("has every command that the first page of --help lists, with each of its options", async () => {
    const { stdout } = await run(["--help"]);
    const listed = [...stdout.matchAll(/^ {2}([a-z]+(?:-[a-z]+)*(?: [a-z]+(?:-[a-z]+)*)?) .*(?: {2}\S|>$)/gm)].map(
      ([, path]) => path ?? "",
    );
    const commands = withInner(program).filter(({ commands }) => commands.length === 0);
    assert.deepEqual(
      commands.map(({ words }) => words.join(" ")).filter((path) => !listed.includes(path)),
      [],
    );
    for (const { words, options } of commands) {
      const [, about = ""] = plain.split(`.SS "${words.join(" ")}"\n`);
      const [own = ""] = about.split(".SS");
      const shown = (await run([...words, "--help"])).stdout;
      for (const { flags } of options) {
        assert.ok(shown.includes(flags), `${words.join(" ")} --help has ${flags}`);
        assert.ok(flags === "-h, --help" || own.includes(`.TP\n${flags}\n`), `${words.join(" ")} has ${flags}`);
      }
    }
  });

  test("has every exit code, and sections for environment, files and examples", () => {
    for (const code of [0, 1, 2, 3, 4, 5, 70, 130]) assert.match(plain, new RegExp(`^\\.TP\n${code}$`, "m"));
    for (const title of ["ENVIRONMENT", "FILES", "EXAMPLES"])
      assert.match(plain, new RegExp(`^\\.SH "${title}"$`, "m"));
    assert.match(plain, /^smtx-backup plan run nightly --wait$/m);
  });

  test("has every environment variable that the command reads", () => {
    const folder = fileURLToPath(new URL("..", import.meta.url));
    const sources = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
      (name) => name.endsWith(".ts") && !name.includes("test"),
    );
    const texts = sources.map((name) => readFileSync(join(folder, name), "utf8"));
    const read = texts.flatMap((text) => [...text.matchAll(/\benv\["([A-Z_]+)"\]|"(SMTX_BACKUP_[A-Z_]+)"/g)]);
    const names = new Set(read.map(([, one, other]) => one ?? other ?? ""));
    // A proxy's, which is only ever added to.
    names.delete("NO_PROXY");
    assert.deepEqual([...names].filter((name) => !(name in environmentVariables)).sort(), []);
    for (const name of Object.keys(environmentVariables)) assert.ok(plain.includes(`.TP\n${name}\n`), name);
  });

  test("a word that begins with a dot is text and no request, also where a line breaks before it", () => {
    assert.doesNotMatch(page, /^\.(?!TH|SH|SS|TP|PP|B|I|nf|fi)/m);
    assert.equal(paragraph(`${"x".repeat(80)} .so /etc/passwd`), `${"x".repeat(80)}\n\\&.so /etc/passwd`);
    assert.equal(paragraph(".so x"), "\\&.so x");
  });
});

testWithMandoc("mandoc finds nothing wrong with the man page", async (t, mandoc) => {
  const file = join(await temporaryFolder(t), "smtx-backup.1");
  await writeFile(file, page);
  assert.equal(execFileSync(mandoc, ["-Tlint", "-Wstyle", file], { encoding: "utf8" }), "");
});

test("groff finds nothing wrong with the man page", async (t) => {
  const groff = await needTool(t, "groff", "groff-base");
  if (groff === undefined) return;
  const { status, stderr } = spawnSync(groff, ["-man", "-ww", "-Tutf8", "-z"], { input: page, encoding: "utf8" });
  assert.deepEqual([status, stderr], [0, ""]);
});
