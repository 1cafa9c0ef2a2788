import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import packageJson from "../../package.json" with { type: "json" };
import { failoverDocumentation, withFailoverTable } from "./failovers.ts";
import { pageFile } from "./folders.ts";

test("the table of failovers in ARCHITECTURE is what the code does", () => {
  assert("docs:failovers" in packageJson.scripts);
  const page = readFileSync(pageFile, "utf8");
  const isCurrent = page === withFailoverTable(page, failoverDocumentation());
  assert(isCurrent, "it is out of date; make it anew with: npm run docs:failovers");
});
