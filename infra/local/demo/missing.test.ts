import assert from "node:assert/strict";
import { test } from "node:test";
import { missingText } from "./missing.ts";

const tools = [
  { name: "mke2fs", package: "e2fsprogs", without: "the image is raw" },
  { name: "debugfs", package: "e2fsprogs", without: "nothing changes inside it" },
  { name: "rsync", package: "rsync", without: "nothing is compared" },
];

test("what is missing is told with what is not done without it, and how to install it", async () => {
  assert.equal(
    await missingText(tools, async () => undefined),
    [
      "mke2fs is not installed here: without it the image is raw.",
      "debugfs is not installed here: without it nothing changes inside it.",
      "rsync is not installed here: without it nothing is compared.",
      "To have it all: apt-get install e2fsprogs rsync",
    ].join("\n"),
  );
  const onlyRsync = await missingText(tools, async (name) => (name === "rsync" ? undefined : `/bin/${name}`));
  assert.match(onlyRsync ?? "", /^rsync is .*\nTo have it all: apt-get install rsync$/);
});

test("nothing is told where all is there", async () => {
  assert.equal(await missingText(tools, async (name) => `/bin/${name}`), undefined);
});
