import assert from "node:assert/strict";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { option } from "../../../gateway/nbd/protocol.ts";
import { NbdClient } from "../../../gateway/nbd/testing.ts";
import { groupId } from "../../../gateway/storage/conformance/fixtures.ts";
import { bytesIn, volumeBytes } from "../../../gateway/storage/conformance/objects.ts";
import { printedSchemaOf } from "../../json/schema.ts";
import { recordingScreen } from "../../testing.ts";
import { type ForeignHost, foreignHost } from "./testing-foreign.ts";

/** Attaches, and goes on when it is served. `end` is Ctrl-C. */
const attached = async (t: TestContext, { foreignPlan }: ForeignHost, words: string) => {
  const stopping = new AbortController();
  const served = Promise.withResolvers<string>();
  const stdout = { ...recordingScreen(false), write: (text: string) => served.resolve(text) };
  const stderr = recordingScreen(false);
  const ended = foreignPlan(`attach daily ${words}`, { signal: stopping.signal, stdout, stderr });
  const end = async () => {
    stopping.abort(new Error("stopped by SIGINT"));
    return { ...(await ended), stderr: stderr.text };
  };
  t.after(end);
  const text = await Promise.race([served.promise, ended.then(() => assert.fail(`it has ended: ${stderr.text}`))]);
  return { text, end };
};

const reading = async (socket: string, name: string): Promise<Buffer> => {
  const client = await NbdClient.connect(socket);
  await client.greet();
  await client.option(option.structuredReply);
  await client.describe(option.go, name);
  const bytes = await client.read(0, volumeBytes);
  client.socket.destroy();
  return bytes;
};

describe("foreign-plan attach", () => {
  test("serves each disk of a VM at a socket of this user alone, until Ctrl-C", async (t) => {
    const host = await foreignHost(t);
    const { text, end } = await attached(t, host, "--object web --for 90m --json");
    const told = printedSchemaOf("foreign-plan attach").parse(JSON.parse(text)) as {
      readonly socket: string;
      readonly groupId: string;
      readonly writable: boolean;
      readonly addresses: readonly { readonly disk: number; readonly uri: string }[];
    };
    assert.deepEqual([told.groupId, told.writable], [groupId(3), false]);
    assert.deepEqual(
      told.addresses.map(({ disk, uri }) => [disk, uri.replace(/\?.*/, "")]),
      [
        [0, "nbd+unix:///web%2F0"],
        [2, "nbd+unix:///web%2F2"],
      ],
    );
    assert.equal((await stat(told.socket)).mode & 0o777, 0o600);
    assert.equal((await stat(join(host.folder, "attached"))).mode & 0o777, 0o700);
    for (const [name, volume] of [
      ["web/0", "volume-00000000000000d1"],
      ["web/2", "volume-00000000000000d3"],
    ] as const) {
      assert.ok((await reading(told.socket, name)).equals(bytesIn(3, volume)));
    }
    const { exitCode, stderr } = await end();
    assert.equal(exitCode, 0);
    assert.equal(stderr, "");
    assert.deepEqual(await readdir(join(host.folder, "attached")), []);
  });

  test("serves an older group, one disk, and says how to read it", async (t) => {
    const host = await foreignHost(t);
    const { text, end } = await attached(t, host, `--object web --disk 2 --group ${groupId(2)} --writable`);
    assert.match(text, /web of group_\S+ is attached until .*, or Ctrl-C\. What is written to it is thrown away/);
    assert.match(text, /nbdinfo .*nbd\+unix:\/\/\/web\?socket=/);
    const [, socket = ""] = /user of this command: (\S+)/.exec(text) ?? [];
    assert.ok((await reading(socket, "web")).equals(bytesIn(2, "volume-00000000000000d3")));
    const { exitCode, stderr } = await end();
    assert.deepEqual([exitCode, stderr], [0, "It has ended.\n"]);
  });

  test("refuses an object and a disk that the group does not have", async (t) => {
    const { foreignPlan } = await foreignHost(t);
    for (const [words, code] of [
      ["--object nothing", "OBJECT_UNKNOWN"],
      ["--object web --disk 7", "VOLUME_UNKNOWN"],
    ] as const) {
      const { stderr, exitCode } = await foreignPlan(`attach daily ${words}`);
      assert.equal(exitCode, 3);
      assert.match(stderr, new RegExp(`\\(${code}\\)`));
    }
  });
});
