import assert from "node:assert/strict";
import { mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { prints, settledText } from "../e2e/printed.ts";
import { Terminals, typedIn } from "../e2e/typed.ts";
import { fencedBlocks, readPage } from "../house/page.ts";
import { tool } from "./attached.ts";

const page = await readPage("docs/attach.md");
const session = fencedBlocks(page)
  .filter(({ language }) => language === "console")
  .flatMap(({ text }) => typedIn(text));

const plan = `
name: nightly
source: a
targets: [{ site: b, retention: { keepLast: 7 } }]
objects: [{ kind: lun, name: web1 }]
`;

describe("docs/attach.md, on one machine", { timeout: 600_000 }, () => {
  let terminals: Terminals;
  const file = (name: string) => join(terminals.dir, name);
  const typed = async (command: string) => {
    const { printed, exitCode } = await terminals.type(command);
    assert.equal(exitCode, 0, `${command}\n${printed}`);
    return printed;
  };

  before(async () => {
    terminals = await Terminals.open();
    await mkdir(file("files/etc"), { recursive: true });
    await writeFile(file("files/etc/motd"), "welcome\n");
    await writeFile(file("disk.img"), "");
    await truncate(file("disk.img"), 64 * 1024 ** 2);
    await tool("mke2fs", "-q", "-t", "ext4", "-d", file("files"), file("disk.img"));
    await writeFile(file("plan.yaml"), plan);
    await terminals.typeAndLeave("npx smtx-backup local up --dir ./data", 5);
    await typed("export SMTX_BACKUP_DIR=./data");
    await typed("npx smtx-backup volume import disk.img --site a --name web1");
    await typed("npx smtx-backup plan create -f plan.yaml");
    await typed("npx smtx-backup plan run nightly --wait");
  });
  after(() => terminals.close());

  assert.ok(session.length >= 10);
  for (const { command, said } of session) {
    test(`$ ${command}`, async () => {
      const printed = await typed(command);
      assert.ok(
        prints(said, printed),
        `it should print\n\n${settledText(said)}\n\nand prints\n\n${settledText(printed)}`,
      );
    });
  }

  test("the copies are the disk that was backed up", async () => {
    await typed("cmp disk.img web1.img");
    await typed("qemu-img compare disk.img web1.qcow2");
  });
});
