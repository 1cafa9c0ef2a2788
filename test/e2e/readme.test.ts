import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { parsePlan } from "../../cli/input/plan-file.ts";
import { fencedBlocks, inlineCode, readPage, root } from "../house/page.ts";
import { testWith } from "../need.ts";
import { prints, settledText } from "./printed.ts";
import { Terminals, type Typed, typedIn } from "./typed.ts";

const page = await readPage("README.md");
const blocks = fencedBlocks(page);
const typed = blocks.filter(({ language }) => language === "console").flatMap(({ text }) => typedIn(text));

/** What is run here in another way than the page has it, and why. */
const otherwise: Record<string, string> = {
  "npm ci && npm run demo": "npm ci would install anew under the tests' feet: CI begins with it. The image is smaller.",
  "npm ci && npm test": "It would run itself for minutes: the folder whose titles the page shows is run by its script.",
};

/**
 * Scripts that the page names and this test does not run, and why. Each has to be in package.json.
 */
const scriptsElsewhere: Record<string, string> = {
  "test:e2e": "this test is a part of it",
  "test:attach": "needs qemu, libnbd and fio; CI runs it",
  "test:cluster": "needs tgt, sshd and a Python package of 77 MB; CI runs it",
  "test:network": "needs root and network namespaces; CI runs it",
  "test:aws": "needs the emulators of AWS; CI runs it",
  "test:infra": "gets SST's platform, 300 MB; CI runs it",
  "test:package": "needs root, and installs the package; CI runs it",
  "test:histories": "takes half an hour",
  "test:cuts": "takes an hour",
  "test:fuzz": "CI runs it",
  "test:hostile": "CI runs it",
  "test:load": "wants both cores for itself",
  bench: "takes twenty minutes; its parts are tested in bench",
  "bench:attach": "takes two minutes; test:attach tries it with a small disk",
  "bench:control": "takes three minutes; its bounds are tested in bench/control",
  cost: "prints what docs/aws.md says; bench/control tests it",
  check: "looks at the whole tree; CI runs it",
};

const expectPrinted = ({ command, said }: Typed, printed: string, options?: { counts: "any" }) =>
  assert.ok(
    prints(said, printed, options),
    `${command}\nshould print, as README.md says\n\n${settledText(said)}\n\nand prints\n\n${settledText(printed)}`,
  );

describe("README.md, on one machine", () => {
  const session = typed.filter(({ command }) => !(command in otherwise));
  let terminals: Terminals;

  before(async () => {
    terminals = await Terminals.open();
    const plan = blocks.find(({ language, text }) => language === "yaml" && text.startsWith("name: "));
    assert(plan, "the page has no plan.yaml");
    await writeFile(join(terminals.dir, "plan.yaml"), withFarSlot(plan.text));
  });
  after(() => terminals.close());

  assert.ok(session.length >= 10);
  for (const step of session) {
    test(`$ ${step.command}`, async () => {
      if (step.command.includes(" local up ")) {
        return expectPrinted(step, await terminals.typeAndLeave(step.command, step.said.split("\n").length));
      }
      const { printed, exitCode } = await terminals.type(step.command);
      assert.equal(exitCode, 0, printed);
      expectPrinted(step, printed);
    });
  }

  test("Ctrl-C ends it, and the folder stays", async () => {
    assert.equal(await terminals.interrupt(), 0);
    assert.match(await readFile(join(terminals.dir, "data/token"), "utf8"), /\S/);
  });
});

describe("README.md, the two commands", async () => {
  const saidOf = (command: string): Typed => {
    const found = typed.find((one) => one.command === command);
    assert(found, `the page has no ${command}`);
    return found;
  };

  const testWithE2fsck = await testWith("e2fsck");
  testWithE2fsck("the demo prints what the page says, on an image of 512 MiB", async () => {
    const printed = await npm("run", "demo", "--", "--size", "512MiB");
    expectPrinted(saidOf("npm ci && npm run demo"), printed, { counts: "any" });
  });

  test("the tests print what the page says, here those of core/plan", async () => {
    const printed = await npm("run", "testing", "--", "core/plan/decide.test.ts");
    expectPrinted(saidOf("npm ci && npm test"), printed);
  });
});

describe("README.md", () => {
  test("has no command that is left out here without a reason", () => {
    const commands = new Set(typed.map(({ command }) => command));
    for (const command of Object.keys(otherwise)) assert.ok(commands.has(command), `the page has no ${command}`);
    const named = [...page.matchAll(/npm run ([a-z][a-z:0-9]*)/g)].map(([, script = ""]) => script);
    assert.deepEqual([...new Set(named)].sort(), [...Object.keys(scriptsElsewhere), "demo"].sort());
  });

  test("names no script that package.json does not have", async () => {
    const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { scripts: object };
    for (const script of [...Object.keys(scriptsElsewhere), "demo", "test"]) assert.ok(script in scripts, script);
  });

  test("has its commands in blocks, with what they print: none in the lines between", () => {
    assert.deepEqual(
      inlineCode(page).filter((code) => /^(npx|export|smtx-backup) /.test(code)),
      [],
    );
    for (const { language, text } of blocks) {
      assert.ok(["console", "yaml"].includes(language), `a block without a language: ${text}`);
      if (language === "yaml") parsePlan(text, "README.md");
    }
  });
});

/** At an hour that is far from now, so that no slot comes in between. */
const withFarSlot = (plan: string): string => {
  const hour = (new Date().getUTCHours() + 12) % 24;
  const moved = plan.replace(/at: "\d\d:\d\d"/, `at: "${String(hour).padStart(2, "0")}:30"`);
  assert.notEqual(moved, plan);
  return moved;
};

/** As it prints where no test runs it: the runner would answer its parent instead. */
const npm = async (...args: readonly string[]): Promise<string> => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { stdout } = await promisify(execFile)("npm", args, { cwd: root, env, maxBuffer: 64 * 1024 ** 2 });
  return stdout;
};
