import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { testWith } from "../../test/need.ts";
import { run, temporaryFolder } from "../testing.ts";

const execute = promisify(execFile);
/** Only what hangs reaches it. */
const hangMs = 60_000;
const beside = (name: string): string => fileURLToPath(new URL(`./${name}`, import.meta.url));

const scriptOf = async (t: TestContext, shell: string): Promise<string> => {
  const { exitCode, stdout, stderr } = await run(["completion", shell]);
  assert.deepEqual([exitCode, stderr], [0, ""]);
  const file = join(await temporaryFolder(t), "script");
  await writeFile(file, stdout);
  return file;
};

const outputOf = async (program: string, parameters: readonly string[], cwd?: string): Promise<readonly string[]> => {
  const { stdout, stderr } = await execute(program, parameters, { timeout: hangMs, cwd });
  assert.equal(stderr, "");
  return stdout.split(/[\r\n]+/).filter((line) => line !== "");
};

type Complete = (t: TestContext, line: string, cwd?: string) => Promise<readonly string[]>;

const shells: Record<"bash" | "zsh" | "fish", Complete> = {
  // As readline cuts the line into words.
  bash: async (t, line, cwd) => {
    const words = line
      .split(/(=)| /)
      .filter((word, at, all) => word !== undefined && (word !== "" || at === all.length - 1));
    return outputOf("bash", [beside("capture.bash"), await scriptOf(t, "bash"), ...words], cwd);
  },
  zsh: async (t, line, cwd) => {
    const lines = await outputOf("zsh", ["-f", beside("capture.zsh"), await scriptOf(t, "zsh"), line], cwd);
    return lines.flatMap((text) => /^match:(.*)$/.exec(text)?.[1] ?? []);
  },
  fish: async (t, line, cwd) => {
    const offer = `source ${await scriptOf(t, "fish")}; complete -C '${line}'`;
    return (await outputOf("fish", ["--no-config", "-c", offer], cwd)).map((text) => text.replace(/\t.*/, ""));
  },
};

const cases: readonly (readonly [line: string, offered: readonly string[]])[] = [
  ["smtx-backup pl", ["plan"]],
  ["smtx-backup plan cre", ["create"]],
  ["smtx-backup plan s", ["show", "suspend"]],
  ["smtx-backup --json plan cre", ["create"]],
  ["smtx-backup --dir plan pl", ["plan"]],
  ["smtx-backup object list --si", ["--site"]],
  ["smtx-backup object list --site a --kind n", ["nfs-file"]],
  ["smtx-backup plan show nightly --js", ["--json"]],
  ["smtx-backup help plan cre", ["create"]],
  ["smtx-backup completion z", ["zsh"]],
  ["smtx-backup status pl", []],
  ["smtx-backup plan show pl", []],
];

// All of them first: what is registered after the last test has ended is not run.
const testsIn = { bash: await testWith("bash"), zsh: await testWith("zsh"), fish: await testWith("fish") };

for (const shell of ["bash", "zsh", "fish"] as const) {
  const testIn = testsIn[shell];
  const complete = shells[shell];
  describe(`in ${shell}`, () => {
    for (const [line, offered] of cases) {
      testIn(`“${line}” and TAB offer ${offered.join(", ") || "nothing"}`, async (t) => {
        assert.deepEqual((await complete(t, line)).toSorted(), offered);
      });
    }

    testIn("a choice is offered also after an equals sign", async (t) => {
      const [first = "", ...others] = await complete(t, "smtx-backup object list --kind=n");
      assert.deepEqual([first.replace("--kind=", ""), others], ["nfs-file", []]);
    });

    testIn("a file is offered where a file is to be named, by an option or an argument", async (t) => {
      const folder = await temporaryFolder(t);
      await writeFile(join(folder, "disk.img"), "");
      for (const line of ["smtx-backup volume import di", "smtx-backup plan create -f di"]) {
        const [offered] = await complete(t, line, folder);
        // bash hands it to readline.
        assert.equal(offered, shell === "bash" ? "compopt -o default" : "disk.img");
      }
    });
  });
}

testsIn.bash("an option that takes several values takes the choices of each", async (t) => {
  assert.deepEqual(await shells.bash(t, "smtx-backup token create me --scope read op"), ["operate"]);
  assert.deepEqual(await shells.bash(t, "smtx-backup token create me --scope read --da"), ["--days"]);
});

test("a shell that has no completion is bad usage that names those that have", async () => {
  const { exitCode, stderr } = await run(["completion", "tcsh"]);
  assert.equal(exitCode, 2);
  assert.match(stderr, /bash, zsh, fish/);
});
