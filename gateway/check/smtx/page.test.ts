import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { errorCodes } from "../../../core/api/errors.ts";
import { parseGatewayConfig } from "../../config/config.ts";
import { abilityNames } from "../../storage/smtx/abilities/abilities.ts";
import { initiatorName } from "../../storage/smtx/reach.ts";
import { smtxChecks } from "./checks.ts";

const page = await readFile(new URL("../../../docs/smtx.md", import.meta.url), "utf8");
const block = (language: string): string => {
  const [, found] = new RegExp(`^( *)\`\`\`${language}\\n([\\s\\S]*?)^\\1\`\`\``, "m").exec(page)?.slice(1) ?? [];
  assert(found !== undefined, `the page has no ${language}`);
  return found.replaceAll(/^ {3}/gm, "");
};

describe("docs/smtx.md", () => {
  test("has a configuration that a gateway takes", () => {
    const [, yaml = ""] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
    const { storage } = parseGatewayConfig(parse(yaml), "/etc/smtx-backup/gateway.yaml");
    assert(storage.kind === "smtx");
    assert.equal(storage.ssh?.keyFile, "/etc/smtx-backup/cluster.key");
  });

  test("has a line for each look of gateway check, each question of the probe, and names no code that is none", () => {
    for (const [what] of smtxChecks) assert.match(page, new RegExp(`^- \`${what}\`: `, "m"));
    for (const name of abilityNames) assert.ok(page.includes(`\`${name}\``), name);
    assert.ok(page.includes(`\`${initiatorName}\``));
    const [, failures = ""] = page.split("## Reading failures");
    const codes = [...failures.matchAll(/^\| `([A-Z_]+)`/gm)].map(([, code = ""]) => code);
    assert.deepEqual(
      codes.filter((code) => !(code in errorCodes)),
      [],
    );
    for (const code of Object.keys(errorCodes)) if (code.startsWith("CLUSTER_")) assert.ok(codes.includes(code), code);
  });

  test("has a forced command that runs what the driver needs, and nothing else", async (context) => {
    const dir = await mkdtemp(join(tmpdir(), "forced-"));
    context.after(() => rm(dir, { recursive: true }));
    const script = join(dir, "commands");
    await writeFile(script, block("sh"));
    for (const tool of ["zbs-meta", "zbs-iscsi", "zbs-nfs"]) {
      await writeFile(join(dir, tool), `#!/bin/sh\nprintf "%s " ${tool} "$@"\n`);
      await chmod(join(dir, tool), 0o755);
    }
    const run = (command: string | undefined) =>
      new Promise<{ status: unknown; printed: string }>((resolve) => {
        const env = { PATH: `${dir}:/usr/bin:/bin`, ...(command !== undefined && { SSH_ORIGINAL_COMMAND: command }) };
        execFile("/bin/sh", [script], { env }, (error, printed) => resolve({ status: error?.code ?? 0, printed }));
      });
    const needed = await commandsOfDriver();
    assert.ok(needed.length >= 9, needed.join("; "));
    for (const command of needed) {
      assert.deepEqual(await run(`${command} 4c1e-77`), { status: 0, printed: `${command} 4c1e-77 ` });
    }
    const look = "zbs-meta -f json volume show_by_id 4c1e-77";
    const refused = [undefined, "", "id", `${look}; id`, `${look}\nid`, `${look} $(id)`, `${look} *`, `${look} 'a'`];
    for (const command of [...refused, "zbs-meta volume delete_by_id 4c1e-77", `env ${look}`]) {
      assert.deepEqual(await run(command), { status: 1, printed: "" }, command ?? "none");
    }
  });
});

/** How each command begins that the sources have. */
const commandsOfDriver = async (): Promise<readonly string[]> => {
  const folder = new URL("../../storage/smtx/ssh/", import.meta.url);
  const names = (await readdir(folder)).filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"));
  const sources = await Promise.all(names.map((name) => readFile(new URL(name, folder), "utf8")));
  return sources.flatMap((source) =>
    [...source.matchAll(/\[("zbs-[a-z]+"(?:, "[\w-]+")*)/g)].map(([, words = ""]) => words.replaceAll(/[",]/g, "")),
  );
};
