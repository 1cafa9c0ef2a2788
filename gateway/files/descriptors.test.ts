import assert from "node:assert/strict";
import { test } from "node:test";
import { refuseTooFewDescriptors } from "./descriptors.ts";

const limits = (files: string) =>
  Promise.resolve(`Max processes             96271                96271                processes
Max open files            ${files}                20000                files
`);

test("a process that may open too few files is refused with what to do; one whose limits are not known is not", async () => {
  await assert.rejects(refuseTooFewDescriptors(limits("64")), {
    code: "TOO_FEW_DESCRIPTORS",
    message: "This process may open 64 files at once, and needs 256.",
    hint: /ulimit -n/,
  });
  await refuseTooFewDescriptors(limits("1024"));
  await refuseTooFewDescriptors(limits("unlimited"));
  await refuseTooFewDescriptors(Promise.resolve(""));
});
