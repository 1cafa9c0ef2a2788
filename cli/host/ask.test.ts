import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, test } from "node:test";
import { ask } from "./ask.ts";

/** A terminal at which a test types. */
const asking = (isTTY = true, signal: AbortSignal = new AbortController().signal) => {
  const stdin = Object.assign(new PassThrough(), { isTTY });
  let written = "";
  const write = (text: string) => {
    written += text;
  };
  return { stdin, answer: ask("Sure? ", { stdin, write, signal }), written: () => written };
};

describe("a question", () => {
  test("is answered by a line", async () => {
    const { stdin, answer, written } = asking();
    stdin.write("yes\nand more\n");
    assert.equal(await answer, "yes");
    assert.equal(written(), "Sure? ");
  });

  test("has an empty answer when the input ends", async () => {
    const { stdin, answer } = asking();
    stdin.end();
    assert.equal(await answer, "");
  });

  test("is not asked where nobody is at a terminal", async () => {
    const { answer, written } = asking(false);
    assert.equal(await answer, undefined);
    assert.equal(written(), "");
  });

  test("is given up by Ctrl-C, before and while it waits", async () => {
    const stopping = new AbortController();
    const { answer } = asking(true, stopping.signal);
    stopping.abort(new Error("stopped by SIGINT"));
    await assert.rejects(answer, /stopped by SIGINT/);
    await assert.rejects(asking(true, stopping.signal).answer, /stopped by SIGINT/);
  });
});
