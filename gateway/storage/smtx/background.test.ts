import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Background } from "./background.ts";

describe("what nobody waits for", () => {
  test("is waited for by who closes, whatever comes of it", async () => {
    const background = new Background();
    const first = Promise.withResolvers<void>();
    const second = Promise.withResolvers<void>();
    await background.begin(() => first.promise);
    await background.begin(() => second.promise);
    let isClosed = false;
    const closing = background.close().then(() => {
      isClosed = true;
    });
    first.reject(new Error("it can't be removed"));
    await setImmediate();
    assert.equal(isClosed, false);
    second.resolve();
    await closing;
  });

  test("is called off where it takes too long", async () => {
    const background = new Background();
    await background.begin(
      ({ signal }) => new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
    );
    await background.close(1);
  });

  test("is so much at most: whoever has more waits", async () => {
    const background = new Background();
    const gates = Array.from({ length: 17 }, () => Promise.withResolvers<void>());
    let begun = 0;
    const all = Promise.all(
      gates.map(({ promise }) =>
        background.begin(() => {
          begun += 1;
          return promise;
        }),
      ),
    );
    await setImmediate();
    assert.equal(begun, 16);
    gates[3]?.resolve();
    await all;
    assert.equal(begun, 17);
    for (const { resolve } of gates) resolve();
    await background.settled();
  });
});
