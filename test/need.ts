import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { findTool } from "../infra/local/demo/tools.ts";

/**
 * The path of a tool that a test needs. Where it is missing the test says so loudly and gives up, and in CI it fails.
 *
 * @param from the Debian package that brings it
 */
export const needTool = async (context: TestContext, name: string, from: string): Promise<string | undefined> => {
  const path = await findTool(name);
  if (path !== undefined) return path;
  const message = `NOT CHECKED: ${name} is missing here; install ${from}`;
  if (process.env["CI"]) assert.fail(message);
  process.stderr.write(`${message}\n`);
  context.skip(message);
  return undefined;
};
